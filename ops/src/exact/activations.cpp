#include "exact/table.h"

// Activations, with their limits at infinity. Zero is on neither side: where x is 0, a result 0 has its sign unless a
// constant is given instead.

namespace gradus::detail {
namespace {

Exact sigmoid_of(Exact x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Exact softplus_of(Exact x) { return (x > 0 || std::isnan(x) ? x : 0) + std::log1p(std::exp(-std::fabs(x))); }

/// x s(x) where s vanishes faster at -infinity than x grows: -0 there.
Exact gated(Exact x, Exact s) { return (x == -kExactInfinity ? std::numeric_limits<Exact>::lowest() : x) * s; }

Exact gelu_tanh_of(Exact x) {
  const Exact scale = std::numbers::sqrt2_v<Exact> * std::numbers::inv_sqrtpi_v<Exact>;
  return gated(x, sigmoid_of(2 * scale * (x + 0.044715L * x * x * x)));
}

/// x where βx > threshold, else ln(1 + e^(βx)) / β.
Exact softplus_of(X x, Exact beta, Exact threshold) {
  return beta * x[0] > threshold ? x[0] : softplus_of(beta * x[0]) / beta;
}

/// The curve below 0, its argument above.
Exact bent(Exact x, Exact above, Exact below) { return x > 0 ? above : below; }
Exact elu_of(Exact x, Exact alpha) { return bent(x, x, alpha * std::expm1(x)); }
Exact celu_of(Exact x, Exact alpha) { return bent(x, x, alpha * std::expm1(x / alpha)); }
Exact selu_of(Exact x) {
  const Exact scale = 1.0507009873554804934193349852946L, alpha = 1.6732632423543772848170429916717L;
  return scale * elu_of(x, alpha);
}

/// x - tanh x; the first terms of its series where it would cancel.
Exact tanhshrink_of(Exact x) {
  if (!(std::fabs(x) < 0.1L)) return x - std::tanh(x);
  const Exact z = x * x;
  Exact sum = 0;
  for (const Exact c : {443861162 / 1856156927625.L,
                        -6404582 / 10854718875.L,
                        929569 / 638512875.L,
                        -21844 / 6081075.L,
                        1382 / 155925.L,
                        -62 / 2835.L,
                        17 / 315.L,
                        -2 / 15.L,
                        1 / 3.L})
    sum = sum * z + c;
  return x * z * sum;
}

Exact hardsigmoid_of(Exact x) { return x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5L; }
Exact hardswish_of(Exact x) { return x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6; }
constexpr auto kNormal = ExactOp::Units::of_normal;
bool is_inside(Exact x) { return x >= -0.5L && x <= 0.5L; }

}  // namespace

std::vector<ExactOp> exact_activations() {
  return {
      {"sigmoid", "", [](X x) { return sigmoid_of(x[0]); }, 3, 3},
      {"softplus", "", [](X x) { return softplus_of(x, 1, 20); }, 2.5, 2.5},
      {"softplus", "beta 2", [](X x) { return softplus_of(x, 2, 20); }, 2.5, 2.5},
      {"softplus", "beta 0.5, threshold 0.5", [](X x) { return softplus_of(x, 0.5, 0.5); }, 2.5, 2.5},
      {"relu", "", [](X x) { return x[0] < 0 ? 0 : x[0]; }, 0, 0},
      {"leaky_relu", "", [](X x) { return bent(x[0], x[0], x.rounded(0.01) * x[0]); }, kRounded, kRounded},
      {"leaky_relu", "slope 0.3", [](X x) { return bent(x[0], x[0], x.rounded(0.3) * x[0]); }, kRounded, kRounded},
      {"leaky_relu", "slope -0.5", [](X x) { return bent(x[0], x[0], x[0] * -0.5L); }, kRounded, kRounded},
      {"elu", "", [](X x) { return elu_of(x[0], 1); }, 2.5, 2.5},
      {"elu", "alpha 0.5", [](X x) { return elu_of(x[0], 0.5); }, 2.5, 2.5},
      {"celu", "", [](X x) { return celu_of(x[0], 1); }, 2.5, 2.5},
      {"celu", "alpha 0.5", [](X x) { return celu_of(x[0], 0.5); }, 2.5, 2.5},
      {"selu", "", [](X x) { return selu_of(x[0]); }, 3.5, 3.5},
      {"silu", "", [](X x) { return gated(x[0], sigmoid_of(x[0])); }, 3.5, 3.5, kNormal},
      {"mish", "", [](X x) { return gated(x[0], std::tanh(softplus_of(x[0]))); }, 6, 6, kNormal},
      {"gelu",
       "",
       [](X x) { return gated(x[0], std::erfc(-x[0] * std::numbers::sqrt2_v<Exact> / 2) / 2); },
       5.5,
       5.5,
       kNormal},
      {"gelu_tanh", "", [](X x) { return gelu_tanh_of(x[0]); }, 80, 800, kNormal},
      {"softsign",
       "",
       [](X x) { return std::isinf(x[0]) ? std::copysign(Exact(1), x[0]) : x[0] / (1 + std::fabs(x[0])); },
       1.5,
       1.5},
      {"log_sigmoid", "", [](X x) { return -softplus_of(-x[0]); }, 2.5, 2.5},
      {"tanhshrink", "", [](X x) { return tanhshrink_of(x[0]); }, 8, 8},
      {"hardsigmoid", "", [](X x) { return hardsigmoid_of(x[0]); }, 1, 1, ExactOp::Units::of_largest},
      {"hardswish", "", [](X x) { return hardswish_of(x[0]); }, 2, 2},
      {"threshold", "", [](X x) { return x[0] <= 0.5L ? -3 : x[0]; }, 0, 0},
      {"softshrink",
       "",
       [](X x) { return is_inside(x[0]) ? 0 : x[0] - std::copysign(0.5L, x[0]); },
       kRounded,
       kRounded},
      {"hardshrink", "", [](X x) { return is_inside(x[0]) ? 0 : x[0]; }, 0, 0},
  };
}

}  // namespace gradus::detail
