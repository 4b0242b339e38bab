// softpluss
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return x * softpluss(x); });
