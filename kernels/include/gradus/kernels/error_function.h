#pragma once

// The error function and what is made of it, in the manner of elementary.h.

#include "gradus/kernels/elementary.h"
#include "gradus/tensor/export.h"

#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels::elementary {

/// e^(z^2) (1 - erf z) for z >= 0, to 3 ulp, as (1 + w p(w - 1)) / (1 + 2 z) with w = 2 z / (z + c) (the variable of
/// Shepherd & Laframboise 1981) and a polynomial p, interpolated at Chebyshev's nodes, to 6e-9 up to z = 10.7 for float
/// and to 4e-17 up to 27.7 for double.
GRADUS_ELEMENTARY V erfcx(V z) {
  V w, p;
  if constexpr (std::is_same_v<Scalar<V>, float>) {
    w = 2 * z / (z + 3);
    p = polynomial(w - 1,
                   0.253008055f,
                   -0.388629184f,
                   0.341067137f,
                   -0.211420702f,
                   0.092144987f,
                   -0.0238530698f,
                   7.51622225e-5f,
                   0.00251835112f,
                   -0.000535798679f,
                   -0.000287104585f);
  } else {
    w = 2 * z / (z + 3.75);
    p = polynomial(w - 1,
                   0.23751263083782762,
                   -0.37775322942337448,
                   0.38133864490882759,
                   -0.299061906418701,
                   0.19025797627754238,
                   -0.097953655116266745,
                   0.039260256514732942,
                   -0.010897979114380148,
                   0.0011513996769682055,
                   0.00060422637863309743,
                   -0.00031051340101630661,
                   2.0358032434789603e-05,
                   3.1293350694304848e-05,
                   -8.9040878991054514e-06,
                   -2.5442595476095022e-06,
                   1.5584948673498949e-06,
                   1.9621505650697975e-07,
                   -2.3536440320058201e-07,
                   -2.0809037625772266e-08,
                   2.9000461858867345e-08,
                   3.3550673363031342e-09,
                   -1.4101710388881779e-09);
  }
  return (1 + w * p) / (1 + 2 * z);
}

/// The standard normal distribution function, to 5 ulp, and its density, to 2.5.
template <class V>
struct Normal {
  V cdf, density;
};
GRADUS_ELEMENTARY Normal<V> normal(V x) {
  using S = Scalar<V>;
  const V z = within(magnitude(x), S(0), std::is_same_v<S, float> ? S(15) : S(39));  // the tail is 0 from there on
  const V e = exp_of_square(z, S(-0.5)), tail = S(0.5) * e * erfcx<V>(z * S(0.70710678118654752)), rest = 1 - tail;
  return {x > 0 ? rest : tail, e * S(0.39894228040143268)};
}

/// 1 - erf(x) of doubles to a relative error of 1e-8, as float needs it. With t = 1 / (1 + z / 2) and z >= 0,
/// ln(erfc(z) / t) + z^2 is a polynomial of t to 7e-9 (interpolated at Chebyshev's nodes).
GRADUS_ELEMENTARY V rough_erfc(V x) {
  const V z = magnitude(x), t = 1 / (1 + 0.5 * z);
  const V p = polynomial(t,
                         -1.2655121170707261,
                         0.99999783435681012,
                         0.37512063167248895,
                         0.080707503058182515,
                         -0.056477434272736343,
                         -0.33794924919783831,
                         0.71259183279955156,
                         -2.1227180445386406,
                         3.8225773902430331,
                         -3.6969152558712112,
                         1.9822865480879337,
                         -0.55679548566921634,
                         0.06308584359433057);
  const V tail = t * exp<V>(p - z * z), other = 2 - tail;
  return x < 0 ? other : tail;
}

/// erf x of floats, to 1.5 ulp. Below 1, erf(x) / x - 1 is a polynomial of x^2 to 2e-9; beyond, ln(erfc(x)) is one of
/// x, so that erf is right to 2e-9; beyond 4 it is 1 (least squares at Chebyshev's nodes).
template <class V>
  requires std::is_same_v<Scalar<V>, float>
[[gnu::always_inline]] inline V erf(V x) {
  const V z = magnitude(x), s = z * z;
  const V near = z + z * polynomial(s,
                                    0.128379166f,
                                    -0.37612626f,
                                    0.112835974f,
                                    -0.0268543288f,
                                    0.00518931216f,
                                    -0.000801885501f,
                                    7.88249745e-05f);
  const V four = constant<V>(4), inside = z < 4 ? z : four;
  const Reduced<V> tail = reduced(polynomial(inside,
                                             -8.79337022e-05f,
                                             -1.12838328f,
                                             -0.635378897f,
                                             -0.10631308f,
                                             0.0240125898f,
                                             -0.00380951841f,
                                             0.000371037371f,
                                             -1.64859266e-05f));
  const V far = 1 - (1 + tail.expm1_r) * power_of_two(tail.k);
  const V number = z == z ? far : z, size = z < 1 ? near : number;
  return with_sign_of(size, x);
}

/// erf x of doubles, to 1.5 ulp. Below 1, erf(x) / x - 1 is a polynomial of x^2 to 8e-18 (interpolated at Chebyshev's
/// nodes); beyond 6 it is 1.
template <class V>
  requires std::is_same_v<Scalar<V>, double>
[[gnu::always_inline]] inline V erf(V x) {
  const V z = magnitude(x), s = z * z;
  const V near = z + z * polynomial(s,
                                    0.12837916709551256,
                                    -0.37612638903183543,
                                    0.11283791670945006,
                                    -0.02686617064323777,
                                    0.0052239776071164225,
                                    -0.0008548325975389692,
                                    0.00012055294904839707,
                                    -1.492473690741966e-05,
                                    1.6447424703317362e-06,
                                    -1.6208483801871705e-07,
                                    1.3720064546777686e-08,
                                    -7.795898827002142e-10);
  const V inside = within(z, 0, 6), far = 1 - exp_down<V>(reduced<V>(-(inside * inside))) * erfcx(inside);
  const V size = z < 1 ? near : far;
  return with_sign_of(size, x);
}

/// 1 - erf x, to 4 ulp (float 1).
GRADUS_ELEMENTARY V erfc(V x) {
  if constexpr (std::is_same_v<Scalar<V>, float>) {
    return in_doubles([](auto v) { return rough_erfc(v); }, x);
  } else {
    const V z = within(magnitude(x), 0, 28), tail = exp_of_square(z, -1) * erfcx(z), other = 2 - tail;
    return x < 0 ? other : tail;
  }
}

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END
