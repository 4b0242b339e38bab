#pragma once

#include "gradus/tensor/export.h"

#include <charconv>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// std::from_chars of a double, also where the standard library has it for whole numbers only (libc++ before 20).
std::from_chars_result from_chars(const char* first, const char* last, double& value);

}  // namespace gradus::detail
GRADUS_EXPORT_END
