#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::data {

/// Where a row stands.
struct CsvPlace {
  std::int64_t offset = 0, before = 0;  // bytes and lines before it
  std::int64_t line = 0;                // the number of its last line
};

/// The rows of a table as fields, blank lines left out. All its errors are IoError, named by `op`, and name the path
/// and the place.
class CsvRows {
 public:
  /// The next line without its end; false after the last.
  using NextLine = std::function<bool(std::string& line)>;

  /// Of the lines after `before` others.
  CsvRows(const char* op, std::string path, char delimiter, NextLine next_line, std::int64_t before = 0)
      : op_(op), path_(std::move(path)), delimiter_(delimiter), next_line_(std::move(next_line)), number_(before) {}

  /// The next row; false after the last.
  bool next(std::vector<std::string>& fields);
  /// Passes over the next row.
  bool skip();

  const char* op() const { return op_; }
  const std::string& path() const { return path_; }
  /// Of the last row read.
  CsvPlace place() const { return {offset_, before_, number_}; }

  [[noreturn]] void fail_at(std::int64_t line, std::size_t column, const std::string& message) const;
  [[noreturn]] void fail_file(const std::string& message) const;

 private:
  bool read_line(std::string& line);
  bool find_row();
  void split_line(std::vector<std::string>& fields);
  std::string take_quoted(std::string_view& rest, std::size_t column);

  const char* op_;
  std::string path_;
  char delimiter_;
  NextLine next_line_;
  std::string line_;
  std::int64_t number_;     // of the last line read
  std::int64_t bytes_ = 0;  // read
  std::int64_t offset_ = 0, before_ = 0;
};

}  // namespace gradus::data
