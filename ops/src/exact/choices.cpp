#include "exact/table.h"

// Comparisons, extremes, logic: what takes one of its inputs, or says something of them.

namespace gradus::detail {
namespace {

/// The greater of two, +0 being greater than -0, and NaN if one is (IEEE 754-2019, 9.6).
Exact maximum_of(Exact a, Exact b) {
  if (std::isnan(a) || std::isnan(b)) return kExactNaN;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

Exact clamped(Exact x, Exact low, Exact high) { return x < low ? low : x > high ? high : x; }

Exact numbered(X x, Exact nan, Exact above, Exact below) {
  if (std::isnan(x[0])) return nan;
  return std::isfinite(x[0]) ? x[0] : x[0] > 0 ? above : below;
}

Exact largest(DType dtype) {
  return dtype == float32 ? Exact(std::numeric_limits<float>::max()) : Exact(std::numeric_limits<double>::max());
}

}  // namespace

std::vector<ExactOp> exact_choices() {
  return {
      {"maximum", "", [](X x) { return maximum_of(x[0], x[1]); }, 0, 0},
      {"minimum", "", [](X x) { return -maximum_of(-x[0], -x[1]); }, 0, 0},
      {"equal_to", "", [](X x) { return Exact(x[0] == x[1]); }, 0, 0},
      {"equal_to_scalar", "0.5", [](X x) { return Exact(x[0] == 0.5); }, 0, 0},
      {"not_equal_to", "", [](X x) { return Exact(x[0] != x[1]); }, 0, 0},
      {"not_equal_to_scalar", "0.5", [](X x) { return Exact(x[0] != 0.5); }, 0, 0},
      {"less", "", [](X x) { return Exact(x[0] < x[1]); }, 0, 0},
      {"less_scalar", "0.5", [](X x) { return Exact(x[0] < 0.5); }, 0, 0},
      {"less_equal", "", [](X x) { return Exact(x[0] <= x[1]); }, 0, 0},
      {"less_equal_scalar", "0.5", [](X x) { return Exact(x[0] <= 0.5); }, 0, 0},
      {"greater", "", [](X x) { return Exact(x[0] > x[1]); }, 0, 0},
      {"greater_scalar", "0.5", [](X x) { return Exact(x[0] > 0.5); }, 0, 0},
      {"greater_equal", "", [](X x) { return Exact(x[0] >= x[1]); }, 0, 0},
      {"greater_equal_scalar", "0.5", [](X x) { return Exact(x[0] >= 0.5); }, 0, 0},
      {"where", "two tensors", [](X x) { return x[0] != 0 ? x[1] : x[2]; }, 0, 0},
      {"where", "a number second", [](X x) { return x[0] != 0 ? x[1] : Exact(0.5); }, 0, 0},
      {"where", "a number first", [](X x) { return x[0] != 0 ? Exact(-0.5) : x[1]; }, 0, 0},
      {"logical_and", "", [](X x) { return Exact(x[0] != 0 && x[1] != 0); }, 0, 0},
      {"logical_or", "", [](X x) { return Exact(x[0] != 0 || x[1] != 0); }, 0, 0},
      {"logical_xor", "", [](X x) { return Exact((x[0] != 0) != (x[1] != 0)); }, 0, 0},
      {"logical_not", "", [](X x) { return Exact(x[0] == 0); }, 0, 0},
      {"isnan", "", [](X x) { return Exact(std::isnan(x[0])); }, 0, 0},
      {"isinf", "", [](X x) { return Exact(std::isinf(x[0])); }, 0, 0},
      {"isfinite", "", [](X x) { return Exact(std::isfinite(x[0])); }, 0, 0},
      {"abs", "", [](X x) { return std::fabs(x[0]); }, 0, 0},
      {"sign", "", [](X x) { return x[0] > 0   ? 1
                                    : x[0] < 0 ? -1
                                               : x[0]; }, 0, 0},
      {"clamp", "both", [](X x) { return clamped(x[0], x.rounded(-0.6), x.rounded(0.8)); }, 0, 0},
      {"clamp", "min", [](X x) { return clamped(x[0], x.rounded(-0.6), kExactInfinity); }, 0, 0},
      {"clamp", "max", [](X x) { return clamped(x[0], -kExactInfinity, x.rounded(0.8)); }, 0, 0},
      {"nan_to_num", "", [](X x) { return numbered(x, 0, largest(x.dtype), -largest(x.dtype)); }, 0, 0},
      {"nan_to_num", "numbers", [](X x) { return numbered(x, 1, 2, 3); }, 0, 0},
      {"hardtanh", "", [](X x) { return clamped(x[0], -1, 1); }, 0, 0},
      {"relu6", "", [](X x) { return clamped(x[0], 0, 6); }, 0, 0},
  };
}

}  // namespace gradus::detail
