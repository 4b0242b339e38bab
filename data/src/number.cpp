#include "number.h"

#include "gradus/tensor/from_chars.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus::data {
namespace {

/// Without a plus sign, which std::from_chars does not know; nothing if a second sign follows it.
std::string_view without_plus(std::string_view text) {
  if (!text.starts_with('+')) return text;
  text.remove_prefix(1);
  return text.starts_with('-') ? std::string_view() : text;
}

/// Whether a number that is out of range is 1 or more: the place of its first digit that is not 0.
bool is_large(std::string_view text) {
  std::int64_t place = 0, exponent = 0;
  bool found = false, behind_point = false;
  const std::size_t end = std::min(text.find_first_of("eE"), text.size());
  for (const char c : text.substr(0, end)) {
    if (c == '.') behind_point = true;
    if (c < '0' || c > '9') continue;
    if (!found && behind_point) --place;
    if (c != '0') found = true;
    if (found && !behind_point) ++place;
  }
  bool negative = false;
  for (const char c : text.substr(std::min(end + 1, text.size()))) {
    negative = negative || c == '-';
    if (c >= '0' && c <= '9' && exponent < 1'000'000'000) exponent = exponent * 10 + (c - '0');
  }
  return place + (negative ? -exponent : exponent) > 0;
}

}  // namespace

Number parse_number(std::string_view text, char decimal) {
  std::string pointed;
  if (decimal != '.') {
    if (text.find('.') != std::string_view::npos) return {};
    pointed = text;
    std::replace(pointed.begin(), pointed.end(), decimal, '.');
    text = pointed;
  }
  text = without_plus(text);
  double value = 0;
  const auto [end, error] = gradus::detail::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return {};
  if (error == std::errc::result_out_of_range) {
    if (is_large(text)) return {.overflows = true};
    return {.value = text.starts_with('-') ? -0.0 : 0.0};
  }
  if (!std::isfinite(value)) return {};  // "inf" and "nan" are words
  return {.value = value};
}

std::optional<std::int64_t> parse_whole(std::string_view text, char decimal) {
  const std::string_view plain = without_plus(text);
  if (const auto whole = gradus::detail::from_text<std::int64_t>(plain)) return whole;
  const std::optional<double> value = parse_number(text, decimal).value;
  if (!value || *value != std::floor(*value) || !(std::abs(*value) < 0x1p53)) return {};
  return static_cast<std::int64_t>(*value);
}

}  // namespace gradus::data
