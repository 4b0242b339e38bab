#pragma once

#include <cstdint>
#include <string>

namespace gradus::graph {

/// "812 B", "25.1 kB", "3.2 MB".
std::string bytes_text(std::int64_t bytes);

}  // namespace gradus::graph
