// as many tensors as OpInfo::arity says
#include <gradus/gradus.h>
using namespace gradus;

struct Twice : Op {
  static constexpr OpInfo info{.name = "twice"};
  Tensor forward(const Tensor& x) const { return x; }
};
Tensor twice(Arg x) { return apply(Twice{}, x, x.tensor); }
