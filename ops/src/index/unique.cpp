#include "axes.h"
#include "family.h"

#include "gradus/kernels/index.h"
#include "gradus/kernels/sort.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"
#include "gradus/ops/sort.h"

namespace gradus {
namespace detail {
namespace {

/// Results: the different rows of x [n, width] in order, which of them each row is, and how often each stands.
struct UniqueRows : Op {
  static constexpr OpInfo info{.name = "unique", .differentiable = false};

  Tensors forward(const Tensor& x) const {
    const std::int64_t n = x.size(0), width = x.size(1);
    const Tensor rows = contiguous(x);
    return dispatch(x.dtype(), [&]<class T>() -> Tensors {
      const T* const in = rows.data<T>();
      const DifferentRows all = different_rows(n, width, in);
      Tensor values = empty({static_cast<std::int64_t>(all.firsts.size()), width}, x.dtype());
      take(Lines(x.shape(), 0), values.size(0), all.firsts.data(), in, values.mutable_data<T>());
      return {values, from_vector(all.which), from_vector(all.counts)};
    });
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Unique unique(Arg x) {
  const SitePin pin(x.site);
  const Tensors r = apply(UniqueRows{}, reshape(x, {x->numel(), 1}));
  return {reshape(r[0], {r[0].numel()}), reshape(r[1], x->shape()), r[2]};
}

Unique unique(Arg x, std::int64_t axis) {
  const int d = check_axis("unique", x, axis, x->rank());
  const SitePin pin(x.site);
  const Tensor first = movedim(x, d, 0);
  const std::int64_t n = first.size(0);
  Shape shape = first.shape();
  shape[0] = 1;
  const Tensors r = apply(UniqueRows{}, reshape(first, {n, shape.numel()}));
  shape[0] = r[0].size(0);
  return {movedim(reshape(r[0], shape), 0, d), r[1], r[2]};
}

namespace detail {

std::span<const OpEntry> unique_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"unique",
       &op_class<UniqueRows>,
       {"the different elements in order, which each is, how often"},
       [] {
         const Sample x{{3, 2}, domain(0, 3)};
         return Examples{{"values", {x}, [](In in) { return unique(round(in[0])).values; }, false, false},
                         {"inverse, axis 1", {x}, [](In in) { return unique(round(in[0]), 1).inverse; }, false, false},
                         {"counts, axis 0", {x}, [](In in) { return unique(round(in[0]), 0).counts; }, false, false}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
