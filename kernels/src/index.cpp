#include "gradus/kernels/index.h"

#include "gradus/kernels/loops.h"
#include "gradus/kernels/modular.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gradus::kernels {
namespace {

/// f(offset of the place, offset of the element) for each place along an axis of `strides`.
template <class F>
void for_each_place(int axis, const Tensor& places, Shape strides, const std::int64_t* elements, F f) {
  const std::int64_t stride = std::exchange(strides[axis], 0);
  const Loops<3> loops(places.rank(), places.raw()->sizes(), {places.raw()->strides(), strides.begin(), elements});
  const auto* const place = places.data<std::int64_t>();
  const std::int64_t n = loops.inner_size(), step_place = loops.inner_stride(0), step_to = loops.inner_stride(1),
                     step_element = loops.inner_stride(2);
  // Along the last axis of dense arrays: no two rows share a line.
  if (loops.rank == 2 && stride == 1 && step_to == 0 && step_place == 1 && step_element == 1) {
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, n));
    parallel_for(loops.sizes[0], grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t* const places_of_row = place + row * loops.strides[0][0];
        const std::int64_t to = row * loops.strides[1][0], element = row * loops.strides[2][0];
        for (std::int64_t i = 0; i < n; ++i) f(to + places_of_row[i], element + i);
      }
    });
    return;
  }
  loops.for_each_row([=](const auto& at) {
    for (std::int64_t i = 0; i < n; ++i)
      f(at[1] + i * step_to + place[at[0] + i * step_place] * stride, at[2] + i * step_element);
  });
}

}  // namespace

template <class T>
void take(const Lines& of_x, std::int64_t count, const std::int64_t* places, const T* x, T* y) {
  const std::int64_t n = of_x.size, inner = of_x.inner;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, inner));
  parallel_for(of_x.outer * count, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      std::copy_n(x + (row / count * n + places[row % count]) * inner, inner, y + row * inner);
  });
}

template <class T>
void add_at(const Lines& of_y, std::int64_t count, const std::int64_t* places, const T* x, T* y) {
  const std::int64_t rows = of_y.outer * count, n = of_y.size, inner = of_y.inner;
  if (rows == 0) return;
  // Each thread takes columns of its own, so that the order of additions is fixed.
  const std::int64_t grain = std::max<std::int64_t>(64, kGrain / rows);
  parallel_for(inner, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows; ++row) {
      T* to = y + (row / count * n + places[row % count]) * inner;
      for (std::int64_t j = begin; j < end; ++j) to[j] = modular_sum(to[j], x[row * inner + j]);
    }
  });
}

void take_along(int axis, const Tensor& places, const Tensor& x, Tensor& y) {
  dispatch(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    T* const out = y.mutable_data<T>();
    for_each_place(axis, places, x.strides(), y.raw()->strides(), [=](auto from, auto to) { out[to] = in[from]; });
  });
}

void add_along(int axis, const Tensor& places, const Tensor& x, Tensor& y) {
  dispatch_numbers(y.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    T* const out = y.mutable_data<T>();
    for_each_place(axis, places, y.strides(), x.raw()->strides(), [=](auto to, auto from) {
      out[to] = modular_sum(out[to], in[from]);
    });
  });
}

void write_along(int axis, const Tensor& places, const Shape& shape, Tensor& y) {
  auto* const out = y.mutable_data<std::int64_t>();
  const Shape order = contiguous_strides(shape);
  for_each_place(axis, places, y.strides(), order.begin(), [=](auto to, auto from) { out[to] = from; });
}

template <class T>
void extreme_at(
    bool largest, bool include_self, std::int64_t n, std::int64_t count, const std::int64_t* places, const T* x, T* y) {
  std::vector<char> counts(static_cast<std::size_t>(n), include_self ? 1 : 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const T v = x[i];
    T& best = y[places[i]];
    char& begun = counts[static_cast<std::size_t>(places[i])];
    if (begun == 0 || v != v || (largest ? v > best : v < best)) best = v;
    begun = 1;
  }
}

#define GRADUS_TAKE(T) template GRADUS_EXPORT void take(const Lines&, std::int64_t, const std::int64_t*, const T*, T*);
GRADUS_TAKE(float)
GRADUS_TAKE(double)
GRADUS_TAKE(std::int64_t)
GRADUS_TAKE(bool)
#undef GRADUS_TAKE

#define GRADUS_INDEX(T)                                                                              \
  template GRADUS_EXPORT void add_at(const Lines&, std::int64_t, const std::int64_t*, const T*, T*); \
  template GRADUS_EXPORT void extreme_at(bool, bool, std::int64_t, std::int64_t, const std::int64_t*, const T*, T*);
GRADUS_INDEX(float)
GRADUS_INDEX(double)
GRADUS_INDEX(std::int64_t)
#undef GRADUS_INDEX

}  // namespace gradus::kernels
