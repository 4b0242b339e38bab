// What gradus_bench and gradus_bench_libtorch agree on, so that both measure the same work. A
// workload carries the same name in both programs; times are compared by name.
#pragma once

#include <cstdint>

namespace bench {

// chain1000_scalar, chain1000_vec64: from y = x, kChainRounds times y = y * x; y = y + x, then the
// sum's gradient. With x = 0.5 the values tend to 1.
inline constexpr int kChainRounds = 500;
inline constexpr float kChainStart = 0.5F;
inline constexpr std::int64_t kChainLength = 64;

template <class Tensor>
Tensor chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kChainRounds; ++i) {
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

}  // namespace bench
