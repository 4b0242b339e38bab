#include "csv/labels.h"

#include "input_file.h"
#include "number.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace gradus::data {

std::optional<std::string> CsvLabels::add(const std::string& label, std::int64_t& id) {
  const auto [at, fresh] = ids_.try_emplace(label, static_cast<std::int64_t>(ids_.size()));
  if (fresh) {
    if (label.empty()) return "expected a class, got nothing";
    const std::int64_t class_index = known_class(label);
    if (!names_.empty() && class_index < 0)
      return fmt::format("expected one of {} classes, got {}", names_.size(), in_quotes(label));
    if (!is_utf8(label)) return fmt::format("expected text in UTF-8, got {}", in_quotes(label));
    if (names_.empty() && is_fraction(label))
      return fmt::format("expected a class (for numbers to predict, set regression), got {}", in_quotes(label));
    classes_.push_back(class_index);
  }
  id = at->second;
  return {};
}

std::optional<std::int64_t> CsvLabels::class_of(const std::string& label) const {
  const auto at = ids_.find(label);
  if (at == ids_.end()) return {};
  return class_of(at->second);
}

std::int64_t CsvLabels::classes() const {
  if (!names_.empty()) return static_cast<std::int64_t>(names_.size());
  return classes_.empty() ? 0 : *std::max_element(classes_.begin(), classes_.end()) + 1;
}

std::int64_t CsvLabels::known_class(const std::string& text) const {
  const auto name = std::find(names_.begin(), names_.end(), text);
  if (name != names_.end()) return name - names_.begin();
  const auto value = whole(text).value_or(-1);
  return value < static_cast<std::int64_t>(names_.size()) ? value : -1;
}

void CsvLabels::number_classes() {
  const bool numbers =
      std::all_of(ids_.begin(), ids_.end(), [&](const auto& id) { return whole(id.first).has_value(); });
  std::map<std::int64_t, std::string> by_value;  // of whole numbers, "1" and "1.0" being one
  if (numbers) {
    for (const auto& [text, id] : ids_) by_value.try_emplace(*whole(text), text);
  }
  if (numbers && by_value.begin()->first >= 0 && by_value.rbegin()->first < 65536) {
    for (const auto& [text, id] : ids_) classes_[static_cast<std::size_t>(id)] = *whole(text);
  } else if (numbers) {
    for (const auto& [text, id] : ids_)
      classes_[static_cast<std::size_t>(id)] = std::distance(by_value.begin(), by_value.find(*whole(text)));
    for (auto& [value, text] : by_value) names_.push_back(text);
  } else {
    for (const auto& [text, id] : ids_) {
      classes_[static_cast<std::size_t>(id)] = static_cast<std::int64_t>(names_.size());
      names_.push_back(text);
    }
  }
}

std::optional<std::int64_t> CsvLabels::whole(const std::string& label) const { return parse_whole(label, decimal_); }

/// A number that is no class. Digits alone are one, however many.
bool CsvLabels::is_fraction(const std::string& label) const {
  return is_number(label, decimal_) && !whole(label) && label.find_first_not_of("0123456789") != std::string::npos;
}

}  // namespace gradus::data
