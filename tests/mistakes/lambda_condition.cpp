// where(x > 0, x, 0.0), not x > 0
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return x > 0; });
