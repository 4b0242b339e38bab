// returns a number made from its arguments
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return where(x > 0, 1, 0); });
