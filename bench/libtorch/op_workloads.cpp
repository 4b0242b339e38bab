// The workloads of ../op_workloads.cpp, written for libtorch.

#include "add.h"
#include "workload_spec.h"

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace {

using bench::add, bench::images, bench::row, bench::square;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensor uniform(const bench::Dims& dims, torch::ScalarType dtype = torch::kFloat32) {
  return torch::empty(dims, dtype).uniform_(-bench::kRange, bench::kRange);
}
Tensor leaf(const bench::Dims& dims, torch::ScalarType dtype = torch::kFloat32) {
  return uniform(dims, dtype).set_requires_grad(true);
}

template <class F>
std::function<void()> forward_and_backward(const Tensors& leaves, F f) {
  const Tensor y = f().detach(), ones = torch::ones(y.sizes(), y.options());  // without the strides of a view
  return [=] {
    for (const Tensor& leaf : leaves) leaf.mutable_grad().reset();
    f().backward(ones);
  };
}

using Op = Tensor (*)(const Tensors& x);

void op(const std::string& name,
        const std::vector<bench::Dims>& inputs,
        Op f,
        torch::ScalarType dtype = torch::kFloat32) {
  add(name, [=] {
    Tensors x;
    for (const bench::Dims& dims : inputs) x.push_back(leaf(dims, dtype));
    return forward_and_backward(x, [=] { return f(x); });
  });
}

void indexed_op(
    const std::string& name, const std::vector<bench::Dims>& inputs, const bench::Dims& places, int64_t limit, Op f) {
  add(name, [=] {
    Tensors x;
    for (const bench::Dims& dims : inputs) x.push_back(leaf(dims));
    Tensors all = x;
    all.push_back(torch::randint(limit, places, torch::kInt64));
    return forward_and_backward(x, [=] { return f(all); });
  });
}

void elementwise_ops() {
  op("act_relu_1M", {square()}, [](const Tensors& x) { return torch::relu(x[0]); });
  op("act_sigmoid_1M", {square()}, [](const Tensors& x) { return torch::sigmoid(x[0]); });
  op("act_tanh_1M", {square()}, [](const Tensors& x) { return torch::tanh(x[0]); });
  op("act_gelu_1M", {square()}, [](const Tensors& x) { return torch::gelu(x[0]); });
  op("act_silu_1M", {square()}, [](const Tensors& x) { return torch::silu(x[0]); });
  op("act_relu_transposed_1M", {square()}, [](const Tensors& x) { return torch::relu(x[0].t()); });
  op("mul_1M", {square(), square()}, [](const Tensors& x) { return x[0] * x[1]; });
  op("div_exp_log_1M", {square(), square()}, [](const Tensors& x) {
    const Tensor divisor = x[1] + bench::kAway;
    return torch::exp(x[0]) / divisor + torch::log(divisor);
  });
  op("transpose_add_1M", {square(), square()}, [](const Tensors& x) { return x[0].t() + x[1]; });
  const Op chain = [](const Tensors& x) {
    Tensor y = x[0];
    for (int i = 0; i < 8; ++i) y = torch::exp(-torch::square(torch::sin(y) * x[0])) + x[0];
    return y;
  };
  op("elementwise_f64_chain_64k", {{1 << 16}}, chain, torch::kFloat64);
}

void reductions() {
  op("bias_add_sum_1M", {square(), row()}, [](const Tensors& x) { return torch::sum(x[0] + x[1]); });
  op("sum_axis0_1M", {square()}, [](const Tensors& x) { return torch::sum(x[0], 0); });
  op("sum_axis1_1M", {square()}, [](const Tensors& x) { return torch::sum(x[0], 1); });
  op("sum_all_1M", {square()}, [](const Tensors& x) { return torch::sum(x[0]); });
  op("var_axis1_1M", {square()}, [](const Tensors& x) { return torch::var(x[0], 1); });
  op("softmax_1M", {square()}, [](const Tensors& x) { return torch::softmax(x[0], 1); });
  op("logsumexp_1M", {square()}, [](const Tensors& x) { return torch::logsumexp(x[0], 1); });
  op("cumsum_axis1_1M", {square()}, [](const Tensors& x) { return torch::cumsum(x[0], 1); });
  op("sort_rows_1M", {square()}, [](const Tensors& x) { return std::get<0>(torch::sort(x[0], 1)); });
  op("mse_1M", {square(), square()}, [](const Tensors& x) { return torch::mse_loss(x[0], x[1].detach()); });
  op("huber_1M", {square(), square()}, [](const Tensors& x) { return torch::huber_loss(x[0], x[1].detach()); });
  indexed_op("cross_entropy_8192x1000",
             {{bench::kSentences, bench::kLabels}},
             {bench::kSentences},
             bench::kLabels,
             [](const Tensors& x) { return torch::nn::functional::cross_entropy(x[0], x[1]); });
}

void norms_and_products() {
  op("layernorm_512x1024", {{512, 1024}, row(), row()}, [](const Tensors& x) {
    return torch::layer_norm(x[0], {bench::kColumns}, x[1], x[2]);
  });
  op("groupnorm_32x64x32x32_g8", {{32, 64, 32, 32}, {64}, {64}}, [](const Tensors& x) {
    return torch::group_norm(x[0], 8, x[1], x[2]);
  });
  op("matmul_256_fwdbwd", {{256, 256}, {256, 256}}, [](const Tensors& x) { return torch::matmul(x[0], x[1]); });
  op("matmul_1024_fwdbwd", {square(), square()}, [](const Tensors& x) { return torch::matmul(x[0], x[1]); });
  op(
      "matmul_f64_256_fwdbwd",
      {{256, 256}, {256, 256}},
      [](const Tensors& x) { return torch::matmul(x[0], x[1]); },
      torch::kFloat64);
  op("mv_1024", {square(), row()}, [](const Tensors& x) { return torch::mv(x[0], x[1]); });
  op("bmm_64x128x128", {{64, 128, 128}, {64, 128, 128}}, [](const Tensors& x) { return torch::bmm(x[0], x[1]); });
  op("solve_256", {{256, 256}, {256, 16}}, [](const Tensors& x) {
    return at::linalg_solve(x[0] + 20.0 * torch::eye(256), x[1]);
  });
  op("sdpa_b8_h8_t128_d32", {{8, 8, 128, 32}, {8, 8, 128, 32}, {8, 8, 128, 32}}, [](const Tensors& x) {
#if TORCH_VERSION_MAJOR >= 2
    return at::scaled_dot_product_attention(x[0], x[1], x[2]);
#else
    const double scale = 1 / std::sqrt(static_cast<double>(x[0].size(-1)));
    return torch::matmul(torch::softmax(torch::matmul(x[0], x[1].transpose(-2, -1)) * scale, -1), x[2]);
#endif
  });
}

void spatial_and_indices() {
  op("conv3x3_b32_64_64_32x32", {{32, 64, 32, 32}, {64, 64, 3, 3}, {64}}, [](const Tensors& x) {
    return torch::conv2d(x[0], x[1], x[2], 1, 1);
  });
  op("depthwise_conv3x3_b32_128_28x28", {{32, 128, 28, 28}, {128, 1, 3, 3}, {128}}, [](const Tensors& x) {
    return torch::conv2d(x[0], x[1], x[2], 1, 1, 1, 128);
  });
  op("maxpool2_64x64x32x32", {images()}, [](const Tensors& x) { return torch::max_pool2d(x[0], 2); });
  op("avgpool2_64x64x32x32", {images()}, [](const Tensors& x) { return torch::avg_pool2d(x[0], 2); });
  indexed_op("gather_1M", {square()}, square(), bench::kColumns, [](const Tensors& x) {
    return torch::gather(x[0], 1, x[1]);
  });
  indexed_op("scatter_add_1M", {square(), square()}, square(), bench::kColumns, [](const Tensors& x) {
    return torch::scatter_add(x[0], 1, x[2], x[1]);
  });
  indexed_op("embedding_50000x128_4096", {{50'000, 128}}, {4096}, 50'000, [](const Tensors& x) {
    return torch::embedding(x[0], x[1]);
  });
}

template <class Layer>
void recurrent(const std::string& name) {
  add(name, [] {
    const auto layer = Layer(bench::kFeatures, bench::kCells).ptr();
    const Tensor x = uniform({bench::kSteps, bench::kSequences, bench::kFeatures});
    return forward_and_backward(layer->parameters(), [=] { return torch::sum(std::get<0>(layer->forward(x))); });
  });
}

template <class Optimizer, class Options>
void steps(const std::string& name, int64_t count, int64_t length, const Options& options) {
  add(name, [=]() -> std::function<void()> {
    Tensors parameters;
    for (int64_t i = 0; i < count; ++i) {
      parameters.push_back(leaf({length}));
      parameters.back().mutable_grad() = uniform({length});
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
  recurrent<torch::nn::LSTM>("lstm_t32_b32_64_128");
  recurrent<torch::nn::GRU>("gru_t32_b32_64_128");
  const auto momentum = torch::optim::SGDOptions(bench::kSgdRate).momentum(bench::kMomentum);
  const auto adam = torch::optim::AdamOptions(bench::kAdamRate);
  steps<torch::optim::SGD>("sgdm_10M", 1, bench::kManyNumbers, momentum);
  steps<torch::optim::Adam>("adam_10M", 1, bench::kManyNumbers, adam);
  steps<torch::optim::Adam>("adam_1000x100", bench::kSmallParameters, bench::kSmallLength, adam);
}
