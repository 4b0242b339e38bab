#include "panels.h"

#include "gradus/kernels/elementary.h"

#include <algorithm>
#include <cstring>

namespace gradus::kernels {
namespace {

using elementary::Vector;

/// Two registers make the width of a panel; with so many rows at a time sums, values and factor stay in registers.
template <class T>
constexpr std::int64_t kLane = sizeof(Vector<T>) / sizeof(T);
template <class T>
constexpr std::int64_t kWidth = 2 * kLane<T>;
constexpr int kRows = GRADUS_REGISTER_BYTES == 64 ? 8 : 4;
/// Rows of a of so many bytes stay near while panel after panel passes.
constexpr std::int64_t kNear = 1 << 15;

template <class T>
Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

/// R rows of c, of which the first `columns` of a panel are wanted.
template <int R, class T>
[[gnu::noinline]] void tile(
    std::int64_t k, const T* a, const T* panel, T beta, T* c, std::int64_t n, std::int64_t columns) {
  Vector<T> low[R] = {}, high[R] = {};
  for (std::int64_t l = 0; l < k; ++l) {
    const Vector<T> first = load(panel + l * kWidth<T>), second = load(panel + l * kWidth<T> + kLane<T>);
    for (int r = 0; r < R; ++r) {
      const T factor = a[r * k + l];
      low[r] += factor * first;
      high[r] += factor * second;
    }
  }
  for (int r = 0; r < R; ++r) {
    T sums[kWidth<T>];
    std::memcpy(sums, &low[r], sizeof low[r]);
    std::memcpy(sums + kLane<T>, &high[r], sizeof high[r]);
    T* const to = c + r * n;
    if (beta == T(0)) {
      std::copy_n(sums, columns, to);
    } else {
      for (std::int64_t j = 0; j < columns; ++j) to[j] = sums[j] + beta * to[j];
    }
  }
}

}  // namespace

template <class T>
Panels<T>::Panels(bool transpose, std::int64_t k, std::int64_t n, const T* b, std::int64_t ldb)
    : k_(k), n_(n), values_((n + kWidth<T> - 1) / kWidth<T> * kWidth<T> * k) {
  for (std::int64_t first = 0; first < n; first += kWidth<T>) {
    T* const panel = values_.get() + first * k;
    const std::int64_t columns = std::min(kWidth<T>, n - first);
    for (std::int64_t l = 0; l < k; ++l) {
      T* const row = panel + l * kWidth<T>;
      if (!transpose) std::copy_n(b + l * ldb + first, columns, row);
      std::fill(row + columns, row + kWidth<T>, T(0));
    }
    if (!transpose) continue;
    for (std::int64_t begin = 0; begin < k; begin += 16) {  // of these rows the cache holds all
      const std::int64_t end = std::min(begin + 16, k);
      for (std::int64_t j = 0; j < columns; ++j)
        for (std::int64_t l = begin; l < end; ++l) panel[l * kWidth<T> + j] = b[(first + j) * ldb + l];
    }
  }
}

template <class T>
void Panels<T>::multiply(std::int64_t rows, const T* a, T beta, T* c) const {
  const std::int64_t block =
      std::max<std::int64_t>(1, kNear / (1 + k_ * static_cast<std::int64_t>(sizeof(T)) * kRows)) * kRows;
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t end = std::min(begin + block, rows);
    for (std::int64_t first = 0; first < n_; first += kWidth<T>) {
      const T* const panel = values_.get() + first * k_;
      const auto tile_of = [&]<int R>(std::int64_t i) {
        tile<R>(k_, a + i * k_, panel, beta, c + i * n_ + first, n_, std::min(kWidth<T>, n_ - first));
        return R;
      };
      std::int64_t i = begin;
      while (i + kRows <= end) i += tile_of.template operator()<kRows>(i);
      if (i + 4 <= end) i += tile_of.template operator()<4>(i);
      if (i + 2 <= end) i += tile_of.template operator()<2>(i);
      if (i < end) tile_of.template operator()<1>(i);
    }
  }
}

template class Panels<float>;
template class Panels<double>;

}  // namespace gradus::kernels
