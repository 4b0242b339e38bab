// A network trained on one task, and half of it on another: the body stays as it is.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

struct Net : nn::Module<Net> {
  nn::Sequential body{nn::Linear{2, 64}, relu, nn::Linear{64, 64}, relu};
  nn::Linear head{64, 3};
  Tensor forward(const Tensor& x) { return head(body(x)); }
};

// Steps of gradient descent on whatever of the model is not frozen; gives the accuracy.
double train(Net& net, const Tensor& x, const Tensor& y, int steps) {
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  for (int step = 0; step < steps; ++step) {
    adam.zero_grad();
    backward(nn::cross_entropy(net(x), y));
    optim::clip_grad_norm(parameters(net), 10);
    adam.step();
  }
  return mean(to(argmax(net(x), 1) == y, float64)).item();
}

int main() {
  manual_seed(1);
  const auto spiral = data::spiral({.points = 300});
  const Tensor &x = spiral.inputs, &arms = spiral.targets;
  Net net;
  std::printf("all of it, three arms: accuracy %.3f\n", train(net, x, arms, 300));

  // The new task: one arm against the other two.
  const Tensor one = to(arms == 1.0, int64);
  nn::freeze(net.body);
  net.head = nn::Linear{64, 2};
  const auto before = nn::state(net.body);
  const double accuracy = train(net, x, one, 100);
  std::printf("the head, one arm against two: accuracy %.3f\n", accuracy);

  for (const auto& [name, value] : nn::state(net.body))
    if (!equal(value, before.at(name))) return 1;
  return accuracy < 0.95;
}
