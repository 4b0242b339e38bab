// operator^
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x) { return x ^ 2; });
