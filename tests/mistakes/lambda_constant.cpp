// 0 * x + 1, not 1
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](auto) { return 1.0; });
