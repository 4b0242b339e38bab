#pragma once

#include "gradus/autograd/functional.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

struct CheckOptions {
  /// Accepted relative error. Entries below a hundredth of an input's largest derivative count as that.
  double rtol = 1e-6;
  /// Accepted besides, absolutely.
  double atol = 0;
  /// The first step, times max(1, |x|); smaller ones follow until the difference quotients agree.
  double eps = 1e-2;
  /// Random pairs of a cotangent and a direction that are compared in any case.
  int directions = 3;
  /// Up to so many entries of the Jacobian are compared one by one as well; beyond, those of one random
  /// combination of results, while the inputs have no more.
  std::int64_t entries = 2048;
  std::uint64_t seed = 1;
  /// If not 0: value and gradient in float32 are compared with those in float64, to this relative error.
  double float32_rtol = 0;
};

/// What a gradient check found.
struct Report {
  bool ok = true;
  /// Over all that was compared.
  double max_relative_error = 0, max_absolute_error = 0;

  /// The derivative d result[output_at] / d input[input_at] that is furthest off. Where -1 stands for an
  /// input or output, a random combination of all was compared.
  struct Entry {
    int output = -1, input = -1;
    Shape output_at{}, input_at{};
    double analytic = std::numeric_limits<double>::quiet_NaN();
    double numeric = std::numeric_limits<double>::quiet_NaN();
    std::string name{};  // "d result[1, 2] / d input 0[1, 2]"
  };
  Entry worst;

  std::int64_t compared = 0;          // derivatives
  std::vector<std::string> findings;  // why it isn't ok, a sentence each
  std::string what;                   // "gradcheck"
  double accepted = 0;                // CheckOptions::rtol

  explicit operator bool() const { return ok; }
};

/// A printable account, ending with a newline.
std::string to_string(const Report& report);
std::ostream& operator<<(std::ostream& out, const Report& report);

namespace detail {

Report check_derivative(
    int order, const Function& f, std::span<const Tensor> xs, const CheckOptions& options, CallSite site);

}  // namespace detail

/// Compares the gradient of `f` at `x` with differences of its values, in float64 (floating inputs are
/// converted). Also finds: gradients that differ from run to run, inputs changed in place, values that are
/// not finite, points where f seems not to be differentiable.
///   f         takes one tensor, several, or a span; gives one or several, of any shapes. May differentiate
///             on its way: `grad(y, x, {}, {.create_graph = true})`
///   method    central differences with steps eps, eps/4, … and extrapolation to 0 (Ridders 1982); error
///             usually near 1e-10
///   errors    DTypeError if no input, or no result, is floating
template <class F>
Report gradcheck(F&& f,
                 std::span<const Tensor> xs,
                 const CheckOptions& options = {},
                 CallSite site = CallSite::here()) {
  return detail::check_derivative(1, detail::function_of(f), xs, options, site);
}
template <class F>
Report gradcheck(F&& f, const Tensor& x, const CheckOptions& options = {}, CallSite site = CallSite::here()) {
  return detail::check_derivative(1, detail::function_of(f), {&x, 1}, options, site);
}
template <class F>
Report gradcheck(F&& f,
                 std::initializer_list<Tensor> xs,
                 const CheckOptions& options = {},
                 CallSite site = CallSite::here()) {
  return detail::check_derivative(1, detail::function_of(f), {xs.begin(), xs.size()}, options, site);
}

/// The same for the second order: checks the derivatives of (x, c) -> grad <c, f(x)>, with a random c.
template <class F>
Report gradgradcheck(F&& f,
                     std::span<const Tensor> xs,
                     const CheckOptions& options = {},
                     CallSite site = CallSite::here()) {
  return detail::check_derivative(2, detail::function_of(f), xs, options, site);
}
template <class F>
Report gradgradcheck(F&& f, const Tensor& x, const CheckOptions& options = {}, CallSite site = CallSite::here()) {
  return detail::check_derivative(2, detail::function_of(f), {&x, 1}, options, site);
}
template <class F>
Report gradgradcheck(F&& f,
                     std::initializer_list<Tensor> xs,
                     const CheckOptions& options = {},
                     CallSite site = CallSite::here()) {
  return detail::check_derivative(2, detail::function_of(f), {xs.begin(), xs.size()}, options, site);
}

}  // namespace gradus
GRADUS_EXPORT_END
