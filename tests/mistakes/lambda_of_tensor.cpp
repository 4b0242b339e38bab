// is written [](auto x), not [](float x) or [](Tensor x)
#include <gradus/gradus.h>
using namespace gradus;

inline const auto op = elementwise("op", [](const Tensor& x) { return x * x; });
