#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Element types.
enum class DType : std::uint8_t { float32, float64, int64, boolean };

/// IEEE single precision, 4 bytes: `float`.
inline constexpr DType float32 = DType::float32;
/// IEEE double precision, 8 bytes: `double`.
inline constexpr DType float64 = DType::float64;
/// Whole numbers of 8 bytes: `std::int64_t`.
inline constexpr DType int64 = DType::int64;
/// True or false, 1 byte: `bool`.
inline constexpr DType boolean = DType::boolean;

/// "float32", "float64", "int64", "bool".
const char* to_string(DType dtype);

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return 4;
    case DType::float64: return 8;
    case DType::int64: return 8;
    case DType::boolean: return 1;
  }
  return 0;
}

/// True for float32 and float64.
constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

/// The type that holds values of both: bool < int64 < float32 < float64.
constexpr DType promote(DType a, DType b) {
  constexpr int rank[] = {2, 3, 1, 0};
  return rank[static_cast<int>(a)] >= rank[static_cast<int>(b)] ? a : b;
}

/// True for the C++ types of elements: float, double, std::int64_t and bool.
template <class T>
inline constexpr bool is_element =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, bool>;

/// The DType of a C++ type of elements.
template <class T>
  requires is_element<T>
inline constexpr DType dtype_of = std::is_same_v<T, float>    ? DType::float32
                                  : std::is_same_v<T, double> ? DType::float64
                                  : std::is_same_v<T, bool>   ? DType::boolean
                                                              : DType::int64;

/// Calls `f.template operator()<T>()` with the element type of `dtype`.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64: return f.template operator()<double>();
    case DType::int64: return f.template operator()<std::int64_t>();
    case DType::boolean: return f.template operator()<bool>();
    default: return f.template operator()<float>();
  }
}

/// The same for float32 and float64 only; the caller has checked.
template <class F>
decltype(auto) dispatch_floating(DType dtype, F&& f) {
  if (dtype == DType::float64) return f.template operator()<double>();
  return f.template operator()<float>();
}

}  // namespace gradus
GRADUS_EXPORT_END
