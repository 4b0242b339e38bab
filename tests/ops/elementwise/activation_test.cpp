#include "expect.h"

#include <gradus/ops/activation.h>

namespace gradus {
namespace {

const std::vector<double> kFar{800, -800, kInfinity, kNaN};

TEST(Activations, ClosedForms) {
  // With e = exp(1): sigmoid(1) = e / (1 + e), tanh(1) = (e^2 - 1) / (e^2 + 1).
  const double e = std::exp(1.0), s = e / (1 + e);
  expect_tensor(silu(values({1, 0})), float64, {2}, {s, 0}, 1e-15);
  const double p = std::log1p(e);
  expect_tensor(mish(values({1})), float64, {1}, {std::tanh(p)}, 1e-15);
  expect_tensor(gelu(values({1, 0})), float64, {2}, {0.8413447460685429, 0}, 1e-15);  // Phi(1)
  expect_tensor(gelu(values({1}), Approximate::tanh), float64, {1}, {0.8411919906082768}, 1e-15);
  expect_tensor(softsign(values({-3, 1})), float64, {2}, {-0.75, 0.5});
  expect_tensor(log_sigmoid(values({1})), float64, {1}, {std::log(s)}, 1e-15);
  expect_tensor(tanhshrink(values({1})), float64, {1}, {1 - std::tanh(1.0)}, 1e-15);
  expect_tensor(selu(values({1, -kInfinity})), float64, {2}, {1.0507009873554805, -1.7580993408473766}, 1e-15);
  expect_tensor(celu(values({1, -2}), 2), float64, {2}, {1, 2 * std::expm1(-1)}, 1e-15);
  expect_tensor(glu(values({1, 2, 0, 0})), float64, {2}, {0.5, 1});
}

TEST(Activations, PiecewiseLinear) {
  expect_tensor(hardsigmoid(values({-4, -3, 0, 3, kNaN})), float64, {5}, {0, 0, 0.5, 1, kNaN});
  expect_tensor(hardswish(values({-4, -3, 3, 4, kNaN})), float64, {5}, {0, -0.0, 3, 4, kNaN});
  expect_tensor(hardtanh(values({-4, 0.5, 4, kNaN})), float64, {4}, {-1, 0.5, 1, kNaN});
  expect_tensor(relu6(values({-4, 5, 7})), float64, {3}, {0, 5, 6});
  expect_tensor(threshold(values({1, 2, kNaN}), 1, 20), float64, {3}, {20, 2, kNaN});
  expect_tensor(softshrink(values({-2, -0.5, 0.25, 2, kNaN})), float64, {5}, {-1.5, 0, 0, 1.5, kNaN});
  expect_tensor(hardshrink(values({-2, -0.5, 0.25, 2, kNaN})), float64, {5}, {-2, 0, 0, 2, kNaN});
}

TEST(Activations, FarOut) {
  expect_tensor(silu(values(kFar)), float64, {4}, {800, -0.0, kInfinity, kNaN});
  expect_tensor(mish(values(kFar)), float64, {4}, {800, -0.0, kInfinity, kNaN});
  expect_tensor(gelu(values(kFar)), float64, {4}, {800, -0.0, kInfinity, kNaN});
  expect_tensor(gelu(values(kFar), Approximate::tanh), float64, {4}, {800, -0.0, kInfinity, kNaN});
  expect_tensor(log_sigmoid(values(kFar)), float64, {4}, {-0.0, -800, -0.0, kNaN});
}

TEST(Activations, Errors) {
  const Tensor x = ones({2, 3});
  expect_error<ArgumentError>("celu", "expected alpha > 0, got 0", [&] { celu(x, 0); });
  expect_error<ArgumentError>("hardtanh", "expected min <= max, got 1 and 0", [&] { hardtanh(x, 1, 0); });
  expect_error<ArgumentError>("softshrink", "expected lambda >= 0, got -1", [&] { softshrink(x, -1); });
  expect_error<ShapeError>("glu", "expected an even dimension 1, got [2, 3]", [&] { glu(x); });
  expect_error<DTypeError>("silu", "expected float32 or float64, got int64", [] { silu(ones({2}, int64)); });
}

}  // namespace
}  // namespace gradus
