// write where(x > 0, a, b) instead
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) {
  if (x > 0) return x;
  return -x;
});
