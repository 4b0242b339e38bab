#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// As `allocate` and `deallocate`, without gaps up to 1 KiB: aligned to 8 bytes, or to 64 if `bytes` is a multiple of
/// 64.
void* allocate_packed(std::size_t bytes);
void deallocate_packed(void* block, std::size_t bytes) noexcept;

}  // namespace gradus::detail
GRADUS_EXPORT_END
