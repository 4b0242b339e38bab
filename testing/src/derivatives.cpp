#include "suite.h"

#include "gradus/autograd/gradcheck.h"
#include "gradus/ops/arithmetic.h"

#include <algorithm>
#include <cmath>

namespace gradus::op_suite {
namespace {

constexpr double kAccepted = 1e-7;

void check_order(int order, const Subject& subject, const CheckOptions& options, Failures& failures) {
  const Point point = draw(subject);
  const Report report = gradus::detail::check_derivative(
      order, function_at(subject, point), pick(point.inputs, point.real), options, CallSite::here());
  if (!report) failures.push_back(to_string(report));
}

double dot(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += x[i] * y[i];
  return total;
}

double largest(const Tensor& x) {
  double size = 0;
  for (double v : x.to_vector()) size = std::max(size, std::abs(v));
  return size;
}

/// x + t v, nothing recorded.
List shifted(const List& xs, const List& vs, double t) {
  const NoGrad guard;
  List result;
  for (std::size_t k = 0; k < xs.size(); ++k) result.push_back(xs[k] + t * vs[k]);
  return result;
}

}  // namespace

void check_gradient(const Subject& subject, Failures& failures) {
  if (has_derivative(subject)) check_order(1, subject, {.rtol = kAccepted}, failures);
}

void check_second_order(const Subject& subject, Failures& failures) {
  if (has_derivative(subject)) check_order(2, subject, {.rtol = kAccepted}, failures);
}

void check_third_order(const Subject& subject, Failures& failures) {
  if (has_derivative(subject)) check_order(3, subject, {.rtol = kAccepted, .directions = 2, .entries = 0}, failures);
}

/// J v against a fourth-order difference of values, then against J^T c; and a rule is linear in c.
void check_forward_mode(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  const Point point = draw(subject);
  const auto f = function_at(subject, point);
  const List xs = pick(point.inputs, point.real);
  List vs;
  for (const Tensor& x : xs) vs.push_back(draw_cotangent(x.shape(), x.dtype(), 5 + vs.size()));
  const auto along = jvp(f, xs, vs);
  const Tensor &y = along.first[0], &dy = along.second[0];
  if (const auto d = difference(y, record(subject, point.inputs, point.real).y, 0))
    fail(failures, "value beside the jvp: {}", *d);
  // (A lambda, which may be a user's, is compiled without derivatives too, and may be rounded in another way there.)
  if (const auto d = difference(f(xs)[0], y, subject.library ? 0 : 1e-15))
    fail(failures, "value without a tape: {}", *d);

  const double h = 1e-3;
  const auto near = [&](double t) { return no_grad([&] { return f(shifted(xs, vs, t))[0]; }); };
  const Tensor numeric =
      no_grad([&] { return ((near(h) - near(-h)) * 8.0 - (near(2 * h) - near(-2 * h))) / (12 * h); });
  const double size = std::max(largest(numeric), 1e-5 * largest(y));
  if (difference(dy, numeric, 1e-6) && largest(no_grad([&] { return dy - numeric; })) > 1e-6 * size)
    fail(failures, "jvp beside differences of values: {}", *difference(dy, numeric, 1e-6));

  const Tensor c = draw_cotangent(y.shape(), y.dtype()), d = draw_cotangent(y.shape(), y.dtype(), 4);
  const auto pull = [&](const Tensor& cotangent) { return vjp(f, xs, cotangent).second; };
  const List gc = pull(c), gd = pull(d), both = pull(no_grad([&] { return 2.0 * c - 3.0 * d; }));
  double backward = 0, terms = 0;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    backward += dot(gc[k], vs[k]);
    terms += largest(gc[k]) * std::sqrt(static_cast<double>(xs[k].numel()));
    if (const auto off = difference(both[k], 2.0 * gc[k] - 3.0 * gd[k], 1e-11))
      fail(failures, "the rule is not linear in the cotangent, for input {}: {}", k, *off);
  }
  const double forward = dot(c, dy);
  if (!(std::abs(forward - backward) <= 1e-11 * (terms + std::abs(forward))))
    fail(failures, "<c, J v> is {:.12g}, but <J^T c, v> is {:.12g}", forward, backward);
}

}  // namespace gradus::op_suite
