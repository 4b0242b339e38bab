#pragma once

#include "gradus/tensor/export.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// Floating-point formats of 16 bits, as files have them.

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// IEEE 754 binary16.
inline float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = 0;
  if (exponent == 31)
    value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(fraction), -24);
  else
    value = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

/// bfloat16: the upper half of a binary32.
inline float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

}  // namespace gradus::detail
GRADUS_EXPORT_END
