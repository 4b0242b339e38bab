// write [](auto x)
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x, double k) { return x * k; });
