#pragma once

#include "gradus/tensor/export.h"

#include <functional>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Is given what is no error but is probably a mistake: a line of text without a newline.
using WarningHandler = std::function<void(const std::string& text)>;

/// Sets what is done with warnings, of all threads, and returns what was done before. At the start they are
/// written to stderr; an empty handler ignores them.
WarningHandler on_warning(WarningHandler handler);

namespace detail {
void warn(const std::string& text);
}  // namespace detail

}  // namespace gradus
GRADUS_EXPORT_END
