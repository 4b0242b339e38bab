#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/from_chars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kLongestField = std::size_t{1} << 24;

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The finite number that the whole text spells.
std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] =
      gradus::detail::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  const std::optional<double> value = number(text);
  if (!value || *value != std::floor(*value) || std::abs(*value) > 0x1p53) return {};
  return static_cast<std::int64_t>(*value);
}

/// The rows of a file as fields, blank lines left out.
class Rows {
 public:
  Rows(const std::string& path, char delimiter) : file_("csv", path), delimiter_(delimiter) {}

  bool next(std::vector<std::string>& fields) {
    while (file_.read_line(line_)) {
      if (++number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
      if (trim(line_).empty()) continue;
      split_line(fields);
      return true;
    }
    return false;
  }

  /// The number of the last line read.
  std::int64_t line() const { return number_; }

  [[noreturn]] void fail_at(std::int64_t line,
                            std::size_t column,
                            const std::string& message) const {
    fail<IoError>(
        "csv",
        fmt::format("{} in line {}, column {} of {}", message, line, column + 1, file_.path()));
  }
  [[noreturn]] void fail_file(const std::string& message) const {
    fail<IoError>("csv", fmt::format("{} in {}", message, file_.path()));
  }

 private:
  void split_line(std::vector<std::string>& fields) {
    fields.clear();
    const bool blanks = delimiter_ == ' ';
    std::string_view rest = line_;
    while (true) {
      std::size_t skip = 0;
      while (skip < rest.size() && rest[skip] != delimiter_ &&
             kBlanks.find(rest[skip]) != std::string_view::npos)
        ++skip;
      if (blanks) skip = std::min(rest.find_first_not_of(kBlanks), rest.size());
      rest.remove_prefix(skip);
      if (blanks && rest.empty()) return;
      if (rest.starts_with('"')) {
        fields.push_back(take_quoted(rest, fields.size()));
      } else {
        const std::size_t end =
            std::min(blanks ? rest.find_first_of(kBlanks) : rest.find(delimiter_), rest.size());
        fields.emplace_back(trim(rest.substr(0, end)));
        rest.remove_prefix(end);
      }
      if (rest.empty()) return;
      rest.remove_prefix(1);
    }
  }

  /// Takes a field in quotes, "" within meaning one, and the blanks after it.
  std::string take_quoted(std::string_view& rest, std::size_t column) {
    const std::int64_t line = number_;
    const std::string start(rest.substr(0, 64));
    std::string text;
    std::size_t i = 1;
    while (true) {
      const std::size_t end = rest.find('"', i);
      text += rest.substr(i, end - i);
      if (end == std::string_view::npos) {  // goes on in the next line
        i = rest.size();
        const std::size_t offset = line_.size() - rest.size();
        std::string more;
        if (line_.size() > kLongestField || !file_.read_line(more))
          fail_at(line, column, fmt::format("expected a closing quote, got {}", quote(start)));
        ++number_;
        line_ += '\n' + more;
        rest = std::string_view(line_).substr(offset);
        continue;
      }
      i = end + 1;
      if (i == rest.size() || rest[i] != '"') break;
      text += '"';
      ++i;
    }
    rest.remove_prefix(i);
    while (!rest.empty() && rest[0] != delimiter_ &&
           kBlanks.find(rest[0]) != std::string_view::npos)
      rest.remove_prefix(1);
    if (!rest.empty() && rest[0] != delimiter_)
      fail_at(number_, column, fmt::format("expected the end of the field, got {}", quote(rest)));
    return text;
  }

  InputFile file_;
  char delimiter_;
  std::string line_;
  std::int64_t number_ = 0;
};

/// Distinct labels, numbered as they come; at the end turned into classes.
class Labels {
 public:
  explicit Labels(std::vector<std::string> names) : names_(std::move(names)) {}

  /// What is wrong with the label, if something is.
  std::optional<std::string> add(const std::string& text) {
    const auto [at, fresh] = ids_.try_emplace(text, static_cast<std::int64_t>(ids_.size()));
    if (fresh) {
      if (text.empty()) return "expected a class, got nothing";
      const std::int64_t class_index = known_class(text);
      if (!names_.empty() && class_index < 0)
        return fmt::format("expected one of {} classes, got {}", names_.size(), quote(text));
      if (names_.empty() && number(text) && !whole_number(text))
        return fmt::format("expected a class (for numbers to predict, set regression), got {}",
                           quote(text));
      classes_.push_back(class_index);
    }
    rows_.push_back(at->second);
    return {};
  }

  std::pair<Tensor, std::vector<std::string>> finish() {
    if (names_.empty()) number_classes();
    Tensor targets = from_vector(rows_);
    auto* target = targets.mutable_data<std::int64_t>();
    for (std::int64_t i = 0; i < targets.numel(); ++i)
      target[i] = classes_[static_cast<std::size_t>(target[i])];
    return {std::move(targets), std::move(names_)};
  }

 private:
  std::int64_t known_class(const std::string& text) const {
    const auto name = std::find(names_.begin(), names_.end(), text);
    if (name != names_.end()) return name - names_.begin();
    const auto value = whole_number(text).value_or(-1);
    return value < static_cast<std::int64_t>(names_.size()) ? value : -1;
  }

  void number_classes() {
    const bool numbers = std::all_of(ids_.begin(), ids_.end(), [](const auto& id) {
      return whole_number(id.first).has_value();
    });
    std::map<std::int64_t, std::string> by_value;  // of whole numbers, "1" and "1.0" being one
    if (numbers) {
      for (const auto& [text, id] : ids_) by_value.try_emplace(*whole_number(text), text);
    }
    if (numbers && by_value.begin()->first >= 0 && by_value.rbegin()->first < 65536) {
      for (const auto& [text, id] : ids_)
        classes_[static_cast<std::size_t>(id)] = *whole_number(text);
    } else if (numbers) {
      for (const auto& [text, id] : ids_)
        classes_[static_cast<std::size_t>(id)] =
            std::distance(by_value.begin(), by_value.find(*whole_number(text)));
      for (auto& [value, text] : by_value) names_.push_back(text);
    } else {
      for (const auto& [text, id] : ids_) {
        classes_[static_cast<std::size_t>(id)] = static_cast<std::int64_t>(names_.size());
        names_.push_back(text);
      }
    }
  }

  std::vector<std::string> names_;
  std::map<std::string, std::int64_t> ids_;
  std::vector<std::int64_t> classes_;  // of each id
  std::vector<std::int64_t> rows_;     // the id of each row
};

/// True for scikit-learn's "rows,features,name,name…", given the line after it (none: empty).
bool is_counts(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  const bool counts = first.size() >= 3 && whole_number(first[0]) && whole_number(first[1]) &&
                      std::any_of(first.begin() + 2, first.end(), [](const std::string& field) {
                        return !number(field);
                      });
  if (!counts || second.empty()) return counts;
  const auto names = static_cast<std::int64_t>(first.size()) - 2;
  const std::int64_t label = whole_number(second.back()).value_or(-1);
  return whole_number(first[1]) == static_cast<std::int64_t>(second.size()) - 1 && label >= 0 &&
         label < names;
}

bool is_names(const std::vector<std::string>& first) {
  return std::none_of(first.begin(), first.end(), [](const std::string& field) {
    return number(field).has_value();
  });
}

/// Which column `label` means.
std::size_t find_column(const Column& label,
                        std::size_t columns,
                        const std::vector<std::string>& names,
                        const std::string& path) {
  if (const std::string* name = label.name()) {
    const auto at = std::find(names.begin(), names.end(), *name);
    if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
    fail<ArgumentError>("csv",
                        fmt::format("expected a label column in {}, got {}", path, quote(*name)));
  }
  const auto n = static_cast<std::int64_t>(columns);
  const std::int64_t position = *label.position() < 0 ? *label.position() + n : *label.position();
  if (position < 0 || position >= n)
    fail<ArgumentError>(
        "csv",
        fmt::format("expected a label column below {} for {}, got {}", n, path, *label.position()));
  return static_cast<std::size_t>(position);
}

}  // namespace

Dataset csv(const std::string& path, const CsvOptions& options, CallSite site) {
  const gradus::detail::SitePin pin(site);
  Rows rows(path, options.delimiter);
  std::vector<std::string> first, row, names;
  if (!rows.next(first)) rows.fail_file("expected rows, got none");
  const std::int64_t first_line = rows.line();
  bool more = rows.next(row);

  CsvHeader header = options.header;
  if (header == CsvHeader::detect)
    header = is_names(first)         ? CsvHeader::names
             : is_counts(first, row) ? CsvHeader::counts
                                     : CsvHeader::none;
  std::vector<std::string> class_names = options.class_names;
  std::optional<std::int64_t> expected_rows;
  std::size_t columns = first.size();
  if (header == CsvHeader::names) {
    names = first;
  } else if (header == CsvHeader::counts) {
    expected_rows = whole_number(first[0]);
    const auto features = first.size() < 2 ? std::nullopt : whole_number(first[1]);
    if (!expected_rows || !features || *features < 1 || *features > (std::int64_t{1} << 26))
      rows.fail_at(first_line,
                   0,
                   fmt::format("expected rows, features and class names, got {}", quote(first[0])));
    columns = static_cast<std::size_t>(*features) + 1;
    if (class_names.empty()) class_names.assign(first.begin() + 2, first.end());
  }

  std::optional<std::size_t> label;
  if (options.label) label = find_column(*options.label, columns, names, path);
  if (columns == (label ? 1U : 0U))
    rows.fail_file("expected a feature beside the label, got 1 column");

  Labels labels(std::move(class_names));
  std::vector<float> inputs, values;
  std::int64_t count = 0;
  const auto& missing = options.missing;
  const auto take = [&](const std::vector<std::string>& fields, std::int64_t line) {
    if (fields.size() != columns)
      rows.fail_at(line,
                   std::min(fields.size(), columns),
                   fmt::format("expected {} fields, got {}", columns, fields.size()));
    for (std::size_t c = 0; c < columns; ++c) {
      if (c == label && !options.regression) {
        if (const auto problem = labels.add(fields[c])) rows.fail_at(line, c, *problem);
        continue;
      }
      if (c != label && std::find(missing.begin(), missing.end(), fields[c]) != missing.end()) {
        inputs.push_back(std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      const auto value = number(fields[c]);
      if (!value || !std::isfinite(static_cast<float>(*value)))
        rows.fail_at(line,
                     c,
                     fmt::format("expected a number, got {}",
                                 fields[c].empty() ? "nothing" : quote(fields[c])));
      (c == label ? values : inputs).push_back(static_cast<float>(*value));
    }
    ++count;
  };
  if (header == CsvHeader::none) take(first, first_line);
  for (; more; more = rows.next(row)) take(row, rows.line());
  if (count == 0) rows.fail_file("expected rows after the header, got none");
  if (expected_rows && *expected_rows != count)
    rows.fail_file(
        fmt::format("expected {} rows, as its first line says, got {}", *expected_rows, count));

  Dataset result;
  result.inputs =
      from_vector(inputs, {count, static_cast<std::int64_t>(columns - (label ? 1 : 0))});
  if (label && options.regression) {
    result.targets = from_vector(values, {count, 1});
  } else if (label) {
    std::tie(result.targets, result.class_names) = labels.finish();
  }
  if (label && !names.empty()) names.erase(names.begin() + static_cast<std::ptrdiff_t>(*label));
  result.feature_names = std::move(names);
  return result;
}

}  // namespace gradus::data
