#pragma once

#include "gradus/tensor/export.h"

#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// Replaces a file by `bytes`, whole or not at all: what was there stays until all is written. A
/// device or pipe is written to as it is. IoError, named by `op`.
void write_file(const char* op, const std::string& path, std::string_view bytes);

}  // namespace gradus::detail
GRADUS_EXPORT_END
