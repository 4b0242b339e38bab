// A model of your own and a training loop of your own; the argument is a folder with MNIST's files.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

struct Net : nn::Module<Net> {
  nn::Linear fc1{28 * 28, 128};
  nn::BatchNorm bn{128};
  nn::Linear fc2{128, 10};
  Tensor forward(const Tensor& x) { return fc2(relu(bn(fc1(flatten(x))))); }
};

int main(int count, char** arguments) {
  Net net;
  auto data = count > 1 ? data::mnist(arguments[1]) : data::split(data::drawn_digits({.size = 28}));
  auto normalise = data::Standardize().fit(data.train.inputs);
  optim::Adam adam{parameters(net), {.lr = 2e-3}};
  for (auto [x, y] : data::Loader(data.train, {.shuffle = true, .transform = normalise})) {
    adam.zero_grad();
    backward(nn::cross_entropy(net(x), y));
    adam.step();
  }
  nn::save(net, "net.safetensors");
  auto test = gradus::train::evaluate(net, data.test, {.transform = normalise});
  std::printf("test accuracy %.3f after one epoch\n", test.accuracy);
  return test.accuracy < 0.85;
}
