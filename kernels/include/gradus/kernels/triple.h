#pragma once

#include "gradus/tensor/export.h"

#include <array>
#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// A number for each of three spatial axes; of fewer axes, the missing ones stand in front.
using Triple = std::array<std::int64_t, 3>;
/// Their product.
inline std::int64_t volume(const Triple& sizes) { return sizes[0] * sizes[1] * sizes[2]; }

}  // namespace gradus::kernels
GRADUS_EXPORT_END
