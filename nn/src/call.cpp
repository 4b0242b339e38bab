#include "gradus/nn/call.h"

#include "by_object.h"

#include "gradus/graph/node.h"
#include "gradus/nn/model.h"

#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

/// The scope of a module that is evaluated: its path of names from the model on.
namespace gradus::nn::detail {

namespace {

thread_local constinit Call* innermost = nullptr;

/// The path to a child, looked for among the fields of a module and, if it is not there, deeper.
class ChildFinder final : public Visitor {
 public:
  ChildFinder(ModuleRef child, std::string& path) : wanted_(child), path_(path) {}
  bool find_in(ModuleRef parent) {
    for (bool deep : {false, true}) {
      deep_ = deep;
      path_.clear();
      parent.visit(*this);
      if (found_) return true;
    }
    return false;
  }
  /// Modules looked at.
  int looked_at() const { return looked_at_; }
  void child(std::string_view name, ModuleRef child) override {
    if (found_) return;
    ++looked_at_;
    const std::size_t length = path_.size();
    if (length > 0 && !name.empty()) path_ += '.';
    path_ += name;
    found_ = child == wanted_;
    if (!found_ && (deep_ || !child.is_module())) child.visit(*this);
    if (!found_) path_.resize(length);
  }

 private:
  ModuleRef wanted_;
  std::string& path_;
  int looked_at_ = 0;
  bool deep_ = false, found_ = false;
};

/// The fields of a module that are modules, by what they are.
class ChildIndex final : public Visitor {
 public:
  explicit ChildIndex(ModuleRef parent) { parent.visit(*this); }
  const std::string* path_of(ModuleRef child) const {
    const auto at = paths_.find(child);
    return at == paths_.end() ? nullptr : &at->second;
  }
  void child(std::string_view name, ModuleRef child) override {
    const std::size_t length = path_.size();
    if (length > 0 && !name.empty()) path_ += '.';
    path_ += name;
    paths_.emplace(child, path_);
    if (!child.is_module()) child.visit(*this);
    path_.resize(length);
  }

 private:
  std::unordered_map<ModuleRef, std::string, ByObject> paths_;
  std::string path_;
};

// Calls under way that have looked through many fields for a child have an index of them; the last such call.
thread_local std::vector<std::pair<const Call*, ChildIndex>> indices;
thread_local constinit const Call* last_indexed = nullptr;
constexpr int kManyChildren = 64;

/// The path to a child of the module that `call` evaluates.
bool find_child(const Call* call, ModuleRef parent, ModuleRef child, std::string& path) {
  bool has_index = false;
  for (auto index = indices.rbegin(); index != indices.rend() && !has_index; ++index) {
    if (index->first != call) continue;
    has_index = true;
    if (const std::string* known = index->second.path_of(child)) return path = *known, true;
  }
  ChildFinder finder(child, path);
  const bool found = finder.find_in(parent);
  if (!has_index && finder.looked_at() > kManyChildren) {
    indices.emplace_back(call, ChildIndex(parent));
    last_indexed = call;
  }
  return found;
}

void drop_index() {
  indices.pop_back();
  last_indexed = indices.empty() ? nullptr : indices.back().first;
}

/// "ResNet" → "res_net", "HTTPServer" → "http_server"; a function is named by what it says of itself.
std::string scope_name(ModuleRef module) {
  const std::string type = module.describe();
  const std::string_view word = std::string_view(type).substr(0, type.find_first_of("< "));
  const auto is_upper = [&](std::size_t i) { return word[i] >= 'A' && word[i] <= 'Z'; };
  const auto is_lower = [&](std::size_t i) { return i < word.size() && word[i] >= 'a' && word[i] <= 'z'; };
  std::string name;
  for (std::size_t i = 0; i < word.size(); ++i) {
    // A word begins behind a small letter, and where the last capital of several has one behind it.
    if (i > 0 && is_upper(i) && word[i - 1] != '_' && (is_lower(i - 1) || is_lower(i + 1))) name += '_';
    name += is_upper(i) ? static_cast<char>(word[i] - 'A' + 'a') : word[i];
  }
  return name;
}

/// Scopes of children whose places in their parents decide their names.
struct KnownScope {
  const void* around;
  const TypeInfo *parent, *child;
  std::size_t place;  // offset in the parent, or beyond its size, the index
  const graph::Scope* scope;
};
thread_local constinit std::array<KnownScope, 128> known_scopes{};

}  // namespace

void label_parameters(ModuleRef model) {
  const std::string root = scope_name(model);
  for (const NamedParameter& named : named_parameters(model))
    if (is_leaf(named.parameter))
      static_cast<Leaf*>(node_of(named.parameter))->label = root.empty() ? named.name : root + '.' + named.name;
}

/// The first parameter of a model that has a node.
class FirstLeaf final : public Visitor {
 public:
  void parameter(std::string_view, Parameter& p) override {
    if (leaf == nullptr && is_leaf(p)) leaf = static_cast<Leaf*>(node_of(p));
  }
  void child(std::string_view, ModuleRef child) override {
    if (leaf == nullptr) child.visit(*this);
  }
  Leaf* leaf = nullptr;
};

/// The parameters of a model get names when it is first evaluated, those that have none.
static void label_once(ModuleRef model) {
  FirstLeaf first;
  model.visit(first);
  if (first.leaf == nullptr) return;
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  if (!first.leaf->label.empty()) return;
  const std::string root = scope_name(model);
  for (const NamedParameter& named : named_parameters(model)) {
    if (!is_leaf(named.parameter)) continue;
    std::string& label = static_cast<Leaf*>(node_of(named.parameter))->label;
    if (label.empty()) label = root.empty() ? named.name : root + '.' + named.name;
  }
}

void Call::expect_child(const void* container, ModuleRef child, std::size_t index) {
  if (innermost == nullptr || innermost->module_.object() != container) return;
  innermost->expected_child_ = child.object();
  innermost->expected_index_ = index;
}

const graph::Scope* Call::find_scope() const {
  const graph::Scope* around = graph::Scope::current();
  const TypeInfo *type = &module_.type(), *parent = nullptr;
  std::size_t place = 0;
  bool fixed = true, indexed = false;
  if (outer_ != nullptr) {
    parent = &outer_->module_.type();
    indexed = outer_->expected_child_ == module_.object();
    place = indexed ? parent->size + outer_->expected_index_
                    : reinterpret_cast<std::uintptr_t>(module_.object()) -
                          reinterpret_cast<std::uintptr_t>(outer_->module_.object());
    fixed = indexed || place < parent->size;
  }
  const std::size_t hash =
      (reinterpret_cast<std::uintptr_t>(around) >> 4) ^ (reinterpret_cast<std::uintptr_t>(type) >> 3) ^ (place * 5 / 8);
  KnownScope& known = known_scopes[(hash ^ (hash >> 7)) % known_scopes.size()];
  if (fixed && known.scope != nullptr && known.around == around && known.parent == parent && known.child == type &&
      known.place == place)
    return known.scope;

  thread_local std::string name;
  if (indexed)
    name = std::string_view(IndexName(outer_->expected_index_));
  else if (outer_ == nullptr || !find_child(outer_, outer_->module_, module_, name))
    name = scope_name(module_);
  const graph::Scope* scope = graph::Scope::child(around, name, module_.type_name());
  gradus::detail::scope_text = &Call::spell;
  if (fixed) known = {around, parent, type, place, scope};
  return scope;
}

/// A module that is being evaluated is described as it is now: its scope may have been another's
/// before.
std::string Call::spell(const void* scope) {
  const auto* s = static_cast<const graph::Scope*>(scope);
  std::string what = s->description();
  for (const Call* call = innermost; call != nullptr; call = call->outer_) {
    if (call->scope_ != scope) continue;
    what = call->module_.describe();
    break;
  }
  return what.empty() ? s->path() : s->path() + " (" + what + ")";
}

Call::Call(ModuleRef module, const CallSite* site)
    : module_(module), outer_(innermost), before_(gradus::detail::context), scope_(find_scope()) {
  if (outer_ == nullptr) label_once(module);  // may fail, so before anything is changed
  gradus::detail::Context& context = gradus::detail::context;
  context.scope = scope_;
  if (site == nullptr) {
    context.pinned = false;
  } else if (!context.pinned) {
    context.site = *site;
    context.pinned = true;
  }
  innermost = this;
}

Call::~Call() {
  if (last_indexed == this) drop_index();
  gradus::detail::context = before_;
  innermost = outer_;
}

}  // namespace gradus::nn::detail
