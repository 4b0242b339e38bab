#include "norm/softmax.h"

#include "family.h"

#include "gradus/kernels/softmax.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"

namespace gradus {
namespace detail {

namespace {

Tensor values(const Tensor& x, int axis, bool log) {
  const Tensor in = dense(x);
  Tensor y = empty_like(in);
  dispatch_floating(
      x.dtype(), [&]<class T>() { kernels::softmax(Lines(in.shape(), axis), log, in.data<T>(), y.mutable_data<T>()); });
  return y;
}

Tensor gradient(const Tensor& cotangent, const Tensor& y, int axis, bool log) {
  const Tensor g = dense(cotangent);
  Tensor dx = empty_like(g);
  dispatch_floating(g.dtype(), [&]<class T>() {
    softmax_gradient(Lines(g.shape(), axis), log, g.data<T>(), y.data<T>(), dx.mutable_data<T>());
  });
  return dx;
}

}  // namespace

Tensor softmax_values(const Tensor& x, int axis) { return values(x, axis, false); }
Tensor log_softmax_values(const Tensor& x, int axis) { return values(x, axis, true); }

namespace {

struct AxisOp : Op {
  int axis = 0;
  template <class V>
  void visit(V&& v) const {
    v("axis", axis);
  }
};

struct Softmax : AxisOp {
  static constexpr OpInfo info{.name = "softmax", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return softmax_values(x, axis); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    if (is_recording()) return {mul(y, sub(p.g, sum(mul(p.g, y), axis, true)))};
    return {gradient(p.g, y, axis, false)};
  }
};

struct LogSoftmax : AxisOp {
  static constexpr OpInfo info{.name = "log_softmax", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return log_softmax_values(x, axis); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    if (is_recording()) return {sub(p.g, mul(exp(y), sum(p.g, axis, true)))};
    return {gradient(p.g, y, axis, true)};
  }
};

template <class O>
Tensor apply_along(Arg x, std::int64_t axis) {
  check_floating(O::info.name, x);
  O op;
  op.axis = check_axis(O::info.name, x, axis, x->rank());
  return apply(op, x);
}

template <class O, Tensor (*function)(Arg, std::int64_t)>
OpEntry axis_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            const auto along = [](std::int64_t axis) {
              return [=](std::span<const Tensor> in) { return function(in[0], axis); };
            };
            return std::vector<Example>{
                {"last axis", {{{3, 4}}}, along(-1)},
                {"axis 0", {{{3, 4}}}, along(0)},
                {"axis in the middle", {{{2, 3, 4}}}, along(1)},
                {"vector", {{{5}}}, along(0)},
                {"size 1", {{{3, 1}}}, along(1)},
                {"size 0", {{{3, 0}}}, along(1)},
                {"no rows", {{{0, 3}}}, along(1)},
                {"far apart", {{{2, 3}, domain(-5, 5)}}, along(1)},
            };
          }};
}

}  // namespace

}  // namespace detail

using namespace detail;

Tensor softmax(Arg x, std::int64_t axis) { return apply_along<Softmax>(x, axis); }
Tensor log_softmax(Arg x, std::int64_t axis) { return apply_along<LogSoftmax>(x, axis); }

namespace detail {

OpEntry softmax_entry() { return axis_entry<Softmax, softmax>({"e^x / Σ e^x", "y (g - Σ g y)"}); }
OpEntry log_softmax_entry() { return axis_entry<LogSoftmax, log_softmax>({"x - ln Σ e^x", "g - e^y Σ g"}); }

}  // namespace detail
}  // namespace gradus
