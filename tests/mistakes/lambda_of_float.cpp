// is written [](auto x), not [](float x)
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](float x) { return x * x; });
