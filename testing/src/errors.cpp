#include "suite.h"

#include <exception>
#include <limits>

namespace gradus::op_suite {
namespace {

/// Calls the op on wrong inputs: it may take them, or refuse with an error of the library that names an op and
/// a line; and leaves them as they were. True if it refused.
template <class E = Error>
bool refuses(
    const Subject& subject, const List& inputs, const std::string& what, Failures& failures, bool with_line = true) {
  List before;
  for (const Tensor& x : inputs) before.push_back(x.defined() ? clone(x) : Tensor());
  bool refused = false;
  try {
    call(subject, inputs);
  } catch (const E& e) {
    refused = true;
    if (e.op().empty()) fail(failures, "{}: the error names no op: {}", what, e.what());
    if (with_line && e.site().file == nullptr) fail(failures, "{}: the error names no line: {}", what, e.what());
  } catch (const std::exception& e) {
    fail(failures, "{}: an error of the wrong type: {}", what, e.what());
    refused = true;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].defined() && !equal(contiguous(inputs[i]), before[i], true))
      fail(failures, "{}: input {} was changed in place", what, i);
  return refused;
}

/// Shapes that do not broadcast.
void check_shapes(const Subject& subject, Failures& failures) {
  const std::size_t arity = subject.example.inputs.size();
  if (!subject.example.elementwise) return;
  for (std::size_t i = 0; i < arity && arity > 1; ++i) {
    std::vector<Shape> shapes(arity, Shape{2, 3});
    shapes[i] = {2, 4};
    const std::string what = fmt::format("input {} is [2, 4] beside [2, 3]", i);
    const List inputs = draw(subject, float64, shapes).inputs;
    if (!refuses<ShapeError>(subject, inputs, what, failures)) fail(failures, "{}: no ShapeError", what);
    try {
      call(subject, inputs);
    } catch (const Error& e) {
      const bool named = e.op() == subject.name || (subject.op != nullptr && e.op() == subject.op->info.name);
      if (!named) fail(failures, "{}: the error names {}, not {}", what, e.op(), subject.name);
    }
  }
}

/// The tensor in shapes near its own.
std::vector<Tensor> reshaped(const Tensor& x) {
  std::vector<Tensor> all{zeros({}, x.dtype()), zeros({0}, x.dtype()), zeros({3, 1, 2, 1, 2}, x.dtype())};
  const Shape shape = x.shape();
  for (int d = 0; d < shape.rank(); ++d) {
    Shape other = shape;
    ++other[d];
    all.push_back(zeros(other, x.dtype()));
    other[d] = 0;
    all.push_back(zeros(other, x.dtype()));
    other = shape;
    other.erase(d);
    all.push_back(zeros(other, x.dtype()));
  }
  return all;
}

}  // namespace

/// Same inputs, same result; and inputs stay as they are.
void check_purity(const Subject& subject, Failures& failures) {
  for (DType dtype : {float32, float64}) {
    const Point point = draw(subject, dtype), untouched = draw(subject, dtype);
    std::vector<std::uint32_t> versions;
    for (const Tensor& x : point.inputs) versions.push_back(x.version());
    const Outcome first = run(subject, point), second = run(subject, point);
    compare(failures, fmt::format("the same in {} again", to_string(dtype)), second, first, 0);
    for (std::size_t i = 0; i < versions.size(); ++i)
      if (point.inputs[i].version() != versions[i] || !equal(point.inputs[i], untouched.inputs[i], true))
        fail(failures, "input {} was changed in place", i);
  }
}

void check_wrong_inputs(const Subject& subject, Failures& failures) {
  const List right = draw(subject).inputs;
  check_shapes(subject, failures);
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto attempt = [&](const Tensor& x, const std::string& what) {
      List inputs = right;
      inputs[i] = x;
      return refuses(subject, inputs, fmt::format("input {} {}", i, what), failures, x.defined());
    };
    attempt(Tensor(), "undefined");
    for (const Tensor& x : reshaped(right[i])) attempt(x, "of shape " + to_string(x.shape()));
    for (DType dtype : {float32, float64, int64, boolean}) {
      const std::string what = fmt::format("of dtype {}", to_string(dtype));
      if (!subject.example.elementwise) {  // the type may say what the tensor means, and so its shape
        attempt(cast(right[i], dtype), what);
        continue;
      }
      List inputs = right;
      inputs[i] = cast(right[i], dtype);
      refuses<DTypeError>(subject, inputs, fmt::format("input {} {}", i, what), failures);
    }
    if (subject.example.inputs[i].kind != Sample::Kind::index || right[i].numel() == 0) continue;
    using Limits = std::numeric_limits<std::int64_t>;
    const auto end = static_cast<std::int64_t>(subject.example.inputs[i].domain.high);
    for (const std::int64_t index : {end, Limits::max(), Limits::min()}) {
      Tensor x = clone(right[i]);
      x.mutable_data<std::int64_t>()[x.numel() - 1] = index;
      if (!attempt(x, fmt::format("with an index {}", index)))
        fail(failures, "input {}: an index {} out of range gives no error", i, index);
    }
  }
}

void check_not_differentiable(const Subject& subject, Failures& failures) {
  if (has_derivative(subject)) {
    if (subject.op != nullptr && subject.op->vjp == nullptr)
      fail(failures, "the op is differentiable, but has no rule");
    return;
  }
  if (subject.op != nullptr && subject.op->info.differentiable) return;  // a matter of the example
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  if (requires_grad(r.y)) fail(failures, "there is no derivative, but the result requires a gradient");
  try {
    backward(r.y, is_floating(r.y.dtype()) ? ones_like(r.y) : Tensor());
    fail(failures, "there is no derivative, but a backward pass gives no GradientError");
  } catch (const GradientError&) {
  } catch (const std::exception& e) {
    fail(failures, "backward: expected a GradientError, got: {}", e.what());
  }
}

}  // namespace gradus::op_suite
