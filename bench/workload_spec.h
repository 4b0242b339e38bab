// What gradus_bench and gradus_bench_libtorch agree on, so that both measure the same work. A
// workload carries the same name in both programs; times are compared by name.
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

// chain1000_scalar, chain1000_vec64: from y = x, kChainRounds times y = y * x; y = y + x, then the
// sum's gradient. With x = 0.5 the values tend to 1. chain100k_scalar: a hundred times as long.
inline constexpr int kChainRounds = 500, kLongChainRounds = 50'000;
inline constexpr float kChainStart = 0.5F;
inline constexpr std::int64_t kChainLength = 64;

template <class Tensor>
Tensor chain(const Tensor& x, int rounds = kChainRounds) {
  Tensor y = x;
  for (int i = 0; i < rounds; ++i) {
    y = y * x;
    y = y + x;
  }
  return y;
}

// mlp_2_16_16_1_b1: ReLU, mean squared error, one sample, plain SGD.
inline constexpr std::int64_t kSmallInput = 2;
inline constexpr std::int64_t kSmallHidden = 16;
inline constexpr std::int64_t kSmallOutput = 1;

// mlp_mnist_b128_*, mlp_bn_mnist_b128_*: ReLU, cross-entropy, standard normal inputs and uniform
// labels.
inline constexpr std::int64_t kBatch = 128;
inline constexpr std::int64_t kPixels = 784;
inline constexpr std::int64_t kHidden1 = 512;
inline constexpr std::int64_t kHidden2 = 256;
inline constexpr std::int64_t kClasses = 10;

// cnn_cifar_b64_adam: three times convolution 3 by 3, batch normalisation, ReLU and 2 by 2 maxima, then a
// linear layer; images [3, 32, 32].
inline constexpr std::int64_t kCnnBatch = 64;
inline constexpr std::int64_t kImageSide = 32;
inline constexpr std::int64_t kImageChannels = 3;
inline constexpr std::int64_t kChannels1 = 32;
inline constexpr std::int64_t kChannels2 = 64;
inline constexpr std::int64_t kChannels3 = 128;
inline constexpr std::int64_t kCnnFeatures = kChannels3 * (kImageSide / 8) * (kImageSide / 8);

// Low rates: a step costs the same wherever the loss stands, and the values stay ordinary numbers.
inline constexpr double kSgdRate = 1e-3;
inline constexpr double kMomentum = 0.9;
inline constexpr double kAdamRate = 1e-4;

// custom_chain_1M: t * sigmoid(kGeluSlope * t) + kTanhWeight * tanh(t) on a square matrix,
// cotangent all ones.
inline constexpr std::int64_t kSide = 1024;
inline constexpr float kGeluSlope = 1.702F;
inline constexpr float kTanhWeight = 0.1F;

// Workloads of op_workloads.cpp: an op of inputs that are uniform in [-kRange, kRange), forward, then backward from a
// cotangent of ones to all of them, whose gradients were dropped before.
using Dims = std::vector<std::int64_t>;
inline constexpr double kRange = 1;
inline constexpr std::int64_t kRows = 1024, kColumns = 1024, kLabels = 1000, kSentences = 8192;
inline constexpr double kAway = 2;  // added to divisors and arguments of logarithms

inline Dims square() { return {kRows, kColumns}; }
inline Dims row() { return {kColumns}; }
inline Dims images() { return {64, 64, 32, 32}; }

// lstm_t32_b32_64_128, gru_t32_b32_64_128: gradients of the parameters alone.
inline constexpr std::int64_t kSteps = 32, kSequences = 32, kFeatures = 64, kCells = 128;

// sgdm_10M, adam_10M: steps of an optimiser on one parameter; adam_1000x100: on a thousand of a hundred.
inline constexpr std::int64_t kManyNumbers = 10'000'000, kSmallParameters = 1000, kSmallLength = 100;

}  // namespace bench

// Adds the workloads of op_workloads.cpp.
void add_op_workloads();
