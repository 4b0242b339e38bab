// A physics-informed network (Raissi, Perdikaris, Karniadakis 2019) solves u'' = f on [0, 1] with u(0) = u(1) = 0:
// the loss holds second derivatives of the network with respect to its input.
#include <gradus/gradus.h>

#include <cstdio>
#include <numbers>

using namespace gradus::prelude;

struct Solution : nn::Module<Solution> {
  nn::Linear fc1{1, 24};
  nn::Linear fc2{24, 24};
  nn::Linear fc3{24, 1};
  /// x (1 - x) times a network is 0 at both ends, whatever the weights.
  Tensor forward(const Tensor& x) { return x * (1 - x) * fc3(tanh(fc2(tanh(fc1(x))))); }
};

int main() {
  manual_seed(1);
  const double pi = std::numbers::pi;
  Solution u;
  to(u, float64);
  const auto f = [=](const Tensor& x) { return -pi * pi * sin(pi * x); };  // so u = sin πx
  const Tensor points = reshape(linspace(0, 1, 33, float64), {33, 1});

  const auto slope = grad([&](const Tensor& x) { return sum(u(x)); });
  const auto curvature = grad([&](const Tensor& x) { return sum(slope(x)); });
  optim::Adam adam{parameters(u), {.lr = 1e-2}};
  for (int step = 0; step < 1500; ++step) {
    if (step == 1000) adam.set_lr(1e-3);
    const Tensor loss = mean(square(curvature(points) - f(points)));
    adam.zero_grad();
    backward(loss);
    adam.step();
    if (step % 250 == 0) std::printf("step %4d  loss %.3e\n", step, loss.item());
  }

  const Tensor x = reshape(linspace(0, 1, 201, float64), {201, 1});
  const double error = max(abs(u(x) - sin(pi * x))).item();
  std::printf("largest error of u on [0, 1]: %.1e\n", error);
  return error >= 1e-3;
}
