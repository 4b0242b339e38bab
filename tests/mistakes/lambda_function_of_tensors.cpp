// exp(x), not std::exp(x)
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return floor(x); });
