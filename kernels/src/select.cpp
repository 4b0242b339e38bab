#include "gradus/kernels/select.h"

#include "gradus/kernels/loops.h"

namespace gradus::kernels {
namespace {

/// out[i] = c[i] ? a[i] : b[i], each with its stride. (GCC 12 vectorises on bytes, not on bools.)
template <class T>
[[gnu::noinline]] void choose(T* __restrict out,
                              const unsigned char* c,
                              const T* a,
                              const T* b,
                              std::int64_t n,
                              std::int64_t r,
                              std::int64_t s,
                              std::int64_t t) {
  if (r == 1 && s == 1 && t == 1) {
    for (std::int64_t i = 0; i < n; ++i) {
      const T u = a[i], v = b[i];
      out[i] = c[i] != 0 ? u : v;
    }
  } else if (r == 1 && s == 1 && t == 0) {
    const T v = *b;
    for (std::int64_t i = 0; i < n; ++i) {
      const T u = a[i];
      out[i] = c[i] != 0 ? u : v;
    }
  } else if (r == 1 && s == 0 && t == 1) {
    const T u = *a;
    for (std::int64_t i = 0; i < n; ++i) {
      const T v = b[i];
      out[i] = c[i] != 0 ? u : v;
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = c[i * r] != 0 ? a[i * s] : b[i * t];
  }
}

}  // namespace

Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y = empty(a.shape(), a.dtype());
  const Loops<4> loops(y.rank(),
                       y.raw()->sizes(),
                       {y.raw()->strides(), condition.raw()->strides(), a.raw()->strides(), b.raw()->strides()});
  const std::int64_t r = loops.inner_stride(1), s = loops.inner_stride(2), t = loops.inner_stride(3);
  const auto* c = reinterpret_cast<const unsigned char*>(condition.data<bool>());
  dispatch(a.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const T *p = a.data<T>(), *q = b.data<T>();
    parallel_rows(loops, kGrain, [=](const auto& at, std::int64_t n) {
      choose(out + at[0], c + at[1], p + at[2], q + at[3], n, r, s, t);
    });
  });
  return y;
}

}  // namespace gradus::kernels
