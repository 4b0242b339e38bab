// A consumer of the source tree: the derivatives of x^3.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus;

int main() {
  const auto cube = [](const Tensor& x) { return sum(x * x * x); };
  const Tensor x = tensor({1.0, 2.0, 3.0});
  const Tensor first = grad(cube)(x);
  const Tensor second = grad([&](const Tensor& at) { return sum(grad(cube)(at)); })(x);
  std::printf("%s\n%s\n", to_string(first).c_str(), to_string(second).c_str());
  return !all_close(first, tensor({3.0, 12.0, 27.0})) || !all_close(second, tensor({6.0, 12.0, 18.0}));
}
