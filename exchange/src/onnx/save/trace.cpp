#include "onnx/save/trace.h"

#include <fmt/format.h>

#include <map>
#include <tuple>
#include <unordered_map>

namespace gradus::onnx {

using gradus::detail::fail;

namespace {

class AttributeReader final : public AttributeVisitor {
 public:
  explicit AttributeReader(TracedOp& op) : op_(op) {}
  void operator()(std::string_view name, double value) override { op_.attributes.emplace(name, value); }
  void operator()(std::string_view name, std::int64_t value) override { op_.attributes.emplace(name, value); }
  void operator()(std::string_view name, bool value) override { op_.attributes.emplace(name, value); }
  void operator()(std::string_view name, std::string_view value) override {
    op_.attributes.emplace(name, std::string(value));
  }
  void operator()(std::string_view name, const Shape& value) override { op_.attributes.emplace(name, value); }

 private:
  TracedOp& op_;
};

/// Numbers the tensors that pass by. It keeps them, so that no other is found at their address.
class Tracer final : public gradus::detail::OpWatch {
 public:
  Tracer(Trace& trace, const std::vector<Tensor>& inputs) : trace_(trace) {
    for (const Tensor& x : inputs) made(x);
  }
  ~Tracer() override = default;
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  void end(const gradus::detail::OpCall& call) override {
    TracedOp op{&call.op,
                {},
                {},
                {},
                static_cast<const graph::Scope*>(gradus::detail::context.scope),
                gradus::detail::site_in_force(call.site)};
    AttributeReader reader(op);
    if (call.op.visit != nullptr) call.op.visit(call.attributes, reader);
    for (const Tensor* x : call.inputs) op.inputs.push_back(used(*x, op));
    for (const Tensor& y : call.outputs) op.outputs.push_back(made(y));
    trace_.ops.push_back(std::move(op));
  }

  /// One that was made before, under this handle or another of the same elements (detach), or a constant.
  int seen(const Tensor& x) {
    if (!x.defined()) return -1;
    const auto at = numbers_.find(x.raw());
    if (at != numbers_.end()) return at->second;
    const auto same = by_elements_.find(elements_of(x));
    return same != by_elements_.end() ? same->second : made(x);
  }

 private:
  using Elements = std::tuple<const void*, DType, std::vector<std::int64_t>>;
  static Elements elements_of(const Tensor& x) {
    const Shape shape = x.shape();
    std::vector<std::int64_t> layout(shape.begin(), shape.end());
    for (const std::int64_t stride : x.strides()) layout.push_back(stride);
    return {x.raw()->data, x.dtype(), std::move(layout)};
  }

  int made(const Tensor& x) {
    if (!x.defined()) return -1;
    const auto [at, is_new] = numbers_.emplace(x.raw(), static_cast<int>(trace_.values.size()));
    if (is_new) {
      trace_.values.push_back(x);
      versions_.push_back(x.version());
      if (x.numel() > 0) by_elements_.emplace(elements_of(x), at->second);
    }
    return at->second;
  }

  int used(const Tensor& x, const TracedOp& op) {
    const int number = seen(x);
    if (number >= 0 && versions_[static_cast<std::size_t>(number)] != x.version())
      fail<ArgumentError>(
          "save_onnx",
          fmt::format("expected tensors that nobody changes, got one changed in place before {}", place_of(op)));
    return number;
  }

  Trace& trace_;
  std::unordered_map<const void*, int> numbers_;
  std::map<Elements, int> by_elements_;
  std::vector<std::uint32_t> versions_;
};

}  // namespace

Trace trace(const Forward& forward, const std::vector<Tensor>& inputs) {
  const NoGrad guard;
  Trace trace;
  Tracer tracer(trace, inputs);
  for (const Tensor& y : forward(inputs)) trace.results.push_back(tracer.seen(y));
  return trace;
}

std::string place_of(const TracedOp& op) {
  std::string text = op.op->info.name;
  if (op.scope != nullptr) {
    text += " in " + op.scope->path();
    if (!op.scope->description().empty()) text += " (" + op.scope->description() + ")";
  }
  if (op.site.file != nullptr) text += " at " + to_string(op.site);
  return text;
}

}  // namespace gradus::onnx
