#pragma once

#include "gradus/tensor/export.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// std::from_chars of a double, also where the standard library has it for whole numbers only (libc++ before 20).
std::from_chars_result from_chars(const char* first, const char* last, double& value);

/// The number that the whole of a text spells; nothing for any other text, or where T does not hold it.
template <class T>
std::optional<T> from_text(std::string_view text) {
  const char* const end = text.data() + text.size();
  T value{};
  std::from_chars_result read;
  if constexpr (std::is_floating_point_v<T>)
    read = detail::from_chars(text.data(), end, value);
  else
    read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return {};
  return value;
}

}  // namespace gradus::detail
GRADUS_EXPORT_END
