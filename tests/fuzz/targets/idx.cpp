#include "pictures.h"
#include "target.h"

#include "gradus/data/readers.h"

#include <filesystem>

namespace gradus::fuzz {
namespace {

std::string images() {
  return data::big(2051) + data::big(2) + data::big(3) + data::big(4) + data::random_bytes(24, 1);
}
std::string labels() { return data::big(2049) + data::big(2) + std::string("\x03\x07", 2); }

const Registered kIdx{{
    .name = "idx",
    .file = "x.idx",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      const std::string fractions = data::big(0x0D02) + data::big(2) + data::big(2) + data::random_bytes(16, 2);
      return {images(), labels(), fractions, data::gzipped(images())};
    },
    .read = [](const std::string& path) { data::read_idx(path); },
    .per_byte = 5000,
}};

void read_folder(const std::string& path) { data::mnist(std::filesystem::path(path).parent_path().string()); }
void write_folder(const TempFolder& folder) {
  for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"}) folder.write(name, images());
  for (const char* name : {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"}) folder.write(name, labels());
}

const Registered kImages{{
    .name = "mnist_images",
    .file = "train-images-idx3-ubyte",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_folder(folder);
      return {images(), data::gzipped(images())};
    },
    .read = read_folder,
    .per_byte = 5000,
}};
const Registered kLabels{{
    .name = "mnist_labels",
    .file = "t10k-labels-idx1-ubyte",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_folder(folder);
      return {labels(), data::gzipped(labels())};
    },
    .read = read_folder,
    .per_byte = 10'000,
}};

}  // namespace
}  // namespace gradus::fuzz
