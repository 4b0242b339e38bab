// write [](auto x), and exp(x) instead of std::exp(x)
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return x * std::pow(x, 2); });
Tensor square_of(const Tensor& x) { return op(x); }
