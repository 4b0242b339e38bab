// What a Babysitter costs: an epoch of MNIST's size on an MLP and one of CIFAR-10's on a CNN, without and with it in
// turn; the medians of their seconds. Values are drawn at random, as the times do not depend on them.
// usage: gradus_bench_watch [rounds] [steps of the CNN]

#include "times.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

namespace gradus {
namespace {

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1{784, 512};
  nn::BatchNorm bn1{512};
  nn::Linear fc2{512, 256};
  nn::BatchNorm bn2{256};
  nn::Linear fc3{256, 10};
  Tensor forward(const Tensor& x) { return fc3(relu(bn2(fc2(relu(bn1(fc1(x))))))); }
};

struct Cnn : nn::Module<Cnn> {
  nn::Conv2d conv1{3, 32, {.kernel = 3, .padding = 1}};
  nn::BatchNorm bn1{32};
  nn::Conv2d conv2{32, 64, {.kernel = 3, .padding = 1}};
  nn::BatchNorm bn2{64};
  nn::Linear fc{64 * 8 * 8, 10};
  Tensor forward(const Tensor& x) {
    const Tensor half = max_pool2d(relu(bn1(conv1(x))), 2);
    return fc(flatten(max_pool2d(relu(bn2(conv2(half))), 2)));
  }
};

/// Seconds of so many steps on one batch.
template <class Net>
double epoch(const Tensor& x, const Tensor& y, int steps, bool watched) {
  manual_seed(1);
  Net net;
  optim::Adam adam(nn::parameters(net), {.lr = 1e-4});
  std::optional<train::Babysitter> sitter;
  if (watched) sitter.emplace(net, train::BabysitterOptions{.print = false});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) {
    adam.zero_grad();
    const Tensor output = net(x), loss = nn::cross_entropy(output, y);
    backward(loss);
    if (sitter) sitter->after_backward(loss, output, y);
    adam.step();
    if (sitter) sitter->after_step(adam);
  }
  if (sitter) sitter->after_epoch({});
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class Net>
void compare(const char* name, const Shape& batch, int steps, int rounds) {
  const Tensor x = normal(batch), y = cast(uniform({batch[0]}, 0, 10), int64);
  std::vector<double> plain, watched;
  epoch<Net>(x, y, 20, true);
  for (int r = 0; r < rounds; ++r) {
    plain.push_back(epoch<Net>(x, y, steps, false));
    watched.push_back(epoch<Net>(x, y, steps, true));
  }
  const double without = bench::median(plain), with = bench::median(watched);
  fmt::print("{}, {} steps: {:.3f} ms a step, watched {:.3f} ms, {:+.1f} %\n",
             name,
             steps,
             1e3 * without / steps,
             1e3 * with / steps,
             100 * (with / without - 1));
  std::fflush(stdout);
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  const int steps = argc > 2 ? std::max(1, std::atoi(argv[2])) : 781;
  gradus::compare<gradus::Mlp>("MLP 784-512-256-10, batch norm, batch 128", {128, 784}, 469, rounds);
  gradus::compare<gradus::Cnn>("CNN 3-32-64 on 32 x 32, batch norm, batch 64", {64, 3, 32, 32}, steps, rounds);
}
