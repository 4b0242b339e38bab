#include "gradus/nn/functional.h"

#include "gradus/graph/node.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gradus::nn::detail {

using gradus::detail::fail;

namespace {

constexpr const char* kOp = "functional_call";

/// All fields that hold parameters and buffers.
class Fields final : public Visitor {
 public:
  void parameter(std::string_view, Parameter& p) override { all.insert(&p); }
  void buffer(std::string_view, Buffer& b) override { all.insert(&b); }
  std::unordered_set<Tensor*> all;
};

[[noreturn]] void fail_name(const std::string& name, const std::map<std::string, Tensor>& known, CallSite site) {
  std::vector<std::string_view> names;
  for (const auto& [other, x] : known) names.emplace_back(other);
  fail<ArgumentError>(kOp,
                      known.empty()
                          ? fmt::format("expected a model with parameters, got '{}' for one without", name)
                          : gradus::detail::unknown_word(
                                "the name of a parameter or buffer", name, std::span<const std::string_view>(names)),
                      site);
}

void check(const std::string& name, const Tensor& own, const Tensor& given, CallSite site) {
  if (!given.defined())
    fail<ArgumentError>(kOp, fmt::format("expected a tensor for {}, got an undefined one", name), site);
  if (given.shape() != own.shape())
    fail<ShapeError>(
        kOp, fmt::format("expected {} {}, got {}", name, to_string(own.shape()), to_string(given.shape())), site);
  if (given.dtype() != own.dtype())
    fail<DTypeError>(
        kOp, fmt::format("expected {} {}, got {}", name, to_string(own.dtype()), to_string(given.dtype())), site);
}

}  // namespace

Substitution::Substitution(ModuleRef model, const std::map<std::string, Tensor>& tensors, CallSite site) {
  std::map<std::string, Tensor> known;
  for (const NamedParameter& p : named_parameters(model)) known[p.name] = p.parameter;
  for (const NamedBuffer& b : named_buffers(model)) known[b.name] = b.buffer;
  std::unordered_map<const void*, Tensor> by_array;  // what is tied is replaced everywhere
  for (const auto& [name, given] : tensors) {
    const auto at = known.find(name);
    if (at == known.end()) fail_name(name, known, site);
    check(name, at->second, given, site);
    by_array[at->second.raw()] = given;
  }
  Fields fields;
  model.visit(fields);
  for (Tensor* field : fields.all) {
    const auto at = by_array.find(field->raw());
    if (at == by_array.end()) continue;
    before_.emplace_back(field, *field);
    *field = at->second;
  }
}

Substitution::~Substitution() {
  for (auto& [field, tensor] : before_) *field = tensor;
}

}  // namespace gradus::nn::detail
