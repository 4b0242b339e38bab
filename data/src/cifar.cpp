#include "images.h"
#include "input_file.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

constexpr std::int64_t kPixels = std::int64_t{3} * 32 * 32;

/// How a record begins.
struct Form {
  const char* op;
  std::int64_t label_bytes;  // before the pixels
  std::int64_t label;        // which of them counts
  std::int64_t classes;
};

/// The records of all files, one after the other.
Dataset read_records(const Form& form, const std::vector<std::string>& paths) {
  const std::int64_t record_size = form.label_bytes + kPixels;
  std::vector<std::pair<std::unique_ptr<InputFile>, std::int64_t>> files;
  std::int64_t total = 0;
  for (const std::string& path : paths) {
    auto file = std::make_unique<InputFile>(form.op, path);
    const std::int64_t bytes = file->count_rest(std::numeric_limits<std::int64_t>::max() - 1);
    if (bytes == 0 || bytes % record_size != 0)
      file->fail(
          fmt::format("expected records of {} bytes, got {} bytes in the last", record_size, bytes % record_size),
          bytes - bytes % record_size);
    total += bytes / record_size;
    files.emplace_back(std::move(file), bytes / record_size);
  }

  Dataset result{empty({total, 3, 32, 32}), empty({total}, int64), {}, {}};
  auto* pixels = result.inputs.mutable_data<float>();
  auto* label = result.targets.mutable_data<std::int64_t>();
  std::vector<unsigned char> record(static_cast<std::size_t>(record_size));
  for (auto& [file, count] : files) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = file->position() + form.label;
      if (file->read(record.data(), record.size()) < record.size())
        file->fail("expected a record, got the end of the file", at);
      const unsigned char found = record[static_cast<std::size_t>(form.label)];
      if (found >= form.classes) file->fail(fmt::format("expected a label below {}, got {}", form.classes, found), at);
      *label++ = found;
      for (std::size_t k = static_cast<std::size_t>(form.label_bytes); k < record.size(); ++k)
        *pixels++ = static_cast<float>(record[k]) / 255.0f;
    }
  }
  return result;
}

/// The lines of a file that may be missing, one for each class.
std::vector<std::string> read_names(const Form& form, const std::string& folder, const char* name) {
  std::vector<std::string> names;
  const std::string path = find_file(folder, {name});
  if (path.empty()) return names;
  InputFile file(form.op, path);
  std::string line;
  while (file.read_line(line)) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!is_utf8(line)) file.fail(fmt::format("expected names in UTF-8, got {}", in_quotes(line)));
    if (!line.empty()) names.push_back(line);
  }
  if (static_cast<std::int64_t>(names.size()) != form.classes)
    file.fail(fmt::format("expected {} names, got {}", form.classes, names.size()));
  return names;
}

Splits read_splits(const Form& form,
                   const std::string& folder,
                   const std::vector<std::string>& train_paths,
                   const std::string& test_path,
                   const char* names,
                   const ImageOptions& options) {
  Dataset test = read_records(form, {test_path});
  Dataset train = read_records(form, train_paths);
  test.class_names = train.class_names = read_names(form, folder, names);
  return make_splits(form.op, train, std::move(test), options);
}

}  // namespace

Splits cifar10(const std::string& folder, const ImageOptions& options, CallSite site) {
  return reading("cifar10", folder, site, [&] {
    check_options("cifar10", options);
    std::vector<std::string> batches;
    for (const char* name :
         {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}) {
      std::string path = find_file(folder, {name});
      if (!path.empty()) batches.push_back(std::move(path));
    }
    if (batches.empty()) require_file("cifar10", folder, {"data_batch_1.bin"});
    return read_splits({"cifar10", 1, 0, options.classes},
                       folder,
                       batches,
                       require_file("cifar10", folder, {"test_batch.bin"}),
                       "batches.meta.txt",
                       options);
  });
}

Splits cifar100(const std::string& folder, const Cifar100Options& options, CallSite site) {
  return reading("cifar100", folder, site, [&] {
    const Form form{"cifar100", 2, options.coarse ? 0 : 1, options.coarse ? 20 : 100};
    const ImageOptions rest{.classes = form.classes, .validation = options.validation};
    check_options(form.op, rest);
    return read_splits(form,
                       folder,
                       {require_file(form.op, folder, {"train.bin"})},
                       require_file(form.op, folder, {"test.bin"}),
                       options.coarse ? "coarse_label_names.txt" : "fine_label_names.txt",
                       rest);
  });
}

}  // namespace gradus::data
