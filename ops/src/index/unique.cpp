#include "axes.h"
#include "family.h"

#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"
#include "gradus/ops/sort.h"

#include <numeric>

namespace gradus {
namespace detail {
namespace {

/// The sign of a - b; NaN is behind all numbers and equal to NaN.
template <class T>
int compared(T a, T b) {
  if (a == b || (a != a && b != b)) return 0;
  return a < b || b != b ? -1 : 1;
}

/// Results: the different rows of x [n, width] in order, which of them each row is, and how often each stands.
struct UniqueRows : Op {
  static constexpr OpInfo info{.name = "unique", .differentiable = false};

  Tensors forward(const Tensor& x) const {
    const std::int64_t n = x.size(0), width = x.size(1);
    const Tensor rows = contiguous(x);
    std::vector<std::int64_t> order(static_cast<std::size_t>(n)), counts;
    std::iota(order.begin(), order.end(), std::int64_t{0});
    Tensor inverse = empty({n}, int64), values;
    std::int64_t* which = inverse.mutable_data<std::int64_t>();
    dispatch(x.dtype(), [&]<class T>() {
      const T* in = rows.data<T>();
      const auto compare = [=](std::int64_t i, std::int64_t j) {
        int c = 0;
        for (std::int64_t k = 0; c == 0 && k < width; ++k)
          c = compared(in[i * width + k], in[j * width + k]);
        return c;
      };
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
        return compare(i, j) < 0;
      });
      std::vector<std::int64_t> firsts;
      for (const std::int64_t row : order) {
        if (firsts.empty() || compare(firsts.back(), row) != 0) {
          firsts.push_back(row);
          counts.push_back(0);
        }
        ++counts.back();
        which[row] = static_cast<std::int64_t>(firsts.size()) - 1;
      }
      values = empty({static_cast<std::int64_t>(firsts.size()), width}, x.dtype());
      T* out = values.mutable_data<T>();
      for (const std::int64_t row : firsts) out = std::copy_n(in + row * width, width, out);
    });
    return {values, inverse, from_vector(counts)};
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
       [] {
         const Sample x{{3, 2}, domain(0, 3)};
         return Examples{
             {"values", {x}, [](In in) { return unique(round(in[0])).values; }, false, false},
             {"inverse, axis 1",
              {x},
              [](In in) { return unique(round(in[0]), 1).inverse; },
              false,
              false},
             {"counts, axis 0",
              {x},
              [](In in) { return unique(round(in[0]), 0).counts; },
              false,
              false}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
