#include "images.h"
#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

constexpr std::int64_t kPixels = std::int64_t{3} * 32 * 32, kRecord = 1 + kPixels;

/// The records of all files, one after the other.
Dataset read_records(const std::vector<std::string>& paths, std::int64_t classes) {
  std::vector<std::pair<std::unique_ptr<InputFile>, std::int64_t>> files;
  std::int64_t total = 0;
  for (const std::string& path : paths) {
    auto file = std::make_unique<InputFile>("cifar10", path);
    const std::int64_t bytes = file->count_rest(std::numeric_limits<std::int64_t>::max() - 1);
    if (bytes == 0 || bytes % kRecord != 0)
      file->fail(
          fmt::format(
              "expected records of {} bytes, got {} bytes in the last", kRecord, bytes % kRecord),
          bytes - bytes % kRecord);
    total += bytes / kRecord;
    files.emplace_back(std::move(file), bytes / kRecord);
  }

  Dataset result{empty({total, 3, 32, 32}), empty({total}, int64), {}, {}};
  auto* pixels = result.inputs.mutable_data<float>();
  auto* label = result.targets.mutable_data<std::int64_t>();
  std::array<unsigned char, kRecord> record;
  for (auto& [file, count] : files) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = file->position();
      if (file->read(record.data(), record.size()) < record.size())
        file->fail("expected a record, got the end of the file", at);
      if (record[0] >= classes)
        file->fail(fmt::format("expected a label below {}, got {}", classes, record[0]), at);
      *label++ = record[0];
      for (std::size_t k = 1; k < record.size(); ++k)
        *pixels++ = static_cast<float>(record[k]) / 255.0f;
    }
  }
  return result;
}

}  // namespace

Splits cifar10(const std::string& folder, const ImageOptions& options, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_options("cifar10", options);
  std::vector<std::string> batches;
  for (const char* name : {"data_batch_1.bin",
                           "data_batch_2.bin",
                           "data_batch_3.bin",
                           "data_batch_4.bin",
                           "data_batch_5.bin"}) {
    std::string path = find_file(folder, {name});
    if (!path.empty()) batches.push_back(std::move(path));
  }
  if (batches.empty()) require_file("cifar10", folder, {"data_batch_1.bin"});
  const std::string test_path = require_file("cifar10", folder, {"test_batch.bin"});

  Dataset test = read_records({test_path}, options.classes);
  Dataset train = read_records(batches, options.classes);
  if (const std::string path = find_file(folder, {"batches.meta.txt"}); !path.empty()) {
    InputFile file("cifar10", path);
    std::string line;
    while (file.read_line(line)) {
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (!line.empty()) train.class_names.push_back(line);
    }
    if (static_cast<std::int64_t>(train.class_names.size()) != options.classes)
      file.fail(
          fmt::format("expected {} names, got {}", options.classes, train.class_names.size()));
    test.class_names = train.class_names;
  }
  return make_splits("cifar10", train, std::move(test), options);
}

}  // namespace gradus::data
