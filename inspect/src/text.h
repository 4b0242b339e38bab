#pragma once

#include "gradus/tensor/text.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::graph {

/// "812 B", "25.1 kB", "3.2 MB".
std::string bytes_text(std::int64_t bytes);
/// "812", "25.1 k", "3.2 G"; with a unit "812 FLOPs", "25.1 kFLOPs".
std::string flops_text(double flops, const char* unit = "");
/// "12.3 us", "4.5 ms".
std::string time_text(double seconds);
using gradus::detail::with_commas;
/// In quotes, as DOT and JSON read it; control characters but the ends of lines become spaces.
std::string quoted(std::string_view text);

using TextLine = std::vector<std::string>;
/// Lines in columns, the first to the left and the others to the right. A rule stands below the first
/// line and above the last `totals`.
std::string table_text(const std::vector<TextLine>& lines, std::size_t totals);

}  // namespace gradus::graph
