#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gradus::data {

/// The number that a whole text spells.
struct Number {
  std::optional<double> value = {};  // finite; nothing if the text spells none
  bool overflows = false;            // it is one that float64 does not hold
};

/// A number as people write it: sign, digits, one decimal character, exponent. What is too small for
/// float64 is 0.
Number parse_number(std::string_view text, char decimal = '.');

/// Whether a text is one, even if float64 does not hold it.
inline bool is_number(std::string_view text, char decimal) {
  const Number n = parse_number(text, decimal);
  return n.value || n.overflows;
}

/// A whole number ("3", "3.0", "3e2") if int64 holds it, and float64 too unless it is written plainly.
std::optional<std::int64_t> parse_whole(std::string_view text, char decimal = '.');

}  // namespace gradus::data
