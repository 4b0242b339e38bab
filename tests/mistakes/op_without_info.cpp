// static constexpr OpInfo info
#include <gradus/gradus.h>
using namespace gradus;

struct Twice : Op {
  Tensor forward(const Tensor& x) const { return x; }
};
Tensor twice(Arg x) { return apply(Twice{}, x); }
