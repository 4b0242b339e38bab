// The workloads of gradus_bench_libtorch, written for Gradus.

#include "workload_spec.h"

#include "gradus/gradus.h"

#include <benchmark/benchmark.h>

namespace {

using namespace gradus;

void chain1000_scalar(benchmark::State& state) {
  const Tensor x = leaf(full({1}, bench::kChainStart));
  for (auto _ : state) {
    zero_grad(x);
    backward(bench::chain(x));
  }
}
BENCHMARK(chain1000_scalar)->Unit(benchmark::kMicrosecond);

void chain100k_scalar(benchmark::State& state) {
  const Tensor x = leaf(full({1}, bench::kChainStart));
  for (auto _ : state) {
    zero_grad(x);
    backward(bench::chain(x, bench::kLongChainRounds));
  }
}
BENCHMARK(chain100k_scalar)->Unit(benchmark::kMicrosecond);

void chain1000_vec64(benchmark::State& state) {
  const Tensor x = leaf(full({bench::kChainLength}, bench::kChainStart));
  for (auto _ : state) {
    zero_grad(x);
    backward(sum(bench::chain(x)));
  }
}
BENCHMARK(chain1000_vec64)->Unit(benchmark::kMicrosecond);

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1, fc2, fc3;
  Tensor forward(const Tensor& x) { return fc3(relu(fc2(relu(fc1(x))))); }
};

struct BatchNormMlp : nn::Module<BatchNormMlp> {
  nn::Linear fc1{bench::kPixels, bench::kHidden1};
  nn::BatchNorm bn1{bench::kHidden1};
  nn::Linear fc2{bench::kHidden1, bench::kHidden2};
  nn::BatchNorm bn2{bench::kHidden2};
  nn::Linear fc3{bench::kHidden2, bench::kClasses};
  Tensor forward(const Tensor& x) { return fc3(relu(bn2(fc2(relu(bn1(fc1(x))))))); }
};

Mlp mlp(std::int64_t in, std::int64_t hidden1, std::int64_t hidden2, std::int64_t out) {
  return {{}, {in, hidden1}, {hidden1, hidden2}, {hidden2, out}};
}

template <class Loss>
void train_steps(benchmark::State& state, optim::Optimizer& optimizer, Loss loss) {
  for (auto _ : state) {
    optimizer.zero_grad();
    backward(loss());
    optimizer.step();
  }
}

void mlp_2_16_16_1_b1(benchmark::State& state) {
  Mlp model = mlp(bench::kSmallInput, bench::kSmallHidden, bench::kSmallHidden, bench::kSmallOutput);
  optim::Sgd sgd(parameters(model), {.lr = bench::kSgdRate});
  const Tensor x = normal({1, bench::kSmallInput});
  const Tensor target = ones({1, bench::kSmallOutput});
  train_steps(state, sgd, [&] { return mse_loss(model(x), target); });
}
BENCHMARK(mlp_2_16_16_1_b1)->Unit(benchmark::kMicrosecond);

template <class Model>
void train_mnist(benchmark::State& state, Model& model, optim::Optimizer& optimizer) {
  const Tensor x = normal({bench::kBatch, bench::kPixels});
  const Tensor labels = cast(uniform({bench::kBatch}, 0, static_cast<double>(bench::kClasses)), int64);
  train_steps(state, optimizer, [&] { return cross_entropy(model(x), labels); });
}

void mlp_mnist_b128_sgdm(benchmark::State& state) {
  Mlp model = mlp(bench::kPixels, bench::kHidden1, bench::kHidden2, bench::kClasses);
  optim::Sgd sgd(parameters(model), {.lr = bench::kSgdRate, .momentum = bench::kMomentum});
  train_mnist(state, model, sgd);
}
BENCHMARK(mlp_mnist_b128_sgdm)->Unit(benchmark::kMicrosecond);

void mlp_mnist_b128_adam(benchmark::State& state) {
  Mlp model = mlp(bench::kPixels, bench::kHidden1, bench::kHidden2, bench::kClasses);
  optim::Adam adam(parameters(model), {.lr = bench::kAdamRate});
  train_mnist(state, model, adam);
}
BENCHMARK(mlp_mnist_b128_adam)->Unit(benchmark::kMicrosecond);

void mlp_bn_mnist_b128_sgdm(benchmark::State& state) {
  BatchNormMlp model;
  optim::Sgd sgd(parameters(model), {.lr = bench::kSgdRate, .momentum = bench::kMomentum});
  train_mnist(state, model, sgd);
}
BENCHMARK(mlp_bn_mnist_b128_sgdm)->Unit(benchmark::kMicrosecond);

struct ConvBlock : nn::Module<ConvBlock> {
  nn::Conv2d conv;
  nn::BatchNorm bn;
  Tensor forward(const Tensor& x) { return max_pool2d(relu(bn(conv(x))), 2); }
};

ConvBlock conv_block(std::int64_t in, std::int64_t out) {
  return {{}, nn::Conv2d(in, out, {.kernel = 3, .padding = Padding::same}), nn::BatchNorm(out)};
}

struct Cnn : nn::Module<Cnn> {
  ConvBlock block1 = conv_block(bench::kImageChannels, bench::kChannels1);
  ConvBlock block2 = conv_block(bench::kChannels1, bench::kChannels2);
  ConvBlock block3 = conv_block(bench::kChannels2, bench::kChannels3);
  nn::Linear fc{bench::kCnnFeatures, bench::kClasses};
  Tensor forward(const Tensor& x) { return fc(flatten(block3(block2(block1(x))), 1)); }
};

void cnn_cifar_b64_adam(benchmark::State& state) {
  Cnn model;
  optim::Adam adam(parameters(model), {.lr = bench::kAdamRate});
  const Tensor x = normal({bench::kCnnBatch, bench::kImageChannels, bench::kImageSide, bench::kImageSide});
  const Tensor labels = cast(uniform({bench::kCnnBatch}, 0, static_cast<double>(bench::kClasses)), int64);
  train_steps(state, adam, [&] { return cross_entropy(model(x), labels); });
}
BENCHMARK(cnn_cifar_b64_adam)->Unit(benchmark::kMicrosecond);

// One op here, six there.
const auto custom =
    elementwise("custom", [](auto t) { return t * sigmoid(bench::kGeluSlope * t) + bench::kTanhWeight * tanh(t); });

void custom_chain_1M(benchmark::State& state) {
  const Tensor t = leaf(normal({bench::kSide, bench::kSide}));
  const Tensor ones = ones_like(t);
  for (auto _ : state) {
    zero_grad(t);
    backward(custom(t), ones);
  }
}
BENCHMARK(custom_chain_1M)->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  manual_seed(1);
  add_op_workloads();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
