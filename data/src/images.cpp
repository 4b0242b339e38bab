#include "images.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace gradus::data {

using gradus::detail::fail;

std::string find_file(const std::string& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    for (const char* ending : {"", ".gz"}) {
      std::string path = (std::filesystem::path(folder) / name).string() + ending;
      std::error_code error;
      if (std::filesystem::exists(path, error)) return path;
    }
  }
  return {};
}

std::string require_file(const char* op, const std::string& folder, std::initializer_list<const char*> names) {
  std::string path = find_file(folder, names);
  if (path.empty()) {
    std::error_code error;
    const bool found = std::filesystem::is_directory(folder, error);
    fail<IoError>(op,
                  fmt::format("expected a file {0} or {0}.gz in {1}, got {2}",
                              *names.begin(),
                              folder,
                              found ? "neither" : "no such folder"));
  }
  return path;
}

void check_options(const char* op, const ImageOptions& options) {
  if (options.classes < 1 || options.classes > 256)
    fail<ArgumentError>(op, fmt::format("expected 1 to 256 classes, got {}", options.classes));
  if (options.validation < 0)
    fail<ArgumentError>(op, fmt::format("expected rows for validation >= 0, got {}", options.validation));
}

Splits make_splits(const char* op, const Dataset& train, Dataset test, const ImageOptions& options) {
  const std::int64_t n = train.size(), kept = n - options.validation;
  if (kept < 0)
    fail<ArgumentError>(op, fmt::format("expected at most {} rows for validation, got {}", n, options.validation));
  if (options.validation == 0) return {train, {}, std::move(test)};
  return {train.slice(0, kept), train.slice(kept, n), std::move(test)};
}

}  // namespace gradus::data
