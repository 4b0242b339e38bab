// write where(x > 0, a, b) instead
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return x > 0 ? x : -x; });
