#include "gradus/kernels/sort.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace gradus::kernels {
namespace {

/// NaN behind all numbers.
template <class T>
bool comes_before(T a, T b) {
  return a < b || (b != b && a == a);
}

template <class T>
void sort_row(const T* row, std::int64_t count, bool descending, std::vector<std::int64_t>& order) {
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto before = [row, descending](std::int64_t i, std::int64_t j) {
    const T a = row[i], b = row[j];
    if (descending ? comes_before(b, a) : comes_before(a, b)) return true;
    return i < j && !(descending ? comes_before(a, b) : comes_before(b, a));
  };
  if (count < static_cast<std::int64_t>(order.size()) / 8)
    std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
  else
    std::sort(order.begin(), order.end(), before);
}

}  // namespace

template <class T>
void argsort(std::int64_t rows, std::int64_t n, std::int64_t count, bool descending, const T* x, std::int64_t* order) {
  if (n == 0) return;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / 32 / n);
  parallel_for(rows, grain, [=](std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> places(static_cast<std::size_t>(n));
    for (std::int64_t row = begin; row < end; ++row) {
      sort_row(x + row * n, count, descending, places);
      std::copy_n(places.begin(), count, order + row * count);
    }
  });
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
