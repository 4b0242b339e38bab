#include "csv/rows.h"

#include "input_file.h"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

bool CsvRows::read_line(std::string& line) {
  if (!next_line_(line)) return false;
  bytes_ += static_cast<std::int64_t>(line.size()) + 1;
  ++number_;
  return true;
}

bool CsvRows::find_row() {
  offset_ = bytes_;
  before_ = number_;
  for (; read_line(line_); offset_ = bytes_, before_ = number_) {
    if (number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
    if (!trim(line_).empty()) return true;
  }
  return false;
}

bool CsvRows::next(std::vector<std::string>& fields) {
  if (!find_row()) return false;
  split_line(fields);
  return true;
}

bool CsvRows::skip() {
  if (!find_row()) return false;
  std::vector<std::string> fields;
  if (line_.find('"') != std::string::npos) split_line(fields);  // it may reach over several lines
  return true;
}

void CsvRows::fail_at(std::int64_t line, std::size_t column, const std::string& message) const {
  fail<IoError>(op_, fmt::format("{} in line {}, column {} of {}", message, line, column + 1, path_));
}

void CsvRows::fail_file(const std::string& message) const {
  fail<IoError>(op_, fmt::format("{} in {}", message, path_));
}

void CsvRows::split_line(std::vector<std::string>& fields) {
  fields.clear();
  const bool blanks = delimiter_ == ' ';
  std::string_view rest = line_;
  while (true) {
    std::size_t skip = 0;
    while (skip < rest.size() && rest[skip] != delimiter_ && kBlanks.find(rest[skip]) != std::string_view::npos) ++skip;
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
std::string CsvRows::take_quoted(std::string_view& rest, std::size_t column) {
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
      if (line_.size() > kLongestField || !read_line(more))
        fail_at(line, column, fmt::format("expected a closing quote, got {}", in_quotes(start)));
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

}  // namespace gradus::data
