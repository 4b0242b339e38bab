#include "gradus/nn/model.h"

#include "by_object.h"

#include "gradus/graph/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gradus::nn {
namespace detail {
namespace {

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
    if (child.is_module() && seen_modules_.insert(child).second) modules.push_back({path_, child});
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
          "nn", fmt::format("expected a name of its own for each tensor of a model, got two called '{}'", path));
    return path;
  }

  std::string path_;
  std::unordered_set<const void*> seen_;
  std::unordered_set<ModuleRef, ByObject> seen_modules_;
  std::unordered_set<std::string> names_;
};

}  // namespace

std::vector<NamedParameter> named_parameters(ModuleRef model) { return std::move(Inventory(model).parameters); }
std::vector<NamedBuffer> named_buffers(ModuleRef model) { return std::move(Inventory(model).buffers); }
std::vector<NamedModule> named_modules(ModuleRef model) { return std::move(Inventory(model).modules); }

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
    gradus::detail::fail<DTypeError>("to",
                                     fmt::format("expected float32 or float64, got {}", gradus::to_string(dtype)));
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
  std::string text = fmt::format("a parameter {} used by {}", to_string(parameter.shape), parameter.op);
  if (!parameter.scope.empty()) text += " in " + parameter.scope;
  if (parameter.site.file != nullptr) text += " at " + to_string(parameter.site);
  return text;
}

}  // namespace gradus::nn
