// A new elementwise op from one line, and its derivatives checked.
#include <gradus/gradus.h>

#include <iostream>

using namespace gradus::prelude;

// The bent identity: a line at both ends, of slope 1/2 and 3/2.
inline const auto bent = elementwise("bent", [](auto x) { return x + (sqrt(x * x + 1) - 1) / 2; });

int main() {
  const Tensor x = linspace(-4, 4, 9, float64);
  const Tensor composed = x + (sqrt(x * x + 1) - 1) / 2;
  std::cout << "bent(x)  " << bent(x) << "\nbent'(x) " << grad([](const Tensor& t) { return sum(bent(t)); })(x) << '\n';

  const gradus::Report first = gradcheck(bent, x), second = gradgradcheck(bent, x);
  std::cout << first << second;
  return !(all_close(bent(x), composed, 1e-12) && first.ok && second.ok);
}
