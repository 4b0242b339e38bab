// A layer of your own with a parameter, which learns the slope that the data have.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

using namespace gradus::prelude;

struct PReLU : nn::Module<PReLU> {
  Parameter alpha = full({1}, 0.25);
  Tensor forward(const Tensor& x) { return where(x > 0, x, alpha * x); }
};

int main() {
  PReLU prelu;
  const Tensor x = linspace(-2, 2, 101);
  const Tensor wanted = where(x > 0, x, -0.5 * x);
  optim::Sgd sgd{parameters(prelu), {.lr = 0.5}};
  for (int step = 0; step < 100; ++step) {
    sgd.zero_grad();
    backward(mse_loss(prelu(x), wanted));
    sgd.step();
  }
  for (const auto& [name, parameter] : named_parameters(prelu))
    std::printf("%s = %.4f\n", name.c_str(), parameter.item());
  return std::abs(prelu.alpha.item() + 0.5) > 1e-3;
}
