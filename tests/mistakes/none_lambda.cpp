//
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x, auto y) {
  x += 1;
  y *= x;
  return pow(2, x) + where(x > 0 && y <= 1, x, 0) - 1 / y + pow(x, 3);
});
Tensor call(const Tensor& x) { return op(x, x); }
