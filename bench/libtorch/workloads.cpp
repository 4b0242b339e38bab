// The workloads of gradus_bench, written for libtorch. Only the sources of this folder include torch.

#include "workload_spec.h"

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

namespace {

using torch::Tensor;

Tensor leaf(const Tensor& value) { return value.set_requires_grad(true); }

void chain1000_scalar(benchmark::State& state) {
  Tensor x = leaf(torch::full({1}, bench::kChainStart));
  for (auto _ : state) {
    x.mutable_grad().reset();
    bench::chain(x).backward();
  }
}
BENCHMARK(chain1000_scalar)->Unit(benchmark::kMicrosecond);

void chain100k_scalar(benchmark::State& state) {
  Tensor x = leaf(torch::full({1}, bench::kChainStart));
  for (auto _ : state) {
    x.mutable_grad().reset();
    bench::chain(x, bench::kLongChainRounds).backward();
  }
}
BENCHMARK(chain100k_scalar)->Unit(benchmark::kMicrosecond);

void chain1000_vec64(benchmark::State& state) {
  Tensor x = leaf(torch::full({bench::kChainLength}, bench::kChainStart));
  for (auto _ : state) {
    x.mutable_grad().reset();
    bench::chain(x).sum().backward();
  }
}
BENCHMARK(chain1000_vec64)->Unit(benchmark::kMicrosecond);

struct Mlp : torch::nn::Module {
  Mlp(int64_t in, int64_t hidden1, int64_t hidden2, int64_t out)
      : fc1(register_module("fc1", torch::nn::Linear(in, hidden1))),
        fc2(register_module("fc2", torch::nn::Linear(hidden1, hidden2))),
        fc3(register_module("fc3", torch::nn::Linear(hidden2, out))) {}

  Tensor forward(const Tensor& x) { return fc3(torch::relu(fc2(torch::relu(fc1(x))))); }

  torch::nn::Linear fc1, fc2, fc3;
};

struct BatchNormMlp : torch::nn::Module {
  BatchNormMlp(int64_t in, int64_t hidden1, int64_t hidden2, int64_t out)
      : fc1(register_module("fc1", torch::nn::Linear(in, hidden1))),
        fc2(register_module("fc2", torch::nn::Linear(hidden1, hidden2))),
        fc3(register_module("fc3", torch::nn::Linear(hidden2, out))),
        bn1(register_module("bn1", torch::nn::BatchNorm1d(hidden1))),
        bn2(register_module("bn2", torch::nn::BatchNorm1d(hidden2))) {}

  Tensor forward(const Tensor& x) { return fc3(torch::relu(bn2(fc2(torch::relu(bn1(fc1(x))))))); }

  torch::nn::Linear fc1, fc2, fc3;
  torch::nn::BatchNorm1d bn1, bn2;
};

// Dropping the gradients rather than filling them with zeros lets the backward pass hand over its
// results uncopied.
template <class Model, class Loss>
void train(benchmark::State& state, Model& model, torch::optim::Optimizer& optimizer, Loss loss) {
  for (auto _ : state) {
    model.zero_grad(/*set_to_none=*/true);
    loss().backward();
    optimizer.step();
  }
}

void mlp_2_16_16_1_b1(benchmark::State& state) {
  Mlp model(bench::kSmallInput, bench::kSmallHidden, bench::kSmallHidden, bench::kSmallOutput);
  torch::optim::SGD sgd(model.parameters(), torch::optim::SGDOptions(bench::kSgdRate));
  const Tensor x = torch::randn({1, bench::kSmallInput});
  const Tensor target = torch::ones({1, bench::kSmallOutput});
  train(state, model, sgd, [&] { return torch::mse_loss(model.forward(x), target); });
}
BENCHMARK(mlp_2_16_16_1_b1)->Unit(benchmark::kMicrosecond);

template <class Model>
void train_mnist(benchmark::State& state, Model& model, torch::optim::Optimizer& optimizer) {
  const Tensor x = torch::randn({bench::kBatch, bench::kPixels});
  const Tensor labels = torch::randint(bench::kClasses, {bench::kBatch}, torch::kInt64);
  train(state, model, optimizer, [&] { return torch::nn::functional::cross_entropy(model.forward(x), labels); });
}

torch::optim::SGDOptions sgd_momentum() { return torch::optim::SGDOptions(bench::kSgdRate).momentum(bench::kMomentum); }

void mlp_mnist_b128_sgdm(benchmark::State& state) {
  Mlp model(bench::kPixels, bench::kHidden1, bench::kHidden2, bench::kClasses);
  torch::optim::SGD sgd(model.parameters(), sgd_momentum());
  train_mnist(state, model, sgd);
}
BENCHMARK(mlp_mnist_b128_sgdm)->Unit(benchmark::kMicrosecond);

void mlp_mnist_b128_adam(benchmark::State& state) {
  Mlp model(bench::kPixels, bench::kHidden1, bench::kHidden2, bench::kClasses);
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(bench::kAdamRate));
  train_mnist(state, model, adam);
}
BENCHMARK(mlp_mnist_b128_adam)->Unit(benchmark::kMicrosecond);

void mlp_bn_mnist_b128_sgdm(benchmark::State& state) {
  BatchNormMlp model(bench::kPixels, bench::kHidden1, bench::kHidden2, bench::kClasses);
  torch::optim::SGD sgd(model.parameters(), sgd_momentum());
  train_mnist(state, model, sgd);
}
BENCHMARK(mlp_bn_mnist_b128_sgdm)->Unit(benchmark::kMicrosecond);

struct Cnn : torch::nn::Module {
  Cnn() {
    const int64_t channels[] = {bench::kImageChannels, bench::kChannels1, bench::kChannels2, bench::kChannels3};
    for (int i = 0; i < 3; ++i) {
      blocks->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(channels[i], channels[i + 1], 3).padding(1)));
      blocks->push_back(torch::nn::BatchNorm2d(channels[i + 1]));
      blocks->push_back(torch::nn::ReLU());
      blocks->push_back(torch::nn::MaxPool2d(2));
    }
    register_module("blocks", blocks);
    register_module("fc", fc);
  }

  Tensor forward(const Tensor& x) { return fc(blocks->forward(x).flatten(1)); }

  torch::nn::Sequential blocks;
  torch::nn::Linear fc{bench::kCnnFeatures, bench::kClasses};
};

void cnn_cifar_b64_adam(benchmark::State& state) {
  Cnn model;
  torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(bench::kAdamRate));
  const Tensor x = torch::randn({bench::kCnnBatch, bench::kImageChannels, bench::kImageSide, bench::kImageSide});
  const Tensor labels = torch::randint(bench::kClasses, {bench::kCnnBatch}, torch::kInt64);
  train(state, model, adam, [&] { return torch::nn::functional::cross_entropy(model.forward(x), labels); });
}
BENCHMARK(cnn_cifar_b64_adam)->Unit(benchmark::kMicrosecond);

void custom_chain_1M(benchmark::State& state) {
  Tensor t = leaf(torch::randn({bench::kSide, bench::kSide}));
  const Tensor ones = torch::ones_like(t);
  for (auto _ : state) {
    t.mutable_grad().reset();
    const Tensor y = t * torch::sigmoid(bench::kGeluSlope * t) + bench::kTanhWeight * torch::tanh(t);
    y.backward(ones);
  }
}
BENCHMARK(custom_chain_1M)->Unit(benchmark::kMicrosecond);

// The speed of libtorch's matrix product, so that a run with a slow BLAS is recognised as one.
double matmul_gflops() {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t n = 256;
  const Tensor a = torch::randn({n, n});
  const Tensor b = torch::randn({n, n});
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    const Tensor c = torch::mm(a, b);
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    best = std::max(best, 2.0 * n * n * n / elapsed.count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) {
    at::set_num_threads(std::max(1, std::atoi(threads)));
  }
  at::set_num_interop_threads(1);
  torch::manual_seed(1);

  add_op_workloads();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("libtorch", TORCH_VERSION);
  benchmark::AddCustomContext("libtorch_threads", std::to_string(at::get_num_threads()));
  benchmark::AddCustomContext("libtorch_matmul_gflops", std::to_string(matmul_gflops()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
