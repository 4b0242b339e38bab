// Tensor forward(const Tensor& x) const
#include <gradus/gradus.h>
using namespace gradus;

struct Twice : Op {
  static constexpr OpInfo info{.name = "twice"};
  Tensor forward(const Tensor& x) { return x; }
};
Tensor twice(Arg x) { return apply(Twice{}, x); }
