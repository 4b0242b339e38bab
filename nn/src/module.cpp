#include "gradus/nn/module.h"

#include "gradus/graph/node.h"
#include "gradus/tensor/warning.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <mutex>
#include <typeindex>
#include <unordered_map>
#include <unordered_set>

namespace gradus {

Parameter::Parameter(Tensor value) : Tensor(std::move(value)) {
  if (!defined() || is_leaf(*this)) return;
  if (requires_grad(*this))
    gradus::detail::warn(fmt::format(
        "parameter: expected a leaf, got the result of {}; no gradient will pass through the "
        "parameter to what it was made of (nn::functional_call calls a model with tensors in the "
        "place of its parameters)",
        node_of(*this)->name()));
  static_cast<Tensor&>(*this) = leaf(detach(*this));
}

Tensor gradient(const Parameter& p) {
  return is_leaf(p) ? gradient(static_cast<const Tensor&>(p)) : Tensor();
}

void zero_grad(const Parameter& p) {
  if (is_leaf(p)) zero_grad(static_cast<const Tensor&>(p));
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

void ModuleRef::visit(Visitor& visitor) const { visitor.enter(*this); }

void Visitor::enter(const ModuleRef& module) {
  for (const Open* open = open_; open != nullptr; open = open->outer)
    if (open->module == module)
      gradus::detail::fail<ArgumentError>(
          "nn",
          fmt::format(
              "expected a model without cycles, got a {} that holds itself: make the pointer "
              "that leads back a std::weak_ptr or a plain pointer",
              module.type_name()));
  const Open here{module, open_};
  open_ = &here;
  module.type().visit(const_cast<void*>(module.object()), *this);
  open_ = here.outer;
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

std::unordered_set<std::type_index>& remembered_modules() {
  static std::unordered_set<std::type_index> types;
  return types;
}
std::mutex remembered_modules_mutex;

}  // namespace

bool remember_module(const std::type_info& type) {
  const std::scoped_lock lock(remembered_modules_mutex);
  return remembered_modules().insert(type).second;
}

void refuse_module(std::string_view name, const std::type_info& held) {
  const std::scoped_lock lock(remembered_modules_mutex);
  if (!remembered_modules().contains(held)) return;
  gradus::detail::fail<ArgumentError>(
      "nn",
      fmt::format(
          "expected modules where they can be seen, got one in a std::function or std::any, "
          "the field '{}': hold it in an nn::AnyModule",
          name));
}

namespace {

// ---- walks --------------------------------------------------------------------------------------

/// All that is in a model, with the paths to it.
class Inventory final : public Visitor {
 public:
  explicit Inventory(ModuleRef model) { child("", model); }

  void parameter(std::string_view name, Parameter& p) override {
    if (seen_.insert(p.raw()).second) parameters.push_back({own_name(name), p});
  }
  void buffer(std::string_view name, Buffer& b) override {
    if (seen_.insert(b.raw()).second) buffers.push_back({own_name(name), b});
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
  std::string own_name(std::string_view name) {
    std::string path = join(name);
    if (!names_.insert(path).second)
      gradus::detail::fail<ArgumentError>(
          "nn",
          fmt::format("expected a name of its own for each tensor of a model, got two called '{}'",
                      path));
    return path;
  }

  std::string path_;
  std::unordered_set<const void*> seen_;
  std::unordered_set<std::string> names_;
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

void check(ModuleRef model) { Inventory walk(model); }

void zero_grad(ModuleRef model) {
  for (const Parameter& p : parameters(model)) gradus::zero_grad(p);
}

void freeze(ModuleRef model, bool on) {
  for (Parameter& p : parameters(model)) {
    if (is_leaf(p) == on) set_requires_grad(p, !on);
  }
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
  const bool contiguous = to.contiguous;  // a bit-field
  to.contiguous = from.contiguous;
  from.contiguous = contiguous;
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
