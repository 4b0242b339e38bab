#pragma once

#include "csv/labels.h"
#include "csv/rows.h"

#include "gradus/data/readers.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gradus::data {

/// ArgumentError, named by `op`, for options that contradict each other.
void check_options(const char* op, const CsvOptions& options);

/// What the first line tells.
struct CsvForm {
  bool first_is_row = false;
  std::size_t columns = 0;
  std::vector<std::string> names = {}, class_names = {};
  std::optional<std::int64_t> rows = {};
};

/// `first` is the first row, that ends in line `line`, `second` the one after it, if there is one.
CsvForm read_form(const CsvRows& rows,
                  const CsvOptions& options,
                  const std::vector<std::string>& first,
                  std::int64_t line,
                  const std::vector<std::string>& second);

/// What the columns of a table are read as.
class CsvColumns {
 public:
  ///   errors    ArgumentError if there is no such column; IoError if none is a feature
  CsvColumns(const CsvRows& rows, const CsvOptions& options, const CsvForm& form);

  std::int64_t features() const { return features_; }
  /// Those of the features among `names`, which are of all columns or none.
  std::vector<std::string> feature_names(const std::vector<std::string>& names) const;

  /// Goes over a row, that ends in line `line`, from left to right: writes its features to `out`, calls
  /// `label(text, column)` for its label. IoError if something is not as it should be.
  template <class F>
  void read(
      const CsvRows& rows, const std::vector<std::string>& fields, std::int64_t line, float* out, F&& label) const {
    check_width(rows, fields, line);
    for (std::size_t c = 0; c < uses_.size(); ++c) {
      if (uses_[c] == Use::feature)
        *out++ = feature(rows, fields[c], line, c);
      else if (uses_[c] == Use::label)
        label(fields[c], c);
    }
  }

  /// The number in a field.
  float number(const CsvRows& rows, const std::string& field, std::int64_t line, std::size_t column) const;

 private:
  enum class Use : std::uint8_t { feature, label, nothing };

  void check_width(const CsvRows& rows, const std::vector<std::string>& fields, std::int64_t line) const;
  float feature(const CsvRows& rows, const std::string& field, std::int64_t line, std::size_t column) const;

  std::vector<std::string> missing_;
  char decimal_;
  std::vector<Use> uses_;
  std::int64_t features_ = 0;
};

/// A row, read.
struct CsvRow {
  std::vector<float> inputs;
  float value = 0;      // of the label, for regression
  std::int64_t id = 0;  // of the label, else
};

/// Reads a table from its first row to its last, whose classes are found out on the way.
class CsvReader {
 public:
  CsvReader(CsvRows& rows, const CsvOptions& options);

  /// The next row and where it stands; null after the last. IoError if there was none, or not as many as the first line
  /// says.
  const CsvRow* next(CsvPlace& place);

  const CsvForm& form() const { return form_; }
  const CsvColumns& columns() const { return *columns_; }
  CsvLabels& labels() { return *labels_; }

 private:
  CsvRows& rows_;
  const CsvOptions& options_;
  CsvForm form_;
  std::optional<CsvColumns> columns_;
  std::optional<CsvLabels> labels_;
  // Rows read to find out what the first of them is.
  std::vector<std::string> first_, second_;
  CsvPlace first_place_, second_place_;
  bool has_second_ = false;
  std::int64_t count_ = 0;
  CsvRow row_;
};

}  // namespace gradus::data
