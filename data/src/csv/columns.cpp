#include "csv/columns.h"

#include "input_file.h"
#include "number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus::data {
namespace {

using gradus::detail::fail;

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

/// Which column is meant; `what` it is for.
std::size_t find_column(const Column& column, const char* what, const CsvForm& form, const CsvRows& rows) {
  if (const std::string* name = column.name()) {
    const auto at = std::find(form.names.begin(), form.names.end(), *name);
    if (at != form.names.end()) return static_cast<std::size_t>(at - form.names.begin());
    fail<ArgumentError>(rows.op(), fmt::format("expected a {} of {}, got {}", what, rows.path(), in_quotes(*name)));
  }
  const auto n = static_cast<std::int64_t>(form.columns);
  const std::int64_t asked = *column.position(), position = asked < 0 ? asked + n : asked;
  if (position < 0 || position >= n)
    fail<ArgumentError>(rows.op(), fmt::format("expected a {} below {} for {}, got {}", what, n, rows.path(), asked));
  return static_cast<std::size_t>(position);
}

}  // namespace

void check_options(const char* op, const CsvOptions& options) {
  if (options.decimal != '.' && options.decimal != ',')
    fail<ArgumentError>(op, fmt::format("expected '.' or ',' for decimal, got {}", in_quotes({&options.decimal, 1})));
  if (options.decimal == options.delimiter)
    fail<ArgumentError>(op,
                        fmt::format("expected another delimiter than the decimal {0}, got {0} for both",
                                    in_quotes({&options.decimal, 1})));
}

CsvForm read_form(const CsvRows& rows,
                  const CsvOptions& options,
                  const std::vector<std::string>& first,
                  std::int64_t line,
                  const std::vector<std::string>& second) {
  CsvHeader header = options.header;
  if (header == CsvHeader::detect)
    header = is_names(first, options.decimal) ? CsvHeader::names
             : is_counts(first, second)       ? CsvHeader::counts
                                              : CsvHeader::none;
  CsvForm form{.columns = first.size(), .class_names = options.class_names};
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

CsvColumns::CsvColumns(const CsvRows& rows, const CsvOptions& options, const CsvForm& form)
    : missing_(options.missing),
      decimal_(options.decimal),
      uses_(form.columns, options.columns.empty() ? Use::feature : Use::nothing) {
  for (const Column& column : options.columns) uses_[find_column(column, "column", form, rows)] = Use::feature;
  for (const Column& column : options.skip) uses_[find_column(column, "column", form, rows)] = Use::nothing;
  if (options.label) uses_[find_column(*options.label, "label column", form, rows)] = Use::label;
  features_ = std::count(uses_.begin(), uses_.end(), Use::feature);
  if (features_ == 0)
    rows.fail_file(fmt::format("expected a feature beside the label and what is skipped, got {} column{} without one",
                               form.columns,
                               form.columns == 1 ? "" : "s"));
}

std::vector<std::string> CsvColumns::feature_names(const std::vector<std::string>& names) const {
  std::vector<std::string> result;
  for (std::size_t c = 0; c < names.size(); ++c)
    if (uses_[c] == Use::feature) result.push_back(names[c]);
  return result;
}

void CsvColumns::check_width(const CsvRows& rows, const std::vector<std::string>& fields, std::int64_t line) const {
  if (fields.size() != uses_.size())
    rows.fail_at(line,
                 std::min(fields.size(), uses_.size()),
                 fmt::format("expected {} fields, got {}", uses_.size(), fields.size()));
}

float CsvColumns::feature(const CsvRows& rows, const std::string& field, std::int64_t line, std::size_t column) const {
  const bool is_missing = std::find(missing_.begin(), missing_.end(), field) != missing_.end();
  return is_missing ? std::numeric_limits<float>::quiet_NaN() : number(rows, field, line, column);
}

float CsvColumns::number(const CsvRows& rows, const std::string& field, std::int64_t line, std::size_t column) const {
  const Number number = parse_number(field, decimal_);
  const auto value = static_cast<float>(number.value.value_or(0));
  if (number.overflows || !std::isfinite(value))
    rows.fail_at(line, column, fmt::format("expected a number, got {}, which overflows float32", in_quotes(field)));
  if (!number.value)
    rows.fail_at(line, column, fmt::format("expected a number, got {}", field.empty() ? "nothing" : in_quotes(field)));
  return value;
}

CsvReader::CsvReader(CsvRows& rows, const CsvOptions& options) : rows_(rows), options_(options) {
  check_options(rows.op(), options);
  if (!rows.next(first_)) rows.fail_file("expected rows, got none");
  first_place_ = rows.place();
  has_second_ = rows.next(second_);
  second_place_ = rows.place();
  form_ = read_form(rows, options, first_, first_place_.line, second_);
  columns_.emplace(rows, options, form_);
  labels_.emplace(form_.class_names, options.decimal);
  row_.inputs.resize(static_cast<std::size_t>(columns_->features()));
}

const CsvRow* CsvReader::next(CsvPlace& place) {
  bool more = true;
  if (std::exchange(form_.first_is_row, false)) {
    place = first_place_;
  } else if (std::exchange(has_second_, false)) {
    first_ = std::move(second_);
    place = second_place_;
  } else {
    more = rows_.next(first_);
    place = rows_.place();
  }
  if (!more) {
    if (count_ == 0) rows_.fail_file("expected rows after the header, got none");
    if (form_.rows && *form_.rows != count_)
      rows_.fail_file(fmt::format("expected {} rows, as its first line says, got {}", *form_.rows, count_));
    return nullptr;
  }
  columns_->read(rows_, first_, place.line, row_.inputs.data(), [&](const std::string& text, std::size_t column) {
    if (options_.regression) {
      row_.value = columns_->number(rows_, text, place.line, column);
    } else if (const auto problem = labels_->add(text, row_.id)) {
      rows_.fail_at(place.line, column, *problem);
    }
  });
  ++count_;
  return &row_;
}

}  // namespace gradus::data
