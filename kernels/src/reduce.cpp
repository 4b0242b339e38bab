#include "gradus/kernels/reduce.h"

#include "gradus/kernels/loops.h"
#include "gradus/kernels/modular.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace gradus::kernels {
using namespace detail;

namespace {

/// Nested loops over some axes of a tensor, neighbours merged where strides allow.
struct Grid {
  int rank = 0;
  std::int64_t count = 1;
  std::int64_t sizes[kMaxRank];
  std::int64_t strides[kMaxRank];

  void add(std::int64_t size, std::int64_t stride) {
    count *= size;
    if (size == 1) return;
    if (rank > 0 && strides[rank - 1] == stride * size) {
      sizes[rank - 1] *= size;
      strides[rank - 1] = stride;
    } else {
      sizes[rank] = size;
      strides[rank++] = stride;
    }
  }
  /// Without the innermost loop.
  Grid outer() const {
    Grid grid = *this;
    if (rank > 0) grid.count /= sizes[--grid.rank];
    return grid;
  }
  std::int64_t inner_size() const { return rank == 0 ? 1 : sizes[rank - 1]; }
  std::int64_t inner_stride() const { return rank == 0 ? 1 : strides[rank - 1]; }

  /// Where the i-th place of the loops lies.
  std::int64_t offset(std::int64_t i) const {
    if (rank == 0) return 0;
    std::int64_t at = 0;
    for (int d = rank - 1; d > 0; --d) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return at + i * strides[0];
  }
};

// ---- what is reduced -----------------------------------------------------------------------------

// Elements are taken up into a Part, of which there is one a lane; after a few of them Parts are joined
// into a wider Total. Along axes of stride 0 each element counts as often as `repeats` says.

template <class T>
using SumPart = std::conditional_t<std::is_floating_point_v<T>, T, std::uint64_t>;
template <class T>
using WideOf = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;

template <class T, bool squared>
struct Sum {
  using Value = T;
  using Part = SumPart<T>;
  using Total = Accumulator<T>;
  using Out = WideOf<T>;
  double divisor = 1;
  std::int64_t repeats = 1;

  static constexpr Part kStart = 0;
  static Part step(Part a, T v) {
    if constexpr (squared)
      return a + v * v;
    else
      return a + static_cast<Part>(v);
  }
  static Total join(Total a, Total b) { return a + b; }
  Out finish(Total a) const {
    if (repeats != 1) a *= static_cast<Total>(repeats);
    if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(divisor != 1 ? a / divisor : a);
    else
      return static_cast<Out>(a);
  }
};

template <class T>
struct Prod {
  using Value = T;
  using Part = Accumulator<T>;
  using Total = Accumulator<T>;
  using Out = WideOf<T>;
  std::int64_t repeats = 1;

  static constexpr Part kStart = 1;
  static Part step(Part a, T v) { return a * static_cast<Part>(v); }
  static Total join(Total a, Total b) { return a * b; }
  Out finish(Total a) const {
    Total power = 1;
    for (std::int64_t n = repeats; n > 0; n /= 2, a *= a)
      if (n % 2 != 0) power *= a;
    return static_cast<Out>(power);
  }
};

template <class T, bool largest>
struct Extreme {
  using Value = T;
  using Part = T;
  using Total = T;
  using Out = T;
  std::int64_t repeats = 1;

  static constexpr T worst() {
    using Limits = std::numeric_limits<T>;
    if constexpr (Limits::has_infinity)
      return largest ? -Limits::infinity() : Limits::infinity();
    else
      return largest ? Limits::lowest() : Limits::max();
  }
  static constexpr Part kStart = worst();
  static Part step(Part a, T v) {
    const T ahead = (largest ? v > a : v < a) ? v : a;
    return v != v ? v : ahead;
  }
  static Total join(Total a, Total b) { return step(a, b); }
  Out finish(Total a) const { return a; }
};

// ---- loops --------------------------------------------------------------------------------------

/// Neighbouring columns that are taken up at once, columns of a block of rows, and elements that a Part takes: so few
/// that the rounding of float sums doesn't show.
constexpr int kLanes = 64, kWidth = 1024, kDepth = 4;
/// Elements that make up a part of one result worth a thread, and the most such parts.
constexpr std::int64_t kPart = 1 << 16, kMostParts = 64;

/// Takes up as many whole groups of `lanes` times `depth` elements as there are.
template <class R, int lanes, int depth>
void take_up(const typename R::Value*& p, std::int64_t& n, typename R::Total& total) {
  constexpr int group = lanes * depth;
  if (n < group) return;
  typename R::Total wide[lanes];
  for (int j = 0; j < lanes; ++j) wide[j] = R::kStart;
  for (; n >= group; n -= group, p += group)
    for (int j = 0; j < lanes; ++j) {
      typename R::Part part = R::kStart;
      for (int i = 0; i < depth; ++i) part = R::step(part, p[i * lanes + j]);
      wide[j] = R::join(wide[j], part);
    }
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int j = 0; j < half; ++j) wide[j] = R::join(wide[j], wide[j + half]);
  total = R::join(total, wide[0]);
}

/// One row of elements.
template <class R>
typename R::Total reduce_row(const typename R::Value* p, std::int64_t n, std::int64_t stride) {
  typename R::Total total = R::kStart;
  if (stride == 1) {
    take_up<R, 16, kDepth>(p, n, total);
    take_up<R, 16, 1>(p, n, total);
    take_up<R, 4, 1>(p, n, total);
  }
  for (std::int64_t i = 0; i < n; ++i) total = R::join(total, R::step(R::kStart, p[i * stride]));
  return total;
}

/// Rows begin … end of `rows`, each `width` <= kWidth wide, column by column onto `total`.
template <class R>
void reduce_columns(const typename R::Value* base,
                    const Grid& rows,
                    std::int64_t begin,
                    std::int64_t end,
                    int width,
                    typename R::Total* total) {
  for (; begin + kDepth <= end; begin += kDepth) {
    const typename R::Value* row[kDepth];
    for (int r = 0; r < kDepth; ++r) row[r] = base + rows.offset(begin + r);
#pragma omp simd
    for (int j = 0; j < width; ++j) {
      typename R::Part part = R::kStart;
#pragma GCC unroll 4
      for (int r = 0; r < kDepth; ++r) part = R::step(part, row[r][j]);
      total[j] = R::join(total[j], part);
    }
  }
  for (; begin < end; ++begin) {
    const typename R::Value* const row = base + rows.offset(begin);
#pragma omp simd
    for (int j = 0; j < width; ++j) total[j] = R::join(total[j], R::step(R::kStart, row[j]));
  }
}

/// The same for rows without gaps that are so narrow that several fill the lanes.
template <class R>
void reduce_narrow(
    const typename R::Value* base, std::int64_t begin, std::int64_t end, int width, typename R::Total* total) {
  const int group = kLanes / width, wide = group * width;
  const std::int64_t groups = (end - begin) / group;
  typename R::Total sums[kLanes];
  for (int j = 0; j < wide; ++j) sums[j] = R::kStart;
  Grid rows;
  rows.rank = 1;
  rows.strides[0] = wide;
  reduce_columns<R>(base + begin * width, rows, 0, groups, wide, sums);
  for (int j = 0; j < wide; ++j) total[j % width] = R::join(total[j % width], sums[j]);
  rows.strides[0] = width;
  reduce_columns<R>(base, rows, begin + groups * group, end, width, total);
}

/// The reduced axes lie inside: each result is made from rows of its own.
template <class R>
void reduce_inner(const R& r, const typename R::Value* x, const Grid& kept, const Grid& reduced, typename R::Out* out) {
  using Total = typename R::Total;
  const Grid rows = reduced.outer();
  const std::int64_t length = reduced.inner_size(), stride = reduced.inner_stride();
  if (kept.count >= 16 || reduced.count < 2 * kPart) {
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / reduced.count);
    parallel_for(kept.count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const typename R::Value* base = x + kept.offset(i);
        Total total = reduce_row<R>(base, length, stride);
        for (std::int64_t row = 1; row < rows.count; ++row)
          total = R::join(total, reduce_row<R>(base + rows.offset(row), length, stride));
        out[i] = r.finish(total);
      }
    });
    return;
  }
  // Few results from many elements: each from parts, cut by the shape alone.
  const std::int64_t pieces = (length + kPart - 1) / kPart, all = rows.count * pieces;
  const std::int64_t parts = std::min(all, kMostParts);
  for (std::int64_t i = 0; i < kept.count; ++i) {
    const typename R::Value* base = x + kept.offset(i);
    Total totals[kMostParts]{};
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part) {
        Total total = R::kStart;
        for (std::int64_t k = all * part / parts; k < all * (part + 1) / parts; ++k) {
          const std::int64_t first = k % pieces * kPart, n = std::min(kPart, length - first);
          const typename R::Value* p = base + rows.offset(k / pieces) + first * stride;
          total = R::join(total, reduce_row<R>(p, n, stride));
        }
        totals[part] = total;
      }
    });
    for (std::int64_t part = 1; part < parts; ++part) totals[0] = R::join(totals[0], totals[part]);
    out[i] = r.finish(totals[0]);
  }
}

/// The reduced axes lie outside: whole rows of results are made at once.
template <class R>
void reduce_outer(const R& r, const typename R::Value* x, const Grid& kept, const Grid& reduced, typename R::Out* out) {
  using Total = typename R::Total;
  const Grid blocks = kept.outer();
  const std::int64_t columns = kept.inner_size(), n = reduced.count;
  const std::int64_t tiles = (columns + kWidth - 1) / kWidth, items = blocks.count * tiles;
  const bool narrow = reduced.rank == 1 && reduced.strides[0] == columns && columns <= kLanes / 2;
  const auto first_column = [&](std::int64_t item) { return item % tiles * kWidth; };
  const auto width = [&](std::int64_t item) {
    return static_cast<int>(std::min<std::int64_t>(kWidth, columns - first_column(item)));
  };
  const auto reduce = [&](std::int64_t item, std::int64_t begin, std::int64_t end, Total* total) {
    const typename R::Value* base = x + blocks.offset(item / tiles) + first_column(item);
    for (int j = 0; j < width(item); ++j) total[j] = R::kStart;
    if (narrow)
      reduce_narrow<R>(base, begin, end, width(item), total);
    else
      reduce_columns<R>(base, reduced, begin, end, width(item), total);
  };
  const auto store = [&](std::int64_t item, const Total* total) {
    typename R::Out* to = out + item / tiles * columns + first_column(item);
    for (int j = 0; j < width(item); ++j) to[j] = r.finish(total[j]);
  };

  const std::int64_t work = n * std::min<std::int64_t>(columns, kWidth);
  if (items >= 16 || work < 2 * kPart) {
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / work);
    parallel_for(items, grain, [&](std::int64_t begin, std::int64_t end) {
      Total total[kWidth];
      for (std::int64_t item = begin; item < end; ++item) {
        reduce(item, 0, n, total);
        store(item, total);
      }
    });
    return;
  }
  const std::int64_t parts = std::min(work / kPart, kMostParts);
  using Totals = std::array<Total, kWidth>;
  std::vector<Totals, CachingAllocator<Totals>> totals(static_cast<std::size_t>(parts));
  for (std::int64_t item = 0; item < items; ++item) {
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part)
        reduce(item, n * part / parts, n * (part + 1) / parts, totals[static_cast<std::size_t>(part)].data());
    });
    for (std::size_t part = 1; part < totals.size(); ++part)
      for (std::size_t j = 0; j < static_cast<std::size_t>(width(item)); ++j)
        totals[0][j] = R::join(totals[0][j], totals[part][j]);
    store(item, totals[0].data());
  }
}

template <class R>
Tensor reduce(R r, const Tensor& x, std::uint32_t mask, const Shape& shape) {
  using Out = typename R::Out;
  Tensor y = empty(shape, dtype_of<Out>);
  const auto* in = x.data<typename R::Value>();
  Out* out = y.mutable_data<Out>();
  Grid kept, reduced;
  for (int d = 0; d < x.rank(); ++d) {
    const std::int64_t size = x.raw()->sizes()[d], stride = x.raw()->strides()[d];
    if ((mask >> d & 1) == 0)
      kept.add(size, stride);
    else if (stride != 0 || size == 0)
      reduced.add(size, stride);
    else
      r.repeats *= size;
  }
  if (kept.count == 0) return y;
  if (reduced.count == 0) {
    std::fill_n(out, kept.count, r.finish(R::kStart));
  } else if (kept.rank > 0 && kept.inner_stride() == 1) {
    reduce_outer(r, in, kept, reduced, out);
  } else {
    reduce_inner(r, in, kept, reduced, out);
  }
  return y;
}

}  // namespace

Shape reduced_shape(const Tensor& x, std::uint32_t mask, bool keepdim) {
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) {
    const bool reduced = (mask >> d & 1) != 0;
    if (!reduced || keepdim) shape.push_back(reduced ? 1 : x.raw()->sizes()[d]);
  }
  return shape;
}

std::int64_t reduced_count(const Tensor& x, std::uint32_t mask) {
  std::int64_t count = 1;
  for (int d = 0; d < x.rank(); ++d)
    if ((mask >> d & 1) != 0) count *= x.raw()->sizes()[d];
  return count;
}

Tensor sum_over(const Tensor& x, std::uint32_t mask, const Shape& shape, double divisor) {
  return dispatch(x.dtype(), [&]<class T>() { return reduce(Sum<T, false>{divisor}, x, mask, shape); });
}

Tensor sum_squares_over(const Tensor& x, std::uint32_t mask, const Shape& shape, double divisor) {
  return dispatch_floating(x.dtype(), [&]<class T>() { return reduce(Sum<T, true>{divisor}, x, mask, shape); });
}

Tensor prod_over(const Tensor& x, std::uint32_t mask, const Shape& shape) {
  return dispatch(x.dtype(), [&]<class T>() { return reduce(Prod<T>{}, x, mask, shape); });
}

Tensor max_over(const Tensor& x, std::uint32_t mask, const Shape& shape) {
  return dispatch(x.dtype(), [&]<class T>() { return reduce(Extreme<T, true>{}, x, mask, shape); });
}

Tensor min_over(const Tensor& x, std::uint32_t mask, const Shape& shape) {
  return dispatch(x.dtype(), [&]<class T>() { return reduce(Extreme<T, false>{}, x, mask, shape); });
}

/// An integer as wide as an element.
template <class T>
using Lane = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <bool largest, class T>
static bool is_ahead(T v, T of) {
  return (of == of) & ((largest ? v > of : v < of) | (v != v));
}

/// Where the extreme of one line stands first.
template <bool largest, class T>
static std::int64_t place_in_line(const T* p, std::int64_t n, std::int64_t stride) {
  constexpr Lane<T> lanes = 16;
  std::int64_t i = 1, best = 0;
  if (stride == 1 && n >= lanes && n <= std::numeric_limits<Lane<T>>::max()) {
    T value[lanes];
    Lane<T> place[lanes], first = 0;
    for (Lane<T> j = 0; j < lanes; ++j) value[j] = p[j], place[j] = j;
    for (first = lanes; first <= static_cast<Lane<T>>(n) - lanes; first += lanes)
#pragma omp simd
      for (Lane<T> j = 0; j < lanes; ++j) {
        const T v = p[first + j];
        const bool ahead = is_ahead<largest>(v, value[j]);
        value[j] = ahead ? v : value[j];
        place[j] = ahead ? first + j : place[j];
      }
#pragma GCC unroll 4
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int j = 0; j < half; ++j) {
        const T v = value[j + half];
        const bool ahead = is_ahead<largest>(v, value[j]), behind = is_ahead<largest>(value[j], v);
        const bool taken = ahead | (!behind & (place[j + half] < place[j]));
        value[j] = taken ? v : value[j];
        place[j] = taken ? place[j + half] : place[j];
      }
    best = place[0];
    i = first;
  }
  for (; i < n; ++i)
    if (is_ahead<largest>(p[i * stride], p[best * stride])) best = i;
  return best;
}

/// The same for `width` <= kWidth neighbouring lines, row by row.
template <bool largest, class Place, class T>
static void places_in_columns(const T* p, std::int64_t n, std::int64_t stride, int width, std::int64_t* out) {
  T best[kWidth];
  Place place[kWidth] = {};
  std::copy_n(p, width, best);
  for (Place i = 1; i < static_cast<Place>(n); ++i) {
    const T* const row = p + i * stride;
#pragma omp simd
    for (int j = 0; j < width; ++j) {
      const bool ahead = is_ahead<largest>(row[j], best[j]);
      best[j] = ahead ? row[j] : best[j];
      place[j] = ahead ? i : place[j];
    }
  }
  std::copy_n(place, width, out);
}

template <bool largest, class T>
static void first_extremes(const T* x, const Grid& kept, std::int64_t n, std::int64_t stride, std::int64_t* out) {
  const std::int64_t columns = kept.inner_size();
  if (stride == 1 || kept.inner_stride() != 1) {
    parallel_for(kept.count, std::max<std::int64_t>(1, kGrain / n), [=, &kept](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = place_in_line<largest>(x + kept.offset(i), n, stride);
    });
    return;
  }
  const auto find = n <= std::numeric_limits<Lane<T>>::max() ? places_in_columns<largest, Lane<T>, T>
                                                             : places_in_columns<largest, std::int64_t, T>;
  const Grid blocks = kept.outer();
  const std::int64_t tiles = (columns + kWidth - 1) / kWidth;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (n * std::min<std::int64_t>(columns, kWidth)));
  parallel_for(blocks.count * tiles, grain, [=, &blocks](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % tiles * kWidth, width = std::min<std::int64_t>(kWidth, columns - first);
      find(x + blocks.offset(i / tiles) + first, n, stride, static_cast<int>(width), out + i / tiles * columns + first);
    }
  });
}

Tensor first_extreme(const Tensor& x, int axis, bool largest, const Shape& shape) {
  Tensor y = empty(shape, int64);
  std::int64_t* out = y.mutable_data<std::int64_t>();
  const auto size = [&](int d) { return x.raw()->sizes()[d]; };
  const auto stride = [&](int d) { return x.raw()->strides()[d]; };
  Grid kept;
  for (int d = 0; d < x.rank(); ++d)
    if (d != axis) kept.add(size(d), stride(d));
  if (kept.count == 0) return y;
  dispatch(x.dtype(), [&]<class T>() {
    const auto find = largest ? first_extremes<true, T> : first_extremes<false, T>;
    find(x.data<T>(), kept, size(axis), stride(axis), out);
  });
  return y;
}

}  // namespace gradus::kernels
