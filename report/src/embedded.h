#pragma once

#include <string_view>

namespace gradus::report {

struct Embedded {
  std::string_view name, text;
};
/// A file of report/page, or Chart.js, as it was when the library was built.
std::string_view embedded(std::string_view name);

}  // namespace gradus::report
