#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// Sums and products of int64 are those modulo 2^64: what overflows wraps around. Other types are f's own.
template <class F>
constexpr auto modular(F f) {
  return [f]<class T, class... Rest>(T x, Rest... rest) {
    if constexpr (std::is_integral_v<T>) {
      using Modulo = std::make_unsigned_t<T>;
      return static_cast<T>(f(static_cast<Modulo>(x), static_cast<Modulo>(rest)...));
    } else {
      return f(x, rest...);
    }
  };
}

/// What sums and products of T are carried in: rounding to float at each step would add up.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

/// a + b, of whole numbers modulo 2^64.
inline constexpr auto modular_sum = modular([](auto a, auto b) { return a + b; });

}  // namespace gradus::kernels
GRADUS_EXPORT_END
