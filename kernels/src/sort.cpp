#include "gradus/kernels/sort.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <type_traits>
#include <vector>

namespace gradus::kernels {
namespace {

/// NaN behind all numbers.
template <class T>
bool comes_before(T a, T b) {
  return a < b || (b != b && a == a);
}

/// An unsigned integer in the order of the elements: -0 like 0, all NaN alike and last.
template <class T>
auto key_of(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr Key sign = Key{1} << (8 * sizeof(T) - 1);
    const Key bits = std::bit_cast<Key>(v + T(0)), negative = Key{0} - (bits / sign);
    return v == v ? bits ^ (negative | sign) : ~Key{0};
  } else if constexpr (std::is_same_v<T, bool>) {
    return std::uint32_t{v};
  } else {
    return static_cast<std::uint64_t>(v) ^ std::uint64_t{1} << 63;
  }
}

__extension__ typedef unsigned __int128 Uint128;

/// Sorts rows of T. An element is packed into one integer: its key, and in the lower half its place.
template <class T, class Packed>
class RowSorter {
 public:
  explicit RowSorter(std::int64_t n) : row_(static_cast<std::size_t>(n)) {}

  /// Where the first `count` elements of x in order stand.
  void run(const T* x, std::int64_t count, bool descending, std::int64_t* order) {
    const auto flip = static_cast<decltype(key_of(*x))>(descending ? -1 : 0);
    for (std::size_t i = 0; i < row_.size(); ++i) row_[i] = Packed{key_of(x[i]) ^ flip} << kHalf | i;
    if (count < std::ssize(row_) * kDigits / 64)
      std::partial_sort(row_.begin(), row_.begin() + count, row_.end());
    else if (row_.size() < kShort)
      std::sort(row_.begin(), row_.end());
    else
      radix_sort();
    for (std::int64_t i = 0; i < count; ++i)
      order[i] = static_cast<std::int64_t>(row_[static_cast<std::size_t>(i)] & (~Packed{0} >> kHalf));
  }

 private:
  static constexpr int kHalf = 4 * sizeof(Packed), kDigits = kHalf / 8;
  static constexpr std::size_t kShort = 4 * kHalf;  // where comparisons are faster

  static std::size_t digit(Packed v, int d) { return static_cast<std::size_t>(v >> (kHalf + 8 * d) & 255); }

  /// By the digits of the key in base 256, the least first.
  void radix_sort() {
    std::array<std::array<std::size_t, 256>, kDigits> counts{};
    for (const Packed v : row_)
      for (int d = 0; d < kDigits; ++d) ++counts[static_cast<std::size_t>(d)][digit(v, d)];
    next_.resize(row_.size());
    for (int d = 0; d < kDigits; ++d) {
      auto& places = counts[static_cast<std::size_t>(d)];
      if (places[digit(row_[0], d)] == row_.size()) continue;  // they all have this digit
      std::exclusive_scan(places.begin(), places.end(), places.begin(), std::size_t{0});
      for (const Packed v : row_) next_[places[digit(v, d)]++] = v;
      row_.swap(next_);
    }
  }

  std::vector<Packed> row_, next_;
};

template <class T, class Packed>
void sort_rows(
    std::int64_t rows, std::int64_t n, std::int64_t count, bool descending, const T* x, std::int64_t* order) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / 32 / n);
  parallel_for(rows, grain, [=](std::int64_t begin, std::int64_t end) {
    RowSorter<T, Packed> sorter(n);
    for (std::int64_t row = begin; row < end; ++row) sorter.run(x + row * n, count, descending, order + row * count);
  });
}

}  // namespace

template <class T>
void argsort(std::int64_t rows, std::int64_t n, std::int64_t count, bool descending, const T* x, std::int64_t* order) {
  if (n == 0) return;
  if (sizeof(key_of(T())) == 4 && n < std::int64_t{1} << 32)
    sort_rows<T, std::uint64_t>(rows, n, count, descending, x, order);
  else
    sort_rows<T, Uint128>(rows, n, count, descending, x, order);
}

template <class T>
DifferentRows different_rows(std::int64_t rows, std::int64_t n, const T* x) {
  const auto before = [=](std::int64_t i, std::int64_t j) {
    return std::lexicographical_compare(x + i * n, x + (i + 1) * n, x + j * n, x + (j + 1) * n, comes_before<T>);
  };
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), before);
  DifferentRows all;
  all.which.resize(order.size());
  for (const std::int64_t row : order) {
    if (all.firsts.empty() || before(all.firsts.back(), row)) {
      all.firsts.push_back(row);
      all.counts.push_back(0);
    }
    ++all.counts.back();
    all.which[static_cast<std::size_t>(row)] = static_cast<std::int64_t>(all.firsts.size()) - 1;
  }
  return all;
}

#define GRADUS_SORT(T)                                                                                          \
  template GRADUS_EXPORT void argsort(std::int64_t, std::int64_t, std::int64_t, bool, const T*, std::int64_t*); \
  template GRADUS_EXPORT DifferentRows different_rows(std::int64_t, std::int64_t, const T*);
GRADUS_SORT(float)
GRADUS_SORT(double)
GRADUS_SORT(std::int64_t)
GRADUS_SORT(bool)
#undef GRADUS_SORT

}  // namespace gradus::kernels
