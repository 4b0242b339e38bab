#pragma once

#include <string_view>

namespace gradus::cli {

/// Prints what ops whose names have `filter` in them give at special numbers, and how many units in the last place they
/// are off: allowed and measured. Whether all is right; UsageError if there is no such op.
bool print_special(std::string_view filter);

}  // namespace gradus::cli
