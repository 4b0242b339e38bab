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

/// Elements stored as Bits, each made one of `x` by `f`.
template <class Bits, class F>
void convert(std::string_view bytes, Tensor& x, F f) {
  dispatch(x.dtype(), [&]<class T>() {
    T* const out = x.mutable_data<T>();
    for (std::size_t i = 0; i < bytes.size() / sizeof(Bits); ++i) {
      Bits bits;
      std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
      out[i] = static_cast<T>(f(bits));
    }
  });
}

}  // namespace

std::string_view name_of(DType dtype) {
  return std::find_if(
             std::begin(kStored), std::end(kStored), [&](const Stored& stored) { return stored.dtype == dtype; })
      ->name;
}

bool can_be_mapped(std::string_view bytes, const Stored& stored) {
  return stored.bytes == size_of(stored.dtype) && stored.dtype != boolean &&
         reinterpret_cast<std::uintptr_t>(bytes.data()) % stored.bytes == 0;
}

Tensor to_tensor(std::string_view bytes, const Stored& stored, const Shape& shape) {
  static_assert(std::endian::native == std::endian::little);
  const auto same = [](auto value) { return value; };
  Tensor x = empty(shape, stored.dtype);
  if (stored.name == "F16")
    convert<std::uint16_t>(bytes, x, gradus::detail::from_half);
  else if (stored.name == "BF16")
    convert<std::uint16_t>(bytes, x, gradus::detail::from_bfloat16);
  else if (stored.name == "F8_E4M3")
    convert<std::uint8_t>(bytes, x, from_e4m3);
  else if (stored.name == "F8_E5M2")
    convert<std::uint8_t>(bytes, x, from_e5m2);
  else if (stored.name == "F32")
    convert<float>(bytes, x, same);
  else if (stored.name == "F64")
    convert<double>(bytes, x, same);
  else if (stored.name == "I64")
    convert<std::int64_t>(bytes, x, same);
  else if (stored.name == "I32")
    convert<std::int32_t>(bytes, x, same);
  else if (stored.name == "I16")
    convert<std::int16_t>(bytes, x, same);
  else if (stored.name == "I8")
    convert<std::int8_t>(bytes, x, same);
  else if (stored.name == "U32")
    convert<std::uint32_t>(bytes, x, same);
  else if (stored.name == "U16")
    convert<std::uint16_t>(bytes, x, same);
  else if (stored.name == "U8")
    convert<std::uint8_t>(bytes, x, same);
  else
    convert<std::uint8_t>(bytes, x, [](std::uint8_t v) { return v != 0; });
  return x;
}

}  // namespace gradus::nn
