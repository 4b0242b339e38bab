// as many tensors as OpInfo::arity says
#include <gradus/gradus.h>
using namespace gradus;

struct Twice : Op {
  static constexpr OpInfo info{.name = "twice"};
  Tensor forward(const Tensor& x, const Tensor&) const { return x; }
};
inline constexpr auto twice = make_op<Twice>();
Tensor call(const Tensor& x) { return twice(x, x); }
