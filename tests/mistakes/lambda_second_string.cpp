// takes 1 to 8 numbers
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto x, std::string) { return x; });
