#include "input_file.h"
#include "number.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"

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

  const std::string& path() const { return file_.path(); }
  /// The number of the last line read.
  std::int64_t line() const { return number_; }

  [[noreturn]] void fail_at(std::int64_t line, std::size_t column, const std::string& message) const {
    fail<IoError>("csv", fmt::format("{} in line {}, column {} of {}", message, line, column + 1, file_.path()));
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
      while (skip < rest.size() && rest[skip] != delimiter_ && kBlanks.find(rest[skip]) != std::string_view::npos)
        ++skip;
      if (blanks) skip = std::min(rest.find_first_not_of(kBlanks), rest.size());
      rest.remove_prefix(skip);
      if (blanks && rest.empty()) return;
      if (rest.starts_with('"')) {
        fields.push_back(take_quoted(rest, fields.size()));
      } else {
        const std::size_t end = std::min(blanks ? rest.find_first_of(kBlanks) : rest.find(delimiter_), rest.size());
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
          fail_at(line, column, fmt::format("expected a closing quote, got {}", in_quotes(start)));
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
    while (!rest.empty() && rest[0] != delimiter_ && kBlanks.find(rest[0]) != std::string_view::npos)
      rest.remove_prefix(1);
    if (!rest.empty() && rest[0] != delimiter_)
      fail_at(number_, column, fmt::format("expected the end of the field, got {}", in_quotes(rest)));
    return text;
  }

  InputFile file_;
  char delimiter_;
  std::string line_;
  std::int64_t number_ = 0;
};

bool is_number(std::string_view text, char decimal) {
  const Number n = parse_number(text, decimal);
  return n.value || n.overflows;
}

/// Distinct labels, numbered as they come; at the end turned into classes.
class Labels {
 public:
  Labels(std::vector<std::string> names, char decimal) : names_(std::move(names)), decimal_(decimal) {}

  /// What is wrong with the label, if something is.
  std::optional<std::string> add(const std::string& text) {
    const auto [at, fresh] = ids_.try_emplace(text, static_cast<std::int64_t>(ids_.size()));
    if (fresh) {
      if (text.empty()) return "expected a class, got nothing";
      const std::int64_t class_index = known_class(text);
      if (!names_.empty() && class_index < 0)
        return fmt::format("expected one of {} classes, got {}", names_.size(), in_quotes(text));
      if (!is_utf8(text)) return fmt::format("expected text in UTF-8, got {}", in_quotes(text));
      if (names_.empty() && is_fraction(text))
        return fmt::format("expected a class (for numbers to predict, set regression), got {}", in_quotes(text));
      classes_.push_back(class_index);
    }
    rows_.push_back(at->second);
    return {};
  }

  std::pair<Tensor, std::vector<std::string>> finish() {
    if (names_.empty()) number_classes();
    Tensor targets = from_vector(rows_);
    auto* target = targets.mutable_data<std::int64_t>();
    for (std::int64_t i = 0; i < targets.numel(); ++i) target[i] = classes_[static_cast<std::size_t>(target[i])];
    return {std::move(targets), std::move(names_)};
  }

 private:
  std::int64_t known_class(const std::string& text) const {
    const auto name = std::find(names_.begin(), names_.end(), text);
    if (name != names_.end()) return name - names_.begin();
    const auto value = whole(text).value_or(-1);
    return value < static_cast<std::int64_t>(names_.size()) ? value : -1;
  }

  void number_classes() {
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

  std::optional<std::int64_t> whole(const std::string& text) const { return parse_whole(text, decimal_); }
  /// A number that is no class. Digits alone are one, however many.
  bool is_fraction(const std::string& text) const {
    return is_number(text, decimal_) && !whole(text) && text.find_first_not_of("0123456789") != std::string::npos;
  }

  std::vector<std::string> names_;
  char decimal_;
  std::map<std::string, std::int64_t> ids_;
  std::vector<std::int64_t> classes_;  // of each id
  std::vector<std::int64_t> rows_;     // the id of each row
};

/// True for scikit-learn's "rows,features,name,name…", given the line after it (none: empty).
bool is_counts(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  const bool counts =
      first.size() >= 3 && parse_whole(first[0]) && parse_whole(first[1]) &&
      !std::all_of(first.begin() + 2, first.end(), [](const std::string& field) { return is_number(field, '.'); });
  if (!counts || second.empty()) return counts;
  const auto names = static_cast<std::int64_t>(first.size()) - 2;
  const std::int64_t label = parse_whole(second.back()).value_or(-1);
  return parse_whole(first[1]) == static_cast<std::int64_t>(second.size()) - 1 && label >= 0 && label < names;
}

bool is_names(const std::vector<std::string>& first, char decimal) {
  return std::none_of(first.begin(), first.end(), [&](const std::string& field) { return is_number(field, decimal); });
}

/// What the first line tells.
struct Form {
  bool first_is_row = false;
  std::size_t columns = 0;
  std::vector<std::string> names = {}, class_names = {};
  std::optional<std::int64_t> rows = {};
};

Form read_form(const Rows& rows,
               const CsvOptions& options,
               const std::vector<std::string>& first,
               std::int64_t line,
               const std::vector<std::string>& second) {
  CsvHeader header = options.header;
  if (header == CsvHeader::detect)
    header = is_names(first, options.decimal) ? CsvHeader::names
             : is_counts(first, second)       ? CsvHeader::counts
                                              : CsvHeader::none;
  Form form{.columns = first.size(), .class_names = options.class_names};
  if (header == CsvHeader::none) {
    form.first_is_row = true;
  } else if (header == CsvHeader::names) {
    for (std::size_t c = 0; c < first.size(); ++c)
      if (!is_utf8(first[c]))
        rows.fail_at(line, c, fmt::format("expected a name in UTF-8, got {}", in_quotes(first[c])));
    form.names = first;
  } else {
    form.rows = parse_whole(first[0]);
    const auto features = first.size() < 2 ? std::nullopt : parse_whole(first[1]);
    if (!form.rows || !features || *features < 1 || *features > (std::int64_t{1} << 26))
      rows.fail_at(line, 0, fmt::format("expected rows, features and class names, got {}", in_quotes(first[0])));
    form.columns = static_cast<std::size_t>(*features) + 1;
    if (form.class_names.empty()) form.class_names.assign(first.begin() + 2, first.end());
  }
  return form;
}

/// Which column is meant; `what` it is for.
std::size_t find_column(const Column& column, const char* what, const Form& form, const std::string& path) {
  if (const std::string* name = column.name()) {
    const auto at = std::find(form.names.begin(), form.names.end(), *name);
    if (at != form.names.end()) return static_cast<std::size_t>(at - form.names.begin());
    fail<ArgumentError>("csv", fmt::format("expected a {} of {}, got {}", what, path, in_quotes(*name)));
  }
  const auto n = static_cast<std::int64_t>(form.columns);
  const std::int64_t asked = *column.position(), position = asked < 0 ? asked + n : asked;
  if (position < 0 || position >= n)
    fail<ArgumentError>("csv", fmt::format("expected a {} below {} for {}, got {}", what, n, path, asked));
  return static_cast<std::size_t>(position);
}

/// What a column is read as.
enum class Use : std::uint8_t { feature, label, nothing };

std::vector<Use> uses_of_columns(const CsvOptions& options, const Form& form, const Rows& rows) {
  std::vector<Use> uses(form.columns, options.columns.empty() ? Use::feature : Use::nothing);
  for (const Column& column : options.columns) uses[find_column(column, "column", form, rows.path())] = Use::feature;
  for (const Column& column : options.skip) uses[find_column(column, "column", form, rows.path())] = Use::nothing;
  if (options.label) uses[find_column(*options.label, "label column", form, rows.path())] = Use::label;
  if (std::find(uses.begin(), uses.end(), Use::feature) == uses.end())
    rows.fail_file(fmt::format("expected a feature beside the label and what is skipped, got {} column{} without one",
                               form.columns,
                               form.columns == 1 ? "" : "s"));
  return uses;
}

/// The rows taken so far.
class Table {
 public:
  Table(const Rows& rows, const CsvOptions& options, const Form& form)
      : rows_(rows),
        options_(options),
        uses_(uses_of_columns(options, form, rows)),
        labels_(form.class_names, options.decimal) {}

  void take(const std::vector<std::string>& fields, std::int64_t line) {
    if (fields.size() != uses_.size())
      rows_.fail_at(line,
                    std::min(fields.size(), uses_.size()),
                    fmt::format("expected {} fields, got {}", uses_.size(), fields.size()));
    for (std::size_t c = 0; c < uses_.size(); ++c) {
      if (uses_[c] == Use::feature) {
        inputs_.push_back(is_missing(fields[c]) ? std::numeric_limits<float>::quiet_NaN() : value(fields[c], line, c));
      } else if (uses_[c] == Use::label && options_.regression) {
        values_.push_back(value(fields[c], line, c));
      } else if (uses_[c] == Use::label) {
        if (const auto problem = labels_.add(fields[c])) rows_.fail_at(line, c, *problem);
      }
    }
    ++count_;
  }

  std::int64_t count() const { return count_; }

  Dataset finish(const std::vector<std::string>& names) {
    Dataset result;
    const auto features = std::count(uses_.begin(), uses_.end(), Use::feature);
    result.inputs = from_vector(inputs_, {count_, features});
    if (options_.label && options_.regression) {
      result.targets = from_vector(values_, {count_, 1});
    } else if (options_.label) {
      std::tie(result.targets, result.class_names) = labels_.finish();
    }
    for (std::size_t c = 0; c < names.size(); ++c)
      if (uses_[c] == Use::feature) result.feature_names.push_back(names[c]);
    return result;
  }

 private:
  bool is_missing(const std::string& field) const {
    const auto& missing = options_.missing;
    return std::find(missing.begin(), missing.end(), field) != missing.end();
  }

  float value(const std::string& field, std::int64_t line, std::size_t column) const {
    const Number number = parse_number(field, options_.decimal);
    const auto value = static_cast<float>(number.value.value_or(0));
    if (number.overflows || !std::isfinite(value))
      rows_.fail_at(line, column, fmt::format("expected a number, got {}, which overflows float32", in_quotes(field)));
    if (!number.value)
      rows_.fail_at(
          line, column, fmt::format("expected a number, got {}", field.empty() ? "nothing" : in_quotes(field)));
    return value;
  }

  const Rows& rows_;
  const CsvOptions& options_;
  std::vector<Use> uses_;
  Labels labels_;
  std::vector<float> inputs_, values_;
  std::int64_t count_ = 0;
};

void check_options(const CsvOptions& options) {
  if (options.decimal != '.' && options.decimal != ',')
    fail<ArgumentError>("csv",
                        fmt::format("expected '.' or ',' for decimal, got {}", in_quotes({&options.decimal, 1})));
  if (options.decimal == options.delimiter)
    fail<ArgumentError>("csv",
                        fmt::format("expected another delimiter than the decimal {0}, got {0} for both",
                                    in_quotes({&options.decimal, 1})));
}

}  // namespace

Dataset csv(const std::string& path, const CsvOptions& options, CallSite site) {
  return reading("csv", path, site, [&] {
    check_options(options);
    Rows rows(path, options.delimiter);
    std::vector<std::string> first, row;
    if (!rows.next(first)) rows.fail_file("expected rows, got none");
    const std::int64_t first_line = rows.line();
    bool more = rows.next(row);

    const Form form = read_form(rows, options, first, first_line, row);
    Table table(rows, options, form);
    if (form.first_is_row) table.take(first, first_line);
    for (; more; more = rows.next(row)) table.take(row, rows.line());
    if (table.count() == 0) rows.fail_file("expected rows after the header, got none");
    if (form.rows && *form.rows != table.count())
      rows.fail_file(fmt::format("expected {} rows, as its first line says, got {}", *form.rows, table.count()));
    return table.finish(form.names);
  });
}

}  // namespace gradus::data
