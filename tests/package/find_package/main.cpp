// A consumer of an installed Gradus: a model and an op of its own learn "exclusive or".
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus;

inline const auto swish = elementwise("swish", [](auto x) { return x * sigmoid(x); });

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 16};
  nn::Linear fc2{16, 1};
  Tensor forward(const Tensor& x) { return fc2(swish(fc1(x))); }
};

int main() {
  Net net;
  const Tensor x = tensor({{0.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}, {1.0, 1.0}});
  const Tensor y = tensor({{0.0}, {1.0}, {1.0}, {0.0}});
  optim::Adam adam{parameters(net), {.lr = 0.05}};
  double loss = 1;
  for (int step = 0; step < 500 && loss > 1e-3; ++step) {
    adam.zero_grad();
    const Tensor error = mse_loss(net(x), y);
    backward(error);
    adam.step();
    loss = error.item<float>();
  }
  std::printf("loss %.5f\n", loss);
  return loss > 1e-3;
}
