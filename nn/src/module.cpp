#include "gradus/nn/module.h"

#include "gradus/graph/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace gradus {

Parameter::Parameter(Tensor value) : Tensor(std::move(value)) {
  if (!defined() || is_leaf(*this)) return;
  static_cast<Tensor&>(*this) = leaf(detach(*this));
}

Buffer::Buffer(Tensor value) : Tensor(std::move(value)) {
  if (defined() && requires_grad(*this)) static_cast<Tensor&>(*this) = detach(*this);
}

namespace nn {

std::string ModuleRef::describe() const {
  std::string text(type_name());
  if (type_->describe == nullptr) return text;
  const std::string more = type_->describe(object_);
  if (!text.empty() && !more.empty()) text += ' ';
  return text + more;
}

void Visitor::parameter(std::string_view, Parameter&) {}
void Visitor::buffer(std::string_view, Buffer&) {}
void Visitor::child(std::string_view, ModuleRef child) { child.visit(*this); }

namespace detail {

bool same_type(const TypeInfo& a, const TypeInfo& b) {
  if (&a == &b || a.id == b.id) return true;
  const std::string_view name = a.id->name();
  // Types that one source only knows: there is no other of theirs.
  for (const char* mark : {"_GLOBAL__N_", "$_"})
    if (name.find(mark) != std::string_view::npos) return false;
#ifdef _LIBCPP_VERSION
  return name == b.id->name();  // its == compares addresses
#else
  return *a.id == *b.id;
#endif
}

void fail_no_model() {
  gradus::detail::fail<ArgumentError>("nn", "expected a model, got a null pointer");
}

IndexName::IndexName(std::size_t index)
    : length_(static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof text_, index).ptr -
                                       text_)) {}

namespace {

// ---- walks --------------------------------------------------------------------------------------

/// All that is in a model, with the paths to it.
class Inventory final : public Visitor {
 public:
  explicit Inventory(ModuleRef model) { child("", model); }

  void parameter(std::string_view name, Parameter& p) override {
    if (seen_.insert(p.raw()).second) parameters.push_back({join(name), p});
  }
  void buffer(std::string_view name, Buffer& b) override {
    if (seen_.insert(b.raw()).second) buffers.push_back({join(name), b});
  }
  void child(std::string_view name, ModuleRef child) override {
    const std::size_t length = path_.size();
    path_ = join(name);
    const auto known = [&](const NamedModule& named) { return named.module == child; };
    if (child.is_module() && std::none_of(modules.begin(), modules.end(), known))
      modules.push_back({path_, child});
    child.visit(*this);
    path_.resize(length);
  }

  std::vector<NamedParameter> parameters;
  std::vector<NamedBuffer> buffers;
  std::vector<NamedModule> modules;

 private:
  std::string join(std::string_view name) const {
    std::string path = path_;
    if (!path.empty() && !name.empty()) path += '.';
    return path.append(name);
  }
  std::string path_;
  std::unordered_set<const void*> seen_;
};

}  // namespace

std::vector<NamedParameter> named_parameters(ModuleRef model) {
  return std::move(Inventory(model).parameters);
}
std::vector<NamedBuffer> named_buffers(ModuleRef model) {
  return std::move(Inventory(model).buffers);
}
std::vector<NamedModule> named_modules(ModuleRef model) {
  return std::move(Inventory(model).modules);
}

std::vector<Parameter> parameters(ModuleRef model) {
  std::vector<Parameter> list;
  for (NamedParameter& named : named_parameters(model)) list.push_back(std::move(named.parameter));
  return list;
}

std::vector<Buffer> buffers(ModuleRef model) {
  std::vector<Buffer> list;
  for (NamedBuffer& named : named_buffers(model)) list.push_back(std::move(named.buffer));
  return list;
}

std::int64_t parameter_count(ModuleRef model) {
  std::int64_t count = 0;
  for (const Parameter& p : parameters(model)) count += p.numel();
  return count;
}

void set_training(ModuleRef model, bool on) {
  for (const NamedModule& named : named_modules(model)) named.module.set_training(on);
}

void zero_grad(ModuleRef model) {
  for (const Parameter& p : parameters(model))
    if (is_leaf(p)) gradus::zero_grad(p);
}

// ---- changing tensors ---------------------------------------------------------------------------

namespace {

/// Gives the array of `fresh`, of the same shape, to all handles of `x`. A backward pass that saved
/// `x` sees the change.
void replace_array(Tensor& x, const Tensor& fresh) {
  gradus::detail::TensorImpl &to = *x.impl(), &from = *fresh.impl();
  from.storage->version = to.storage->version + 1;
  std::swap(to.storage, from.storage);
  std::swap(to.data, from.data);
  std::swap(to.dtype, from.dtype);
  std::swap(to.contiguous, from.contiguous);
  std::swap_ranges(to.strides(), to.strides() + to.rank, from.strides());
}

void convert_tensor(Tensor& x, const Tensor& converted) {
  if (!is_leaf(x)) return replace_array(x, converted);
  const Tensor g = gradient(x);
  const Tensor converted_g = g.defined() ? cast(g, converted.dtype()) : Tensor();
  std::string label = static_cast<Leaf*>(node_of(x))->label;
  set_requires_grad(x, false);  // a leaf knows its dtype: make a new one
  replace_array(x, converted);
  set_requires_grad(x, true);
  set_gradient(x, converted_g);
  static_cast<Leaf*>(node_of(x))->label = std::move(label);
}

}  // namespace

void convert(ModuleRef model, DType dtype) {
  if (!is_floating(dtype))
    gradus::detail::fail<DTypeError>(
        "to", fmt::format("expected float32 or float64, got {}", gradus::to_string(dtype)));
  std::vector<std::pair<Tensor, Tensor>> conversions;
  const auto plan = [&](const Tensor& x) {
    if (is_floating(x.dtype()) && x.dtype() != dtype) conversions.emplace_back(x, cast(x, dtype));
  };
  for (const Parameter& p : parameters(model)) plan(p);
  for (const Buffer& b : buffers(model)) plan(b);
  for (auto& [x, converted] : conversions) convert_tensor(x, converted);
}

void separate(ModuleRef copy) {
  class Walk final : public Visitor {
   public:
    void parameter(std::string_view, Parameter& p) override { separate(p); }
    void buffer(std::string_view, Buffer& b) override { separate(b); }
    bool separates() const override { return true; }

   private:
    void separate(Tensor& x) {
      auto& [original, fresh] = clones_[x.raw()];
      if (!fresh.defined()) {
        original = x;  // kept, so that its address stays its own
        fresh = gradus::clone(x);
        if (requires_grad(x)) set_requires_grad(fresh);
      }
      x = fresh;
    }
    std::unordered_map<const void*, std::pair<Tensor, Tensor>> clones_;
  } walk;
  copy.visit(walk);
}

// ---- printing -----------------------------------------------------------------------------------

namespace {

std::string with_commas(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

/// Columns that UTF-8 text takes, near enough.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

class Printer final : public Visitor {
 public:
  explicit Printer(ModuleRef model) { child("", model); }

  void parameter(std::string_view name, Parameter& p) override { tensor(name, "Parameter", p); }
  void buffer(std::string_view name, Buffer& b) override { tensor(name, "Buffer", b); }
  void child(std::string_view name, ModuleRef child) override {
    const std::size_t before = lines_.size();
    if (name.empty() && depth_ > 0) return child.visit(*this);  // a part that bears no name
    add(name, child.describe(), detail::parameter_count(child));
    const bool outer = std::exchange(tensors_, child.type().describe == nullptr);
    ++depth_;
    child.visit(*this);
    --depth_;
    tensors_ = outer;
    if (!child.is_module() && lines_.size() == before + 1 && depth_ > 0)
      lines_.pop_back();  // holds nothing
  }

  std::string text() const {
    const std::size_t digits =
        with_commas(lines_.front().count).size();  // none has more than the whole
    std::size_t width = 0;
    for (const Line& line : lines_) width = std::max(width, columns(line.text) + 2 + digits);
    std::string all;
    for (const Line& line : lines_) {
      all += line.text;
      if (line.count > 0) {
        const std::string count = with_commas(line.count);
        all.append(width - columns(line.text) - count.size(), ' ');
        all += count;
      }
      all += '\n';
    }
    return all;
  }

 private:
  struct Line {
    std::string text;
    std::int64_t count;
  };
  void add(std::string_view name, const std::string& what, std::int64_t count) {
    std::string text(2 * depth_, ' ');
    text += name;
    if (!name.empty() && !what.empty()) text += ": ";
    lines_.push_back({text + what, count});
  }
  /// Those of a module that says nothing of itself.
  void tensor(std::string_view name, const char* kind, const Tensor& x) {
    if (tensors_) add(name, fmt::format("{} {}", kind, gradus::to_string(x.shape())), 0);
  }

  std::vector<Line> lines_;
  std::size_t depth_ = 0;
  bool tensors_ = true;
};

}  // namespace

std::string spell(ModuleRef model) { return Printer(model).text(); }

void print(ModuleRef model) {
  const std::string text = spell(model);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// ---- scopes -------------------------------------------------------------------------------------

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
  void child(std::string_view name, ModuleRef child) override {
    if (found_) return;
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
  bool deep_ = false, found_ = false;
};

/// "ResNet" → "res_net"; a function is named by what it says of itself.
std::string scope_name(ModuleRef module) {
  const std::string type = module.describe();
  std::string name;
  for (char c : type.substr(0, type.find_first_of("< "))) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool after_lower = !name.empty() && name.back() >= 'a' && name.back() <= 'z';
    if (upper && after_lower) name += '_';
    name += upper ? static_cast<char>(c - 'A' + 'a') : c;
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
      static_cast<Leaf*>(node_of(named.parameter))->label =
          root.empty() ? named.name : root + '.' + named.name;
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
  const std::size_t hash = (reinterpret_cast<std::uintptr_t>(around) >> 4) ^
                           (reinterpret_cast<std::uintptr_t>(type) >> 3) ^ (place * 5 / 8);
  KnownScope& known = known_scopes[(hash ^ (hash >> 7)) % known_scopes.size()];
  if (fixed && known.scope != nullptr && known.around == around && known.parent == parent &&
      known.child == type && known.place == place)
    return known.scope;

  thread_local std::string name;
  if (indexed)
    name = std::string_view(IndexName(outer_->expected_index_));
  else if (outer_ == nullptr || !ChildFinder(module_, name).find_in(outer_->module_))
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
  gradus::detail::Context& context = gradus::detail::context;
  context.scope = scope_;
  if (outer_ == nullptr) label_once(module);
  if (site == nullptr) {
    context.pinned = false;
  } else if (!context.pinned) {
    context.site = *site;
    context.pinned = true;
  }
  innermost = this;
}

Call::~Call() {
  gradus::detail::context = before_;
  innermost = outer_;
}

// ---- parameters left out ------------------------------------------------------------------------

std::vector<UnreachableParameter> unreachable_parameters(ModuleRef model, const Tensor& loss) {
  std::vector<UnreachableParameter> left_out;
  if (!requires_grad(loss)) return left_out;
  std::unordered_set<const Node*> own;
  for (const Parameter& p : parameters(model)) own.insert(node_of(p));

  struct Use {
    const Node *leaf, *user;
  };
  std::vector<Use> uses;
  std::vector<const Node*> open{node_of(loss)};
  std::unordered_set<const Node*> seen{open.front()};
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    for (const Edge& edge : node->inputs()) {
      if (edge.node == nullptr) continue;
      if (edge.node->is_leaf()) {
        if (!own.contains(edge.node)) uses.push_back({edge.node, node});
      } else if (seen.insert(edge.node).second) {
        open.push_back(edge.node);
      }
    }
  }
  std::sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) {
    return a.leaf->id() != b.leaf->id() ? a.leaf->id() < b.leaf->id() : a.user->id() < b.user->id();
  });
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (i > 0 && uses[i].leaf == uses[i - 1].leaf) continue;
    const Node& user = *uses[i].user;
    left_out.push_back({uses[i].leaf->shape(),
                        user.name(),
                        user.scope() == nullptr ? std::string() : user.scope()->path(),
                        user.site()});
  }
  return left_out;
}

}  // namespace detail

std::string to_string(const UnreachableParameter& parameter) {
  std::string text =
      fmt::format("a parameter {} used by {}", to_string(parameter.shape), parameter.op);
  if (!parameter.scope.empty()) text += " in " + parameter.scope;
  if (parameter.site.file != nullptr) text += " at " + to_string(parameter.site);
  return text;
}

}  // namespace nn
}  // namespace gradus
