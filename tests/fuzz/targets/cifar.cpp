#include "target.h"

#include "gradus/data/readers.h"

#include <filesystem>

namespace gradus::fuzz {
namespace {

std::string record() { return '\x05' + data::random_bytes(3072, 1); }

void read_folder(const std::string& path) { data::cifar10(std::filesystem::path(path).parent_path().string()); }
void write_folder(const TempFolder& folder) {
  folder.write("data_batch_1.bin", record());
  folder.write("test_batch.bin", record());
}

const Registered kRows{{
    .name = "cifar",
    .file = "data_batch_1.bin",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_folder(folder);
      return {record(), record() + record(), data::gzipped(record())};
    },
    .read = read_folder,
    .per_byte = 5000,
}};

const Registered kNames{{
    .name = "cifar_names",
    .file = "batches.meta.txt",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_folder(folder);
      std::string names;
      for (int i = 0; i < 10; ++i) names += "class " + std::to_string(i) + "\n";
      return {names};
    },
    .read = read_folder,
    .per_byte = 2000,
    .words = {"\nclass 1", "\r\n"},
}};

}  // namespace
}  // namespace gradus::fuzz
