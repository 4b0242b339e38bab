#include "gradus/kernels/maxout.h"

#include "gradus/kernels/loops.h"

#include <type_traits>

namespace gradus::kernels {
namespace {

/// Of x [outer, pieces, inner] the elements of a group lie `apart` = inner from each other, and those of neighbouring
/// groups `step` = 1, or `pieces` where inner is 1. Sizes given as types are known when the loops are compiled.
template <class Pieces, class Apart, class Step>
struct Group {
  Pieces pieces;
  Apart apart;
  Step step;
};

/// f(first, n, group) for rows of n groups that follow each other.
template <class F>
void for_each_row(const Lines& groups, std::int64_t pieces, F f) {
  using Two = std::integral_constant<std::int64_t, 2>;
  using One = std::integral_constant<std::int64_t, 1>;
  const std::int64_t inner = groups.inner, count = groups.count() * groups.size;
  const auto rows = [&](auto n) {
    if (inner == 1)
      return parallel_for(count, kGrain, [=](std::int64_t begin, std::int64_t end) {
        f(begin, end - begin, Group<decltype(n), One, decltype(n)>{n, {}, n});
      });
    parallel_for(groups.outer * groups.size, 1 + kGrain / (1 + inner), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        f(row * inner, inner, Group<decltype(n), std::int64_t, One>{n, inner, {}});
    });
  };
  pieces == 2 ? rows(Two{}) : rows(pieces);
}

template <class T, class G>
[[gnu::noinline]] void largest(T* __restrict y, const T* x, std::int64_t n, G group) {
  for (std::int64_t i = 0; i < n; ++i) {
    T top = x[i * group.step];
    for (std::int64_t k = 1; k < group.pieces; ++k) {
      const T v = x[i * group.step + k * group.apart];
      top = ((top >= v) | (top != top)) ? top : v;
    }
    y[i] = top;
  }
}

template <class T, class G>
[[gnu::noinline]] void shares(T* __restrict dx, const T* x, const T* y, const T* g, std::int64_t n, G group) {
  for (std::int64_t i = 0; i < n; ++i) {
    T count = 0;
    for (std::int64_t k = 0; k < group.pieces; ++k) count += x[i * group.step + k * group.apart] == y[i] ? T(1) : T(0);
    const T share = g[i] / count;
    for (std::int64_t k = 0; k < group.pieces; ++k) {
      const std::int64_t at = i * group.step + k * group.apart;
      dx[at] = (x[at] == y[i] ? T(1) : T(0)) * share;
    }
  }
}

}  // namespace

template <class T>
void maxout(const Lines& groups, std::int64_t pieces, const T* x, T* y) {
  for_each_row(groups, pieces, [=](std::int64_t first, std::int64_t n, auto group) {
    largest(y + first, x + first * group.pieces, n, group);
  });
}

template <class T>
void maxout_gradient(const Lines& groups, std::int64_t pieces, const T* x, const T* y, const T* g, T* dx) {
  for_each_row(groups, pieces, [=](std::int64_t first, std::int64_t n, auto group) {
    const std::int64_t at = first * group.pieces;
    shares(dx + at, x + at, y + first, g + first, n, group);
  });
}

template GRADUS_EXPORT void maxout(const Lines&, std::int64_t, const float*, float*);
template GRADUS_EXPORT void maxout(const Lines&, std::int64_t, const double*, double*);
template GRADUS_EXPORT void maxout(const Lines&, std::int64_t, const std::int64_t*, std::int64_t*);
template GRADUS_EXPORT void maxout(const Lines&, std::int64_t, const bool*, bool*);
template GRADUS_EXPORT void maxout_gradient(
    const Lines&, std::int64_t, const float*, const float*, const float*, float*);
template GRADUS_EXPORT void maxout_gradient(
    const Lines&, std::int64_t, const double*, const double*, const double*, double*);

}  // namespace gradus::kernels
