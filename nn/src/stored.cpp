#include "stored.h"

#include "gradus/tensor/half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>

namespace gradus::nn {
namespace {

/// Four bits of exponent from 2^-6, three of fraction, no infinities: Micikevicius et al. 2022, arXiv:2209.05433.
float from_e4m3(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15, fraction = bits & 7;
  float value = std::ldexp(static_cast<float>(exponent == 0 ? fraction : 8 + fraction), std::max(exponent, 1) - 10);
  if ((bits & 0x7f) == 0x7f) value = std::numeric_limits<float>::quiet_NaN();
  return (bits & 0x80) != 0 ? -value : value;
}
/// The upper half of binary16, by the same source.
float from_e5m2(std::uint8_t bits) { return gradus::detail::from_half(static_cast<std::uint16_t>(bits << 8)); }

/// Elements stored as Bits, each made one of x by f.
template <class Bits, auto f>
void fill(Tensor& x, std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  dispatch(x.dtype(), [&]<class T>() {
    T* const out = x.mutable_data<T>();
    for (std::size_t i = 0; i < bytes.size() / sizeof(Bits); ++i) {
      Bits bits;
      std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
      out[i] = static_cast<T>(f(bits));
    }
  });
}
constexpr auto kSame = [](auto value) { return value; };
constexpr auto kNotZero = [](std::uint8_t value) { return value != 0; };

constexpr Stored kStored[] = {{"F32", 4, float32, fill<float, kSame>},
                              {"F64", 8, float64, fill<double, kSame>},
                              {"I64", 8, int64, fill<std::int64_t, kSame>},
                              {"BOOL", 1, boolean, fill<std::uint8_t, kNotZero>},
                              {"F16", 2, float32, fill<std::uint16_t, gradus::detail::from_half>},
                              {"BF16", 2, float32, fill<std::uint16_t, gradus::detail::from_bfloat16>},
                              {"F8_E4M3", 1, float32, fill<std::uint8_t, from_e4m3>},
                              {"F8_E5M2", 1, float32, fill<std::uint8_t, from_e5m2>},
                              {"I32", 4, int64, fill<std::int32_t, kSame>},
                              {"I16", 2, int64, fill<std::int16_t, kSame>},
                              {"I8", 1, int64, fill<std::int8_t, kSame>},
                              {"U32", 4, int64, fill<std::uint32_t, kSame>},
                              {"U16", 2, int64, fill<std::uint16_t, kSame>},
                              {"U8", 1, int64, fill<std::uint8_t, kSame>}};

/// The first that passes; null if none does.
template <class F>
const Stored* find(F&& passes) {
  const auto* const at = std::find_if(std::begin(kStored), std::end(kStored), passes);
  return at == std::end(kStored) ? nullptr : at;
}

}  // namespace

const Stored* find_stored(std::string_view name) {
  return find([&](const Stored& stored) { return stored.name == name; });
}

std::string_view name_of(DType dtype) {
  return find([&](const Stored& stored) { return stored.dtype == dtype; })->name;
}

bool can_be_mapped(std::string_view bytes, const Stored& stored) {
  return stored.bytes == size_of(stored.dtype) && stored.dtype != boolean &&
         reinterpret_cast<std::uintptr_t>(bytes.data()) % stored.bytes == 0;
}

Tensor to_tensor(std::string_view bytes, const Stored& stored, const Shape& shape) {
  Tensor x = empty(shape, stored.dtype);
  stored.fill(x, bytes);
  return x;
}

}  // namespace gradus::nn
