// Single ops, layers and optimisers: the workloads of libtorch/op_workloads.cpp, written for Gradus.

#include "add.h"
#include "workload_spec.h"

#include "gradus/gradus.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace gradus;
using bench::add, bench::images, bench::row, bench::square;
using Tensors = std::vector<Tensor>;

template <class F>
std::function<void()> forward_and_backward(const Tensors& leaves, F f) {
  const Tensor ones = ones_like(detach(f()));
  return [=] {
    for (const Tensor& leaf : leaves) zero_grad(leaf);
    backward(f(), ones);
  };
}

using Op = Tensor (*)(const Tensors& x);

void op(const std::string& name, const std::vector<bench::Dims>& inputs, Op f, DType dtype = float32) {
  add(name, [=] {
    Tensors x;
    for (const bench::Dims& dims : inputs)
      x.push_back(leaf(uniform(Shape(dims), -bench::kRange, bench::kRange, dtype)));
    return forward_and_backward(x, [=] { return f(x); });
  });
}

/// With whole numbers below `limit` as a last input, which has no gradient.
void indexed_op(const std::string& name,
                const std::vector<bench::Dims>& inputs,
                const bench::Dims& places,
                std::int64_t limit,
                Op f) {
  add(name, [=] {
    Tensors x;
    for (const bench::Dims& dims : inputs) x.push_back(leaf(uniform(Shape(dims), -bench::kRange, bench::kRange)));
    Tensors all = x;
    all.push_back(cast(uniform(Shape(places), 0, static_cast<double>(limit)), int64));
    return forward_and_backward(x, [=] { return f(all); });
  });
}

void elementwise_ops() {
  op("act_relu_1M", {square()}, [](const Tensors& x) { return relu(x[0]); });
  op("act_sigmoid_1M", {square()}, [](const Tensors& x) { return sigmoid(x[0]); });
  op("act_tanh_1M", {square()}, [](const Tensors& x) { return tanh(x[0]); });
  op("act_gelu_1M", {square()}, [](const Tensors& x) { return gelu(x[0]); });
  op("act_silu_1M", {square()}, [](const Tensors& x) { return silu(x[0]); });
  op("act_relu_transposed_1M", {square()}, [](const Tensors& x) { return relu(transpose(x[0])); });
  op("mul_1M", {square(), square()}, [](const Tensors& x) { return x[0] * x[1]; });
  op("div_exp_log_1M", {square(), square()}, [](const Tensors& x) {
    const Tensor divisor = x[1] + bench::kAway;
    return exp(x[0]) / divisor + log(divisor);
  });
  op("transpose_add_1M", {square(), square()}, [](const Tensors& x) { return transpose(x[0]) + x[1]; });
  const Op chain = [](const Tensors& x) {
    Tensor y = x[0];
    for (int i = 0; i < 8; ++i) y = exp(-square(sin(y) * x[0])) + x[0];
    return y;
  };
  op("elementwise_f64_chain_64k", {{1 << 16}}, chain, float64);
}

void reductions() {
  op("bias_add_sum_1M", {square(), row()}, [](const Tensors& x) { return sum(x[0] + x[1]); });
  op("sum_axis0_1M", {square()}, [](const Tensors& x) { return sum(x[0], 0); });
  op("sum_axis1_1M", {square()}, [](const Tensors& x) { return sum(x[0], 1); });
  op("sum_all_1M", {square()}, [](const Tensors& x) { return sum(x[0]); });
  op("var_axis1_1M", {square()}, [](const Tensors& x) { return var(x[0], 1); });
  op("softmax_1M", {square()}, [](const Tensors& x) { return softmax(x[0], 1); });
  op("logsumexp_1M", {square()}, [](const Tensors& x) { return logsumexp(x[0], 1); });
  op("cumsum_axis1_1M", {square()}, [](const Tensors& x) { return cumsum(x[0], 1); });
  op("sort_rows_1M", {square()}, [](const Tensors& x) { return sort(x[0], 1).values; });
  op("mse_1M", {square(), square()}, [](const Tensors& x) { return mse_loss(x[0], detach(x[1])); });
  op("huber_1M", {square(), square()}, [](const Tensors& x) { return huber_loss(x[0], detach(x[1])); });
  indexed_op("cross_entropy_8192x1000",
             {{bench::kSentences, bench::kLabels}},
             {bench::kSentences},
             bench::kLabels,
             [](const Tensors& x) { return cross_entropy(x[0], x[1]); });
}

void norms_and_products() {
  op("layernorm_512x1024", {{512, 1024}, row(), row()}, [](const Tensors& x) {
    return layer_norm(x[0], {bench::kColumns}, x[1], x[2]);
  });
  op("groupnorm_32x64x32x32_g8", {{32, 64, 32, 32}, {64}, {64}}, [](const Tensors& x) {
    return group_norm(x[0], 8, x[1], x[2]);
  });
  op("matmul_256_fwdbwd", {{256, 256}, {256, 256}}, [](const Tensors& x) { return matmul(x[0], x[1]); });
  op("matmul_1024_fwdbwd", {square(), square()}, [](const Tensors& x) { return matmul(x[0], x[1]); });
  op("matmul_f64_256_fwdbwd", {{256, 256}, {256, 256}}, [](const Tensors& x) { return matmul(x[0], x[1]); }, float64);
  op("mv_1024", {square(), row()}, [](const Tensors& x) { return mv(x[0], x[1]); });
  op("bmm_64x128x128", {{64, 128, 128}, {64, 128, 128}}, [](const Tensors& x) { return bmm(x[0], x[1]); });
  op("solve_256", {{256, 256}, {256, 16}}, [](const Tensors& x) { return solve(x[0] + 20.0 * eye(256), x[1]); });
  op("sdpa_b8_h8_t128_d32", {{8, 8, 128, 32}, {8, 8, 128, 32}, {8, 8, 128, 32}}, [](const Tensors& x) {
    return attention(x[0], x[1], x[2]);
  });
}

void spatial_and_indices() {
  op("conv3x3_b32_64_64_32x32", {{32, 64, 32, 32}, {64, 64, 3, 3}, {64}}, [](const Tensors& x) {
    return conv2d(x[0], x[1], x[2], {.padding = 1});
  });
  op("depthwise_conv3x3_b32_128_28x28", {{32, 128, 28, 28}, {128, 1, 3, 3}, {128}}, [](const Tensors& x) {
    return conv2d(x[0], x[1], x[2], {.padding = 1, .groups = 128});
  });
  op("maxpool2_64x64x32x32", {images()}, [](const Tensors& x) { return max_pool2d(x[0], 2); });
  op("avgpool2_64x64x32x32", {images()}, [](const Tensors& x) { return avg_pool2d(x[0], 2); });
  indexed_op(
      "gather_1M", {square()}, square(), bench::kColumns, [](const Tensors& x) { return gather(x[0], 1, x[1]); });
  indexed_op("scatter_add_1M", {square(), square()}, square(), bench::kColumns, [](const Tensors& x) {
    return scatter_add(x[0], 1, x[2], x[1]);
  });
  indexed_op("embedding_50000x128_4096", {{50'000, 128}}, {4096}, 50'000, [](const Tensors& x) {
    return embedding(x[1], x[0]);
  });
}

template <class Layer>
void recurrent(const std::string& name) {
  add(name, [] {
    const auto layer = std::make_shared<Layer>(bench::kFeatures, bench::kCells);
    const Tensor x = uniform({bench::kSteps, bench::kSequences, bench::kFeatures}, -bench::kRange, bench::kRange);
    const std::vector<Parameter> parameters = nn::parameters(*layer);
    return forward_and_backward(Tensors(parameters.begin(), parameters.end()), [=] { return sum((*layer)(x).y); });
  });
}

template <class Optimizer, class Options>
void steps(const std::string& name, std::int64_t count, std::int64_t length, const Options& options) {
  add(name, [=]() -> std::function<void()> {
    std::vector<Parameter> parameters;
    for (std::int64_t i = 0; i < count; ++i) {
      parameters.push_back(Parameter(leaf(uniform({length}, -bench::kRange, bench::kRange))));
      set_gradient(parameters.back(), uniform({length}, -bench::kRange, bench::kRange));
    }
    const auto optimizer = std::make_shared<Optimizer>(parameters, options);
    return [=] { optimizer->step(); };
  });
}

}  // namespace

void add_op_workloads() {
  elementwise_ops();
  reductions();
  norms_and_products();
  spatial_and_indices();
  recurrent<nn::LSTM>("lstm_t32_b32_64_128");
  recurrent<nn::GRU>("gru_t32_b32_64_128");
  const optim::SgdOptions momentum{.lr = bench::kSgdRate, .momentum = bench::kMomentum};
  const optim::AdamOptions adam{.lr = bench::kAdamRate};
  steps<optim::Sgd>("sgdm_10M", 1, bench::kManyNumbers, momentum);
  steps<optim::Adam>("adam_10M", 1, bench::kManyNumbers, adam);
  steps<optim::Adam>("adam_1000x100", bench::kSmallParameters, bench::kSmallLength, adam);
}
