#include "gradus/ops/random.h"

#include "kernels.h"

#include "gradus/ops/arithmetic.h"

#include <bit>
#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// The mask follows from an attribute, so the op is a linear function of x.
struct Dropout : Op {
  static constexpr OpInfo info{
      .name = "dropout", .saves = Saves::extras, .linearity = Linearity::linear};
  double p = 0.5;
  std::uint64_t seed = 0;
  template <class V>
  void visit(V&& v) const {
    v("p", p);
    v("seed", std::bit_cast<std::int64_t>(seed));
  }

  /// y, and the factors 0 and 1 / (1 - p).
  Tensors forward(const Tensor& x) const {
    const Tensor dense = x.is_contiguous() ? x : clone(x);
    Tensor y = empty_like(dense), mask = empty_like(dense);
    const Generator generator(seed);
    // An element stays if its 32 random bits, as a number, are below this.
    const auto keep_below = static_cast<std::uint64_t>(std::llround((1 - p) * 0x1p32));
    dispatch_floating(x.dtype(), [&]<class T>() {
      const T factor = static_cast<T>(p < 1 ? 1 / (1 - p) : 0);
      const T* in = dense.data<T>();
      T *out = y.mutable_data<T>(), *factors = mask.mutable_data<T>();
      const std::int64_t n = y.numel();
      parallel_for((n + 3) / 4, kGrain / 16, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const auto words = generator.block(static_cast<std::uint64_t>(b));
          for (std::int64_t i = 4 * b; i < std::min(n, 4 * b + 4); ++i) {
            factors[i] = words[static_cast<std::size_t>(i % 4)] < keep_below ? factor : T(0);
            out[i] = in[i] * factors[i];
          }
        }
      });
    });
    return {y, mask};
  }
  Cotangents vjp(const Pullback& pullback) const { return {mul(pullback.g, pullback.out(1))}; }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor dropout(Arg x, double p, bool training, Generator& generator) {
  check_floating("dropout", x);
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>("dropout", fmt::format("expected p in 0..1, got {}", p), x.site);
  if (!training || p == 0) return x;
  Dropout op;
  op.p = p;
  op.seed = generator.next();
  const Tensors results = apply(op, x);
  return results[0];
}

namespace detail {

std::span<const OpEntry> random_ops() {
  static const OpEntry table[] = {
      {"dropout",
       &op_class<Dropout>,
       [] {
         const auto with = [](double p) {
           return [=](std::span<const Tensor> in) {
             Generator generator(3);
             return dropout(in[0], p, true, generator);
           };
         };
         return std::vector<Example>{
             {"p 0.3", {{{4, 5}}}, with(0.3)},
             {"p 1", {{{4, 5}}}, with(1)},
             {"no rows", {{{0, 5}}}, with(0.3)},
             {"evaluation",
              {{{4, 5}}},
              [](std::span<const Tensor> in) { return dropout(in[0], 0.3, false); }},
         };
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
