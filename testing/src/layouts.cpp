#include "suite.h"

#include "gradus/autograd/gradcheck.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus::op_suite {
namespace {

struct Layout {
  const char* name;
  /// The same elements in another layout; undefined where it makes no sense for the shape.
  Tensor (*make)(const Tensor&);
};

/// Storage of `n` elements that no result may depend on.
Tensor poisoned(std::int64_t n, DType dtype) {
  return full({n}, is_floating(dtype) ? std::numeric_limits<double>::quiet_NaN() : 1, dtype);
}

/// The elements of `x` written to a view with the given strides.
Tensor laid_out(const Tensor& x, std::int64_t storage, const Shape& strides, std::int64_t offset) {
  Tensor view = view_as(poisoned(storage, x.dtype()), x.shape(), strides, offset);
  copy_into(view, x);
  return view;
}

Tensor column_major(const Tensor& x) {
  Shape strides = x.shape();
  std::int64_t step = 1;
  for (int d = 0; d < x.rank(); ++d) {
    strides[d] = step;
    step *= std::max<std::int64_t>(x.shape()[d], 1);
  }
  return x.rank() < 2 ? Tensor() : laid_out(x, step, strides, 0);
}

Tensor with_gaps(const Tensor& x) {
  Shape strides = contiguous_strides(x.shape());
  for (std::int64_t& s : strides) s *= 3;
  return laid_out(x, 3 * x.numel() + 2, strides, 2);
}

Tensor reversed(const Tensor& x) {
  Shape strides = contiguous_strides(x.shape());
  for (std::int64_t& s : strides) s = -s;
  return x.rank() == 0 ? Tensor() : laid_out(x, 2 * x.numel() + 1, strides, std::max<std::int64_t>(x.numel() - 1, 0));
}

constexpr Layout kLayouts[] = {
    {"column-major", column_major}, {"with gaps", with_gaps}, {"with negative strides", reversed}};

/// The first part along axis 0 repeated: with stride 0, and in full.
std::pair<Tensor, Tensor> repeated(const Tensor& x) {
  if (x.rank() == 0 || x.numel() == 0) return {};
  Shape strides = contiguous_strides(x.shape());
  strides[0] = 0;
  const Tensor view = view_as(contiguous(x), x.shape(), strides);
  return {view, clone(view)};
}

bool is_finite(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// Gradients on repeated values must be meaningful to be compared: no ties, no singular matrices.
bool may_repeat(const Subject& subject, const Point& point) {
  for (const Sample& s : subject.example.inputs)
    if (s.kind == Sample::Kind::distinct) return false;
  try {
    const Outcome outcome = run(subject, point);
    return is_finite(outcome.y) && std::all_of(outcome.gradients.begin(), outcome.gradients.end(), is_finite);
  } catch (const Error&) {
    return false;
  }
}

/// One element of a tensor, as a tensor of one element.
Tensor element(const Tensor& x, std::int64_t i) { return clone(view_as(x, {1}, {1}, i)); }

}  // namespace

void check_float32(const Subject& subject, Failures& failures) {
  const Point single = draw(subject, float32);
  Point twice = single;
  for (Tensor& x : twice.inputs)
    if (x.dtype() == float32) x = cast(x, float64);
  const Outcome expected = run(subject, twice);
  const Tensor c = is_floating(expected.y.dtype()) ? draw_cotangent(expected.y.shape(), float32) : Tensor();
  Outcome got = run(subject, single, c);
  const Outcome wide = c.defined() ? run(subject, twice, cast(c, expected.y.dtype())) : expected;
  if (is_floating(got.y.dtype()) != is_floating(expected.y.dtype()) ||
      (got.y.dtype() == float64 && expected.y.dtype() != float32 && !subject.example.inputs.empty()))
    fail(failures, "float32 inputs give {}", to_string(got.y.dtype()));
  for (std::size_t k = 0; k < got.gradients.size(); ++k)
    if (got.gradients[k].dtype() != float32) fail(failures, "gradient {} of a float32 input is float64", k);
  if (is_floating(got.y.dtype())) got.y = cast(got.y, expected.y.dtype());
  for (Tensor& g : got.gradients) g = cast(g, float64);
  compare(failures, "float32 beside float64", got, wide, 2e-5);
}

void check_broadcasting(const Subject& subject, Failures& failures) {
  const std::size_t arity = subject.example.inputs.size();
  if (!subject.example.elementwise || arity < 2) return;
  static const std::array<Shape, 3> kShapes[] = {{{{2, 3}, {3}, {2, 1}}},
                                                 {{{2, 1}, {1, 3}, {}}},
                                                 {{{}, {2, 3}, {3}}},
                                                 {{{3, 1}, {4, 1, 2}, {1}}},
                                                 {{{2, 3}, {}, {2, 3}}},
                                                 {{{1, 3}, {0, 1}, {3}}}};
  for (const auto& choice : kShapes) {
    std::vector<Shape> shapes;
    Shape all;
    std::string where;
    for (std::size_t i = 0; i < arity; ++i) {
      shapes.push_back(choice[i % 3]);
      all = broadcast_shapes(all, shapes.back());
      where += (i == 0 ? "" : " and ") + to_string(shapes.back());
    }
    const Point point = draw(subject, float64, shapes);
    Point expanded = point;
    for (Tensor& x : expanded.inputs) {  // in full, without broadcast_to
      Shape strides = all;
      const Shape from = contiguous_strides(x.shape());
      for (int d = 0; d < all.rank(); ++d) {
        const int own = d - (all.rank() - x.rank());
        strides[d] = own < 0 || x.shape()[own] == 1 ? 0 : from[own];
      }
      x = clone(view_as(x, all, strides));
    }
    if (const auto d = difference(run(subject, point).y, run(subject, expanded).y, 1e-14))
      fail(failures, "{}: {}", where, *d);
    if (!has_derivative(subject)) continue;
    const Report report = gradcheck(function_at(subject, point), pick(point.inputs, point.real), {.rtol = 1e-7});
    if (!report) fail(failures, "{}: {}", where, to_string(report));
  }
}

/// Elementwise ops in sizes around those of SIMD packs, empty and of rank zero included: each element must be
/// as if alone.
void check_sizes(const Subject& subject, Failures& failures) {
  if (!subject.example.elementwise) return;
  const std::size_t arity = subject.example.inputs.size();
  for (const Shape& shape : {Shape{}, {0}, {2, 0}, {1}, {7}, {64}, {1000}, {2, 1, 3}})
    for (DType dtype : {float32, float64}) {
      const std::string where = fmt::format("{} {}", to_string(dtype), to_string(shape));
      const Point point = draw(subject, dtype, std::vector<Shape>(arity, shape));
      const Outcome all = run(subject, point);
      if (all.y.shape() != shape) fail(failures, "{}: got a result {}", where, to_string(all.y.shape()));
      if (all.y.shape() != shape) continue;
      for (const Tensor& g : all.gradients)
        if (g.shape() != shape) fail(failures, "{}: got a gradient {}", where, to_string(g.shape()));
      const Tensor c = draw_cotangent(shape, all.y.dtype());
      const Tensor y = contiguous(all.y);
      for (std::int64_t i = 0; i < shape.numel(); i += shape.numel() < 80 ? 1 : 37) {
        Point alone{{}, point.real};
        for (const Tensor& x : point.inputs) alone.inputs.push_back(element(x, i));
        Outcome part{element(y, i), {}};
        for (const Tensor& g : all.gradients) part.gradients.push_back(element(contiguous(g), i));
        const Tensor ci = is_floating(y.dtype()) ? element(c, i) : Tensor();
        const auto before = failures.size();
        compare(failures,
                fmt::format("{}, element {} beside itself alone", where, i),
                part,
                run(subject, alone, ci),
                dtype == float32 ? 4e-6 : 1e-14);
        if (failures.size() > before) break;
      }
    }
}

void check_strides(const Subject& subject, Failures& failures) {
  const Point point = draw(subject);
  const Outcome expected = run(subject, point);
  for (const Layout& layout : kLayouts) {
    Point all = point;
    for (std::size_t i = 0; i < point.inputs.size(); ++i) {
      const Tensor x = layout.make(point.inputs[i]);
      if (!x.defined()) continue;
      Point one = point;
      one.inputs[i] = all.inputs[i] = x;
      compare(failures, fmt::format("input {} {}", i, layout.name), run(subject, one), expected, 1e-13);
    }
    compare(failures, fmt::format("all inputs {}", layout.name), run(subject, all), expected, 1e-13);
    if (expected.gradients.empty()) continue;
    const Tensor c = layout.make(draw_cotangent(expected.y.shape(), expected.y.dtype()));
    if (c.defined())
      compare(failures, fmt::format("the cotangent {}", layout.name), run(subject, point, c), expected, 1e-13);
  }
  for (std::size_t i = 0; i < point.inputs.size(); ++i) {
    const auto [view, full] = repeated(point.inputs[i]);
    if (!view.defined()) continue;
    Point a = point, b = point;
    a.inputs[i] = view;
    b.inputs[i] = full;
    if (may_repeat(subject, b))
      compare(failures, fmt::format("input {} with stride 0", i), run(subject, a), run(subject, b), 1e-13);
  }
  if (expected.gradients.empty()) return;
  const auto [view, full] = repeated(draw_cotangent(expected.y.shape(), expected.y.dtype()));
  if (view.defined())
    compare(failures, "the cotangent with stride 0", run(subject, point, view), run(subject, point, full), 1e-13);
}

}  // namespace gradus::op_suite
