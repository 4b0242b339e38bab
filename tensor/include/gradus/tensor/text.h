#pragma once

#include "gradus/tensor/export.h"

#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// A piece of a file for an error message: short, in quotes, on one line.
std::string in_quotes(std::string_view text);

/// Whether a text is UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace gradus::detail
GRADUS_EXPORT_END
