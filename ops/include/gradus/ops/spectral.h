#pragma once

#include "gradus/graph/arg.h"
#include "gradus/ops/taylor.h"

#include <functional>
#include <memory>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus {
namespace detail {

/// A function of numbers, evaluated on Taylor series, and what it is called.
struct SpectralFunction {
  const char* name;
  std::function<lane::Taylor(const lane::Taylor&)> f;
};
Tensor spectral(const char* op, Arg a, std::shared_ptr<const SpectralFunction> f);

template <class F>
lane::Taylor series_of(const F& f, const lane::Taylor& x) {
  using Result = decltype(f(x));
  static_assert(std::is_same_v<Result, lane::Taylor> || std::is_convertible_v<Result, double>,
                "a spectral lambda takes and gives one number: [](auto x) { return exp(x); }");
  if constexpr (std::is_same_v<Result, lane::Taylor>)
    return f(x);
  else
    return lane::Taylor::constant(f(x));
}

}  // namespace detail

/// f(a) of a symmetric matrix: v diag(f(w)) v^T for a = v diag(w) v^T. `f` is an elementwise lambda of one number,
/// `[](auto x) { return exp(x); }`, or what `elementwise` made of one.
///   shapes    a [*, n, n], y like a
///   value     of the symmetric part (a + a^T) / 2, in double throughout; NaN if a is not finite
///   gradient  symmetric, right for equal eigenvalues and any gap between them, in every order up to 16: by
///             divided differences of f, f[w_i, w_j] (g . v)_ij, which for close values are taken from f's Taylor
///             series. Derivative k takes n^(k + 1) steps from k = 2 on. Infinite where f' is and something
///             depends on it: of sqrt at an eigenvalue 0
///   errors    ShapeError, DTypeError as of eigh; GradientError beyond order 16
///   source    Daleckii & Krein 1965; Higham 2008, "Functions of Matrices", theorems 3.11 and 3.20
template <class F>
Tensor spectral(Arg a, const F& f) {
  const char* name = "lambda";
  if constexpr (requires { f.function(); }) {
    static_assert(F::arity() == 1, "a spectral function takes one number");
    name = f.name();
  }
  auto series = [f](const lane::Taylor& x) {
    if constexpr (requires { f.function(); })
      return detail::series_of(f.function(), x);
    else
      return detail::series_of(f, x);
  };
  return detail::spectral(
      "spectral",
      a,
      std::make_shared<const detail::SpectralFunction>(detail::SpectralFunction{name, std::move(series)}));
}

// Of symmetric matrices, by `spectral`. An eigenvalue that is below 0 by no more than rounding, n epsilon times the
// largest, counts as 0.

/// The positive semidefinite square root; NaN if an eigenvalue is negative.
Tensor matrix_sqrt(Arg a);
/// Its inverse, the whitening matrix of a covariance; infinite or NaN if an eigenvalue is 0.
Tensor matrix_rsqrt(Arg a);
/// The logarithm; infinite or NaN if an eigenvalue is 0, NaN if it is negative.
Tensor matrix_log(Arg a);

}  // namespace gradus
GRADUS_EXPORT_END
