// A new elementwise op from one line, and its derivatives checked.
#include <gradus/gradus.h>

#include <iostream>

using namespace gradus;

inline const auto mish = elementwise("mish", [](auto x) { return x * tanh(log1p(exp(x))); });

int main() {
  const Tensor x = linspace(-4, 4, 9, float64);
  const Tensor composed = x * tanh(log1p(exp(x)));
  std::cout << "mish(x)  " << mish(x) << "\nmish'(x) "
            << grad([](const Tensor& t) { return sum(mish(t)); })(x) << '\n';

  const Report first = gradcheck(mish, x), second = gradgradcheck(mish, x);
  std::cout << first << second;
  return !(all_close(mish(x), composed, 1e-12) && first.ok && second.ok);
}
