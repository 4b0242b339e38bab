#include "suite.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::op_suite {
namespace {

/// A reflection: orthogonal, and of no short numbers.
Tensor reflection(std::int64_t n) {
  const Tensor v = draw_cotangent({n, 1}, float64, static_cast<std::uint64_t>(n));
  return eye(n, -1, float64) - (2.0 / sum(v * v).item<double>()) * matmul(v, transpose(v));
}

/// Matrices [*, m, n] with singular values `values`, which are the eigenvalues if m = n.
Tensor with_values(const Shape& shape, const std::vector<double>& values) {
  const std::int64_t m = shape[shape.rank() - 2], n = shape.back(), k = std::min(m, n);
  const Tensor s = from_vector(values), u = narrow(reflection(m), 1, 0, k), v = narrow(reflection(n), 1, 0, k);
  return contiguous(broadcast_to(matmul(u * s, transpose(v)), shape));
}

/// Their spectra: all equal; two equal, or with a gap; in the order 1, 1 + gap, 2, 3 ….
std::vector<std::vector<double>> spectra(std::int64_t k) {
  const auto n = static_cast<std::size_t>(k);
  std::vector<std::vector<double>> all{std::vector<double>(n, 1), std::vector<double>(n, 2.5)};
  for (const double gap : {0.0, 1e-16, 1e-14, 1e-12, 1e-8, 1e-5, 1e-3, 1e-1}) {
    std::vector<double> values(n, 1);
    values[1] += gap;
    for (std::size_t i = 2; i < n; ++i) values[i] = static_cast<double>(i);
    all.push_back(values);
  }
  return all;
}

/// A function of the matrix in question alone.
using Field = std::function<Tensor(const Tensor&)>;

/// Checks `derivative()` against the number, unless it is a GradientError.
template <class F>
void check(Failures& failures, const std::string& where, double numeric, double accepted, F derivative) {
  double got = 0;
  try {
    got = derivative();
  } catch (const GradientError&) {
    return;
  }
  if (!(std::abs(got - numeric) <= accepted))
    fail(failures, "{}: expected {:.9g} or a GradientError, got {:.9g}", where, numeric, got);
}

/// Derivatives of f along v against differences of values. A function that is made of vectors loses digits as
/// its gaps close, rounding / gap, and in the second order rounding / gap^2: these are not wrong.
void check_along(
    Failures& failures, const std::string& where, const Field& f, const Tensor& x, const Tensor& v, double gap) {
  const double h = 5e-3, rounding = 64 * std::numeric_limits<double>::epsilon();
  double values[5], size = 0;
  double* const at = values + 2;  // i h along v, i from -2 to 2
  for (int i = -2; i <= 2; ++i) {
    at[i] = f(x + (i * h) * v).item<double>();
    size = std::max(size, std::abs(at[i]));
  }
  const double first = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h),
               second = (16 * (at[1] + at[-1]) - (at[2] + at[-2]) - 30 * at[0]) / (12 * h * h);
  size = std::max({size, std::abs(first), std::abs(second)});
  const double in_first = size * (1e-4 + (gap > 0 ? rounding / gap : 0)),
               in_second = size * (1e-4 + (gap > 0 ? rounding / (gap * gap) : 0));
  const auto gradient = [&](const Tensor& z) { return grad(f, z); };
  const auto dot = [](const Tensor& a, const Tensor& b) { return sum(a * b).item<double>(); };
  check(failures, where + ": gradient", first, in_first, [&] { return dot(gradient(x), v); });
  check(failures, where + ": jvp", first, in_first, [&] { return jvp(f, x, v).second.item<double>(); });
  check(failures, where + ": second order", second, in_second, [&] { return dot(hvp(f, x, v), v); });
  check(
      failures, where + ": jvp of the gradient", second, in_second, [&] { return dot(jvp(gradient, x, v).second, v); });
}

}  // namespace

void check_equal_values(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  const Point point = draw(subject);
  for (std::size_t i = 0; i < point.inputs.size(); ++i) {
    const Sample& sample = subject.example.inputs[i];
    if (sample.kind != Sample::Kind::spectrum) continue;
    const std::int64_t k = std::min(sample.shape.back(), sample.shape[sample.shape.rank() - 2]);
    for (const std::vector<double>& values : spectra(k)) {
      const Tensor x = with_values(sample.shape, values);
      const auto result = [&](const Tensor& z) {
        List inputs = point.inputs;
        inputs[i] = z;
        return call(subject, inputs);
      };
      const Tensor c = draw_cotangent(result(x).shape(), float64);
      const Field f = [&](const Tensor& z) { return sum(result(z) * c); };
      for (const std::uint64_t seed : {8U, 9U})
        check_along(failures,
                    fmt::format("singular values 1 to {}: {:.17g} and {:.17g}", k, values[0], values[1]),
                    f,
                    x,
                    draw_cotangent(x.shape(), float64, seed),
                    values[1] - values[0]);
    }
  }
}

}  // namespace gradus::op_suite
