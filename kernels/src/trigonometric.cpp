#include "gradus/kernels/trigonometric.h"

#include <algorithm>
#include <cmath>

namespace gradus::kernels {
namespace {

constexpr std::int64_t kBlock = 512;

/// out[i] = f(x[i]), and exact(x[i]) beyond kNear.
template <class T, class F, class Exact>
void by_blocks(T* __restrict out, const T* x, std::int64_t n, F f, Exact exact) {
  using Bits = typename elementary::Format<T>::Bits;
  constexpr T limit = elementary::kNear<T>;
  for (std::int64_t at = 0; at < n; at += kBlock) {
    const std::int64_t end = std::min(n, at + kBlock);
    Bits beyond = 0;  // its sign, if any is
    for (std::int64_t i = at; i < end; ++i) {
      out[i] = f(x[i]);
      beyond |= elementary::bits(limit) - elementary::bits(elementary::magnitude(x[i]));
    }
    if ((beyond & elementary::kSign<T>) == 0) continue;
    for (std::int64_t i = at; i < end; ++i)
      if (!(std::fabs(x[i]) <= limit)) out[i] = exact(x[i]);
  }
}

}  // namespace

template <class T>
void sin_row(T* out, const T* x, std::int64_t n) {
  by_blocks(out, x, n, [](T v) { return elementary::sin(v); }, [](T v) { return std::sin(v); });
}
template <class T>
void cos_row(T* out, const T* x, std::int64_t n) {
  by_blocks(out, x, n, [](T v) { return elementary::cos(v); }, [](T v) { return std::cos(v); });
}
template <class T>
void tan_row(T* out, const T* x, std::int64_t n) {
  by_blocks(out, x, n, [](T v) { return elementary::tan(v); }, [](T v) { return std::tan(v); });
}

template GRADUS_EXPORT void sin_row(float*, const float*, std::int64_t);
template GRADUS_EXPORT void sin_row(double*, const double*, std::int64_t);
template GRADUS_EXPORT void cos_row(float*, const float*, std::int64_t);
template GRADUS_EXPORT void cos_row(double*, const double*, std::int64_t);
template GRADUS_EXPORT void tan_row(float*, const float*, std::int64_t);
template GRADUS_EXPORT void tan_row(double*, const double*, std::int64_t);

}  // namespace gradus::kernels
