#include "gradus/data/readers.h"

#include "files.h"

#include "gradus/data/npy.h"
#include "gradus/nn/save.h"
#include "gradus/train/checkpoint.h"

#include <filesystem>
#include <functional>

namespace gradus::data {
namespace {

TEST(Readers, TakeNoFolderForAFile) {
  const TempFolder folder;
  const std::string path = folder.path("folder");
  std::filesystem::create_directory(path);
  const std::function<void()> readers[] = {[&] { csv(path); },
                                           [&] { csv_source(path); },
                                           [&] { map_npy(path); },
                                           [&] { read_idx(path); },
                                           [&] { read_image(path); },
                                           [&] { read_npy(path); },
                                           [&] { read_npz(path); },
                                           [&] { nn::load_tensors(path); },
                                           [&] { train::load_checkpoint(path, {}); }};
  for (const auto& read : readers) expect_error<IoError>(read, {path});
  // In the place of each file of a folder.
  for (const char* name : {"train-images-idx3-ubyte",
                           "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte",
                           "t10k-labels-idx1-ubyte",
                           "data_batch_1.bin",
                           "test_batch.bin",
                           "train.bin",
                           "test.bin"})
    std::filesystem::create_directory(folder.path(name));
  expect_error<IoError>([&] { mnist(folder.path()); }, {folder.path()});
  expect_error<IoError>([&] { cifar10(folder.path()); }, {folder.path()});
  expect_error<IoError>([&] { cifar100(folder.path()); }, {folder.path()});
  std::filesystem::create_directories(folder.path("images/class/x.png"));
  std::filesystem::create_directory_symlink("loop", folder.path("images/class/loop"));
  expect_error<IoError>([&] { image_folder(folder.path("images")); }, {folder.path("images")});
  expect_error<IoError>([&] { image_folder(folder.write("file", "")); }, {folder.path("file")});
}

}  // namespace
}  // namespace gradus::data
