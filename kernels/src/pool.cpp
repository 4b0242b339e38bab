#include "gradus/kernels/pool.h"

#include "buffer.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <type_traits>

namespace gradus::kernels {
namespace {

/// f(plane), planes on several threads.
template <class F>
void for_each_plane(const PoolWindows& w, std::int64_t planes, F f) {
  const std::int64_t work = std::max({std::int64_t{1}, w.results(), volume(w.size)});
  parallel_for(planes, std::max<std::int64_t>(1, kGrain / 2 / work), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) f(plane);
  });
}
/// f(position of its first result, its windows) for each row of results of a plane.
template <class F>
void for_each_row(const PoolWindows& w, F f) {
  std::int64_t at = 0;
  for (const Window& a : w.axes[0])
    for (const Window& b : w.axes[1]) {
      f(at, a, b);
      at += std::ssize(w.axes[2]);
    }
}
/// f(row) for each row of an image that windows of a row of results share.
template <class T, class F>
void for_each_line(const PoolWindows& w, T* image, const Window& a, const Window& b, F f) {
  for (std::int64_t i = a.start; i < a.stop; ++i)
    for (std::int64_t j = b.start; j < b.stop; ++j) f(image + (i * w.size[1] + j) * w.size[2]);
}

/// f(i, window) for windows of the last axis, but pairs(first, n, window of the first) for those that are pairs of
/// neighbours, side by side.
template <class F, class G>
void for_each_window(const PoolWindows& w, F f, G pairs) {
  const auto& row = w.axes[2];
  const auto n = std::ssize(row);
  const auto [begin, end] = w.square == 2 ? w.whole : std::pair(n, n);
  for (std::int64_t i = 0; i < n;) {
    const Window& c = row[static_cast<std::size_t>(i)];
    if (i == begin && i < end) {
      pairs(i, end - begin, c);
      i = end;
    } else {
      f(i++, c);
    }
  }
}
/// Each element of the axis lies in one of them.
bool are_tiles(const std::vector<Window>& windows, std::int64_t size) {
  std::int64_t next = 0;
  for (const Window& w : windows) {
    if (w.start != next) return false;
    next = w.stop;
  }
  return next == size;
}

/// 1 / the number of elements that a mean divides by, for one window after the other of a row.
template <class T>
class Share {
 public:
  Share(const PoolWindows& w, const Window& a, const Window& b) : divisor_(w.divisor), rows_(a.counted * b.counted) {}
  T operator()(const Window& c) {
    if (c.counted != counted_) {
      counted_ = c.counted;
      share_ = static_cast<T>(1.0 / static_cast<double>(divisor_ > 0 ? divisor_ : rows_ * counted_));
    }
    return share_;
  }

 private:
  std::int64_t divisor_, rows_, counted_ = -1;
  T share_ = 0;
};

/// Where the largest of a window stands. NaN counts as largest.
template <class T>
std::int64_t largest(const T* image, const Triple& sizes, const Window& a, const Window& b, const Window& c) {
  std::int64_t best = (a.start * sizes[1] + b.start) * sizes[2] + c.start;
  T most = image[best];
  for (std::int64_t i = a.start; i < a.stop; i += a.step)
    for (std::int64_t j = b.start; j < b.stop; j += b.step) {
      const std::int64_t row = (i * sizes[1] + j) * sizes[2];
      for (std::int64_t k = c.start; k < c.stop; k += c.step) {
        const T v = image[row + k];
        if (v > most || v != v) {
          most = v;
          best = row + k;
        }
      }
    }
  return best;
}

/// The same for n <= kChunk windows of K by K pixels, two apart; the first is at `start`.
constexpr std::int64_t kChunk = 128;
template <int K, class T>
void largest_of_row(const T* image, std::int64_t row, std::int64_t start, std::int64_t n, T* most, std::int64_t* best) {
  using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  const T* const from = image + start;
  const auto here = static_cast<Place>(start), width = static_cast<Place>(row);
  const auto count = static_cast<Place>(n);
  Place place[kChunk];
  T value[kChunk];
#pragma omp simd
  for (Place k = 0; k < count; ++k) {
    T m = from[2 * k];
    Place p = 0;
#pragma GCC unroll 3
    for (Place i = 0; i < K; ++i)
#pragma GCC unroll 3
      for (Place j = 0; j < K; ++j) {
        const T v = from[i * width + 2 * k + j];
        const bool better = (v > m) | (v != v);
        m = better ? v : m;
        p = better ? i * width + j : p;
      }
    value[k] = m;
    place[k] = here + 2 * k + p;
  }
  std::copy_n(value, count, most);
  for (Place k = 0; k < count; ++k) best[k] = place[k];
}

}  // namespace

template <class T>
void avg_pool(const PoolWindows& w, std::int64_t planes, const T* x, T* y) {
  const std::int64_t in = volume(w.size), out = w.results(), width = w.size[2];
  for_each_plane(w, planes, [&](std::int64_t plane) {
    const Buffer<T> buffer(width);
    T* const sums = buffer.get();  // of the columns of a row of windows
    for_each_row(w, [&](std::int64_t at, const Window& a, const Window& b) {
      std::fill_n(sums, width, T(0));
      for_each_line(w, x + plane * in, a, b, [=](const T* row) {
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k) sums[k] += row[k];
      });
      T* const to = y + plane * out + at;
      Share<T> share(w, a, b);
      const auto mean = [&](std::int64_t i, const Window& c) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t k = c.start; k < c.stop; ++k) sum += sums[k];
        to[i] = sum * share(c);
      };
      for_each_window(w, mean, [&](std::int64_t first, std::int64_t n, const Window& c) {
        const T part = share(c);
        const T* const from = sums + c.start;
        T* const means = to + first;
#pragma omp simd
        for (std::int64_t i = 0; i < n; ++i) means[i] = (from[2 * i] + from[2 * i + 1]) * part;
      });
    });
  });
}

template <class T>
void avg_pool_gradient(const PoolWindows& w, std::int64_t planes, const T* g, T* dx) {
  const std::int64_t in = w.results(), out = volume(w.size), width = w.size[2];
  const bool once = are_tiles(w.axes[0], w.size[0]) && are_tiles(w.axes[1], w.size[1]);  // each line is written
  for_each_plane(w, planes, [&](std::int64_t plane) {
    const Buffer<T> buffer(width);
    T* const sums = buffer.get();  // of the shares of each column
    if (!once) std::fill_n(dx + plane * out, out, T(0));
    for_each_row(w, [&](std::int64_t at, const Window& a, const Window& b) {
      std::fill_n(sums, width, T(0));
      const T* const from = g + plane * in + at;
      Share<T> share(w, a, b);
      const auto spread = [&](std::int64_t i, const Window& c) {
        const T value = from[i] * share(c);
#pragma omp simd
        for (std::int64_t k = c.start; k < c.stop; ++k) sums[k] += value;
      };
      for_each_window(w, spread, [&](std::int64_t first, std::int64_t n, const Window& c) {
        const T part = share(c);
        const T* const values = from + first;
        T* const to = sums + c.start;
#pragma omp simd
        for (std::int64_t i = 0; i < n; ++i) to[2 * i] += values[i] * part, to[2 * i + 1] += values[i] * part;
      });
      for_each_line(w, dx + plane * out, a, b, [=](T* row) {
        if (once) {
          std::copy_n(sums, width, row);
          return;
        }
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k) row[k] += sums[k];
      });
    });
  });
}

template <class T>
void max_pool(const PoolWindows& w, std::int64_t planes, const T* x, T* y, std::int64_t* places) {
  const std::int64_t in = volume(w.size), out = w.results();
  const auto n = static_cast<std::int64_t>(w.axes[2].size());
  const std::int64_t square = in > std::numeric_limits<std::int32_t>::max() ? 0 : w.square;
  for_each_plane(w, planes, [&](std::int64_t plane) {
    for_each_row(w, [&](std::int64_t at, const Window& a, const Window& b) {
      const T* const image = x + plane * in;
      T* const most = y + plane * out + at;
      std::int64_t* const best = places + plane * out + at;
      const bool fast = square > 0 && a.stop - a.start == 1 && b.stop - b.start == square;
      const auto [begin, end] = fast ? w.whole : std::pair(n, n);
      for (std::int64_t i = 0; i < n;) {
        const Window& c = w.axes[2][static_cast<std::size_t>(i)];
        if (i < begin || i >= end) {
          best[i] = largest(image, w.size, a, b, c);
          most[i] = image[best[i]];
          ++i;
          continue;
        }
        const std::int64_t start = (a.start * w.size[1] + b.start) * w.size[2] + c.start;
        const std::int64_t count = std::min(kChunk, end - i);
        if (square == 2)
          largest_of_row<2>(image, w.size[2], start, count, most + i, best + i);
        else
          largest_of_row<3>(image, w.size[2], start, count, most + i, best + i);
        i += count;
      }
    });
  });
}

template <class T>
bool max_pool_gradient(
    std::int64_t planes, std::int64_t n, std::int64_t size, const T* g, const std::int64_t* places, T* dx) {
  if (n == 0) return true;
  std::atomic<bool> outside = false;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / n);
  parallel_for(planes, grain, [=, &outside](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane)
      for (std::int64_t i = plane * n; i < (plane + 1) * n; ++i) {
        if (places[i] < 0 || places[i] >= size)
          outside = true;
        else
          dx[plane * size + places[i]] += g[i];
      }
  });
  return !outside;
}

#define GRADUS_POOLS(T)                                                                                \
  template GRADUS_EXPORT void avg_pool(const PoolWindows&, std::int64_t, const T*, T*);                \
  template GRADUS_EXPORT void avg_pool_gradient(const PoolWindows&, std::int64_t, const T*, T*);       \
  template GRADUS_EXPORT void max_pool(const PoolWindows&, std::int64_t, const T*, T*, std::int64_t*); \
  template GRADUS_EXPORT bool max_pool_gradient(                                                       \
      std::int64_t, std::int64_t, std::int64_t, const T*, const std::int64_t*, T*);
GRADUS_POOLS(float)
GRADUS_POOLS(double)
#undef GRADUS_POOLS

}  // namespace gradus::kernels
