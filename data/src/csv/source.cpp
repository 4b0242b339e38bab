#include "csv/columns.h"
#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/random_access_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

constexpr const char* kOp = "csv_source";

/// Mean and deviation of each feature, without what is missing.
class Moments {
 public:
  explicit Moments(std::int64_t features) : of_(static_cast<std::size_t>(features)) {}

  void add(const std::vector<float>& row) {
    for (std::size_t c = 0; c < of_.size(); ++c) {
      if (std::isnan(row[c])) continue;
      Moment& m = of_[c];  // Welford 1962
      const double d = static_cast<double>(row[c]) - m.mean;
      m.mean += d / ++m.count;
      m.squares += d * (static_cast<double>(row[c]) - m.mean);
    }
  }

  Tensor mean() const {
    return each([](const Moment& m) { return m.count == 0 ? NAN : m.mean; });
  }
  Tensor std() const {
    return each([](const Moment& m) { return m.count == 0 ? NAN : std::sqrt(m.squares / m.count); });
  }

 private:
  struct Moment {
    double count = 0, mean = 0, squares = 0;
  };
  template <class F>
  Tensor each(F f) const {
    Tensor x = empty({static_cast<std::int64_t>(of_.size())}, float64);
    std::transform(of_.begin(), of_.end(), x.mutable_data<double>(), f);
    return x;
  }
  std::vector<Moment> of_;
};

/// A row of which is known where it stands.
struct Mark {
  std::int64_t row, offset, lines;  // rows, bytes and lines before it
};

/// A table on a disk, and where every so many bytes a row begins.
class Table {
 public:
  Table(const std::string& path, CsvOptions options);

  std::int64_t rows() const { return rows_; }
  Batch fetch(std::span<const std::int64_t> rows) const;
  void expect(std::span<const std::int64_t> rows) const;
  /// What is known of all rows.
  Source describe() const;

 private:
  static constexpr std::int64_t kStretch = std::int64_t{1} << 13;  // bytes between marks, at least

  /// The rows from one mark to the next, read from the file one after the other.
  class Stretch;
  void check_unchanged() const;
  /// The mark that a row comes after.
  std::size_t mark_of(std::int64_t row) const;
  std::int64_t end_of(std::size_t mark) const {
    return mark + 1 < marks_.size() ? marks_[mark + 1].offset : static_cast<std::int64_t>(file_.size());
  }
  bool has_targets() const { return options_.label.has_value(); }

  CsvOptions options_;
  gradus::detail::RandomAccessFile file_;
  std::int64_t rows_ = 0;
  std::vector<Mark> marks_;
  std::optional<CsvColumns> columns_;
  std::optional<CsvLabels> labels_;
  std::vector<std::string> feature_names_;
  Tensor mean_, std_;
};

Table::Table(const std::string& path, CsvOptions options) : options_(std::move(options)), file_(kOp, path) {
  InputFile file(kOp, path);
  if (file.is_packed())
    fail<IoError>(kOp, fmt::format("expected a file that can be read at any place, got a gzip file: {}", path));
  CsvRows rows(kOp, path, options_.delimiter, [&](std::string& line) { return file.read_line(line); });
  CsvReader reader(rows, options_);
  Moments moments(reader.columns().features());
  for (CsvPlace place; const CsvRow* row = reader.next(place); ++rows_) {
    if (marks_.empty() || place.offset - marks_.back().offset >= kStretch)
      marks_.push_back({rows_, place.offset, place.before});
    moments.add(row->inputs);
  }
  reader.labels().finish();
  columns_ = reader.columns();
  labels_ = std::move(reader.labels());
  feature_names_ = columns_->feature_names(reader.form().names);
  mean_ = moments.mean();
  std_ = moments.std();
  marks_.shrink_to_fit();
  check_unchanged();
}

class Table::Stretch {
 public:
  Stretch(const Table& table, std::size_t mark)
      : bytes_(static_cast<std::size_t>(table.end_of(mark) - table.marks_[mark].offset), '\0'),
        row_(table.marks_[mark].row),
        rows_(
            kOp,
            table.file_.path(),
            table.options_.delimiter,
            [this](std::string& line) { return next_line(line); },
            table.marks_[mark].lines) {
    table.file_.read(kOp, static_cast<std::size_t>(table.marks_[mark].offset), bytes_.size(), bytes_.data());
  }
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;

  const CsvRows& rows() const { return rows_; }
  /// The fields of a row, which comes after all those asked for before. Nothing if it is not there.
  const std::vector<std::string>* find(std::int64_t row) {
    while (row_ < row && rows_.skip()) ++row_;
    if (row_ != row || !rows_.next(fields_)) return nullptr;
    ++row_;
    return &fields_;
  }

 private:
  bool next_line(std::string& line) {
    if (at_ >= bytes_.size()) return false;
    const std::size_t end = std::min(bytes_.find('\n', at_), bytes_.size());
    line.assign(bytes_, at_, end - at_);
    at_ = end + 1;
    return true;
  }

  std::string bytes_;
  std::size_t at_ = 0;
  std::int64_t row_;  // the next one
  CsvRows rows_;
  std::vector<std::string> fields_;
};

void Table::check_unchanged() const {
  if (file_.has_changed())
    fail<IoError>(kOp, fmt::format("expected {} as it was when it was opened, got it changed", file_.path()));
}

std::size_t Table::mark_of(std::int64_t row) const {
  const auto after = std::upper_bound(
      marks_.begin(), marks_.end(), row, [](std::int64_t r, const Mark& mark) { return r < mark.row; });
  return static_cast<std::size_t>(after - marks_.begin()) - 1;
}

Batch Table::fetch(std::span<const std::int64_t> rows) const {
  check_unchanged();
  const auto n = static_cast<std::int64_t>(rows.size());
  const std::int64_t features = columns_->features();
  Batch batch{.inputs = empty({n, features})};
  if (has_targets()) batch.targets = options_.regression ? empty({n, 1}) : empty({n}, int64);
  float* const inputs = batch.inputs.mutable_data<float>();
  float* const values = has_targets() && options_.regression ? batch.targets.mutable_data<float>() : nullptr;
  auto* const classes = has_targets() && !options_.regression ? batch.targets.mutable_data<std::int64_t>() : nullptr;

  std::vector<std::size_t> places(rows.size());  // in the order of the file
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
  std::unique_ptr<Stretch> stretch;
  std::size_t mark = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::int64_t row = rows[places[i]];
    const auto place = static_cast<std::int64_t>(places[i]);
    if (i > 0 && row == rows[places[i - 1]]) {  // once more
      const auto same = static_cast<std::int64_t>(places[i - 1]);
      std::copy_n(inputs + same * features, features, inputs + place * features);
      if (values != nullptr) values[place] = values[same];
      if (classes != nullptr) classes[place] = classes[same];
      continue;
    }
    if (const std::size_t at = mark_of(row); stretch == nullptr || at != mark) {
      stretch = std::make_unique<Stretch>(*this, at);
      mark = at;
    }
    const auto* const fields = stretch->find(row);
    if (fields == nullptr) stretch->rows().fail_file(fmt::format("expected row {}, got the end", row));
    const std::int64_t line = stretch->rows().place().line;
    columns_->read(
        stretch->rows(), *fields, line, inputs + place * features, [&](const std::string& label, std::size_t column) {
          if (values != nullptr) {
            values[place] = columns_->number(stretch->rows(), label, line, column);
          } else if (const auto known = labels_->class_of(label)) {
            classes[place] = *known;
          } else {
            stretch->rows().fail_at(
                line, column, "expected a label as when the file was opened, got " + in_quotes(label));
          }
        });
  }
  return batch;
}

void Table::expect(std::span<const std::int64_t> rows) const {
  std::int64_t begin = 0, end = 0;  // bytes to expect
  const auto flush = [&] {
    if (end > begin) file_.expect(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  };
  for (const std::int64_t row : rows) {
    const std::size_t mark = mark_of(row);
    if (marks_[mark].offset > end || end == 0) {
      flush();
      begin = marks_[mark].offset;
    }
    end = end_of(mark);
  }
  flush();
}

Source Table::describe() const {
  Source source;
  source.size = rows_;
  if (has_targets() && !options_.regression) {
    source.classes = labels_->classes();
    source.class_names = labels_->names();
  }
  source.feature_names = feature_names_;
  source.mean = mean_;
  source.std = std_;
  return source;
}

}  // namespace

Source csv_source(const std::string& path, const CsvOptions& options, CallSite site) {
  return reading(kOp, path, site, [&] {
    const auto table = std::make_shared<const Table>(path, options);
    Source source = table->describe();
    source.fetch = [table](std::span<const std::int64_t> rows) { return table->fetch(rows); };
    source.expect = [table](std::span<const std::int64_t> rows) { table->expect(rows); };
    return source;
  });
}

}  // namespace gradus::data
