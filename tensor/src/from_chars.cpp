#include "gradus/tensor/from_chars.h"

#ifndef __cpp_lib_to_chars
#include <locale.h>

#include <cerrno>
#include <cmath>
#include <stdlib.h>
#include <string>
#endif

namespace gradus::detail {

#ifdef __cpp_lib_to_chars

std::from_chars_result from_chars(const char* first, const char* last, double& value) {
  return std::from_chars(first, last, value);
}

#else

std::from_chars_result from_chars(const char* first, const char* last, double& value) {
  std::string text(first, last);
  const std::size_t start = text.starts_with('-') ? 1 : 0;
  // strtod skips blanks, takes a plus sign and hexadecimal numbers; std::from_chars does not.
  if (text.find_first_of("0123456789.inIN", start) != start) return {first, std::errc::invalid_argument};
  if (text.find_first_of("xX", start) == start + 1) text.resize(start + 1);

  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  errno = 0;
  char* end = nullptr;
  const double number = strtod_l(text.c_str(), &end, c_locale);
  if (end == text.c_str()) return {first, std::errc::invalid_argument};
  const char* rest = first + (end - text.c_str());
  if (errno == ERANGE && (number == 0 || std::isinf(number))) return {rest, std::errc::result_out_of_range};
  value = number;
  return {rest, {}};
}

#endif

}  // namespace gradus::detail
