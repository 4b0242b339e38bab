#include "exact/table.h"

// Arithmetic, rounding, and what is made of a few such ops.

namespace gradus::detail {
namespace {

/// a + w (b - a) = b + (1 - w) (a - b): the end itself where w is 0 or 1 and an end infinite, the sum of both shares
/// where both are.
Exact lerp_of(Exact a, Exact b, Exact w) {
  const bool infinite = !std::isfinite(a) || !std::isfinite(b);
  if (infinite && (w == 0 || w == 1)) return w == 0 ? a : b;
  if (std::isfinite(a)) return a + w * (b - a);
  return std::isfinite(b) ? b + (1 - w) * (a - b) : a * (1 - w) + b * w;
}

/// What fmod leaves, on the side of 0 on which the divisor is.
Exact remainder_of(Exact a, Exact b) {
  const Exact r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

constexpr auto kLargest = ExactOp::Units::of_largest;

}  // namespace

std::vector<ExactOp> exact_arithmetic() {
  return {
      {"add", "", [](X x) { return x[0] + x[1]; }, kRounded, kRounded},
      {"sub", "", [](X x) { return x[0] - x[1]; }, kRounded, kRounded},
      {"mul", "", [](X x) { return x[0] * x[1]; }, kRounded, kRounded},
      {"div", "", [](X x) { return x[0] / x[1]; }, kRounded, kRounded},
      {"neg", "", [](X x) { return -x[0]; }, 0, 0},
      {"add_scalar", "1.7", [](X x) { return x[0] + x.rounded(1.7); }, kRounded, kRounded},
      {"mul_scalar", "1.7", [](X x) { return x[0] * x.rounded(1.7); }, kRounded, kRounded},
      {"div_scalar", "1.7", [](X x) { return x[0] / x.rounded(1.7); }, kRounded, kRounded},
      {"sub_from", "1.7", [](X x) { return x.rounded(1.7) - x[0]; }, kRounded, kRounded},
      {"div_into", "1.7", [](X x) { return x.rounded(1.7) / x[0]; }, kRounded, kRounded},
      {"pow", "", [](X x) { return std::pow(x[0], x[1]); }, 1, 1.5},
      {"pow_scalar", "1.7", [](X x) { return std::pow(x[0], x.rounded(1.7)); }, 1, 1.5},
      {"pow_of", "1.7", [](X x) { return std::pow(x.rounded(1.7), x[0]); }, 1, 1.5},
      {"to", "float64 and back", [](X x) { return x[0]; }, 0, 0},
      {"square", "", [](X x) { return x[0] * x[0]; }, kRounded, kRounded},
      {"reciprocal", "", [](X x) { return 1 / x[0]; }, kRounded, kRounded},
      {"sqrt", "", [](X x) { return std::sqrt(x[0]); }, kRounded, kRounded},
      {"rsqrt", "", [](X x) { return 1 / std::sqrt(x[0]); }, 1.5, 1.5},
      {"floor", "", [](X x) { return std::floor(x[0]); }, 0, 0},
      {"ceil", "", [](X x) { return std::ceil(x[0]); }, 0, 0},
      {"round", "", [](X x) { return std::nearbyint(x[0]); }, 0, 0},
      {"trunc", "", [](X x) { return std::trunc(x[0]); }, 0, 0},
      {"frac", "", [](X x) { return std::fmod(x[0], Exact(1)); }, 0, 0},
      {"fmod", "", [](X x) { return std::fmod(x[0], x[1]); }, 0, 0},
      {"fmod", "signs differ", [](X x) { return std::fmod(x[0], x[1]); }, 0, 0},
      {"remainder", "", [](X x) { return remainder_of(x[0], x[1]); }, kRounded, kRounded},
      {"remainder", "signs differ", [](X x) { return remainder_of(x[0], x[1]); }, kRounded, kRounded},
      {"lerp", "", [](X x) { return lerp_of(x[0], x[1], x[2]); }, 3, 3, kLargest},
      {"lerp_scalar", "w 0.3", [](X x) { return lerp_of(x[0], x[1], x.rounded(0.3)); }, 3, 3, kLargest},
      {"lerp_scalar", "w 0.8", [](X x) { return lerp_of(x[0], x[1], x.rounded(0.8)); }, 3, 3, kLargest},
      {"addcmul", "", [](X x) { return x[0] + x.rounded(x.rounded(0.7) * x.rounded(x[1] * x[2])); }, 1, 1, kLargest},
      {"addcdiv", "", [](X x) { return x[0] + x.rounded(x.rounded(0.7) * x.rounded(x[1] / x[2])); }, 1, 1, kLargest},
      {"stop_gradient", "", [](X x) { return x[0]; }, 0, 0},
      {"scale_gradient", "", [](X x) { return x[0]; }, 0, 0},
      {"clip_gradient", "", [](X x) { return x[0]; }, 0, 0},
  };
}

}  // namespace gradus::detail
