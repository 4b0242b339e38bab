#pragma once

// The greater and the less of two numbers, in the manner of elementary.h.

#include "gradus/kernels/elementary.h"
#include "gradus/tensor/export.h"

GRADUS_EXPORT_BEGIN
namespace gradus::kernels::elementary {

// A comparison with NaN, or of equal ones, takes its second operand: in both orders together both operands, whose bits
// are joined. A number with NaN is NaN then, and of zeros the sign is left.

/// The greater; NaN if either is, and +0 of zeros of both signs (IEEE 754-2019, 9.6).
GRADUS_ELEMENTARY V larger(V x, V y) {
  const V one = x > y ? x : y, other = y > x ? y : x;
  return from_bits<V>((bits(one) | bits(other)) & ~((bits(one) ^ bits(other)) & kSign<Scalar<V>>));
}

/// The less; NaN if either is, and -0 of zeros of both signs.
GRADUS_ELEMENTARY V smaller(V x, V y) {
  const V one = x < y ? x : y, other = y < x ? y : x;
  return from_bits<V>(bits(one) | bits(other));
}

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END
