#include "files.h"

#include "gradus/data/loader.h"
#include "gradus/data/npy.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/mapped_file.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"

#include <cstdint>

namespace gradus::data {
namespace {

/// A .npy file of float32 [rows, 1024] that is nothing but a hole, but for the first elements of some rows.
class Sparse {
 public:
  explicit Sparse(std::int64_t rows) : path_(folder_.path("sparse.npy")) {
    write_npy(path_, zeros({1, 1024}));
    std::string header = read_bytes(path_).substr(0, kHeader);
    const std::string from = "(1, 1024)", to = "(" + std::to_string(rows) + ", 1024)";
    const std::size_t at = header.find(from);
    header.replace(at, from.size(), to);
    header.erase(header.find_last_of(' ') - (to.size() - from.size()) + 1, to.size() - from.size());
    std::ofstream(path_, std::ios::binary) << header;
    std::filesystem::resize_file(path_, kHeader + static_cast<std::uintmax_t>(rows) * 4096);
  }
  void set(std::int64_t row, float value) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(kHeader) + row * 4096);
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  const std::string& path() const { return path_; }

 private:
  static constexpr std::size_t kHeader = 128;
  TempFolder folder_;
  std::string path_;
};

constexpr std::int64_t kLarge = 20'000;  // 80 MB

TEST(MapNpy, IsTheFileWithoutACopy) {
  const TempFolder folder;
  for (const Tensor& x : {normal({100, 20}), normal({5, 2, 3}, 0, 1, float64), arange(10), zeros({0, 4}), scalar(3)}) {
    const std::string path = folder.path("x.npy");
    write_npy(path, x);
    const std::int64_t live = memory_stats().live;
    Tensor mapped = map_npy(path);
    if (x.numel() > 1000) {
      EXPECT_LT(memory_stats().live - live, 1000);
    }
    EXPECT_TRUE(equal(mapped, x));
    EXPECT_EQ(mapped.dtype(), x.dtype());
    if (x.dtype() != float32 || x.numel() == 0) continue;
    const std::string before = read_bytes(path);
    mapped.mutable_data<float>()[0] = -1;
    EXPECT_EQ(read_bytes(path), before);
    std::filesystem::remove(path);
    EXPECT_EQ(mapped.data<float>()[0], -1);
  }
}

TEST(MapNpy, RefusesWhatWouldHaveToBeConverted) {
  const TempFolder folder;
  const auto file = [&](const std::string& descr, const std::string& order, std::size_t bytes) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (2, 2), }";
    header.append(117 - header.size(), ' ');
    return folder.write("x.npy",
                        std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + std::string(bytes, '\0'));
  };
  EXPECT_TRUE(equal(map_npy(file("<f4", "False", 16)), zeros({2, 2})));
  for (const char* descr : {">f4", "<f2", "<i4", "|b1", "<u8"})
    expect_error<IoError>(
        [&] {
          map_npy(file(descr, "False", descr[2] == '8' ? 32 : descr[2] == '1' ? 4 : descr[2] == '2' ? 8 : 16));
        },
        {"map_npy: expected '<f4', '<f8' or '<i8' to map", descr, "which read_npy takes", "x.npy"});
  expect_error<IoError>([&] { map_npy(file("<f4", "True", 16)); }, {"got Fortran order", "x.npy"});
  expect_error<IoError>([&] { map_npy(file("<f4", "False", 15)); }, {"expected 16 bytes of values for [2, 2], got 15"});
  expect_error<IoError>([&] { map_npy(folder.write("z.npy", gzipped("x"))); }, {"expected a .npy file", "z.npy"});
  expect_error<IoError>([&] { map_npy(folder.write("e.npy", "")); }, {"expected a .npy file", "e.npy"});
  expect_error<IoError>([&] { map_npy(folder.path("none.npy")); }, {"No such file", "none.npy"});
  expect_error<IoError>([&] { map_npy(folder.path()); }, {"Is a directory"});
}

TEST(MapNpy, LoaderReadsRowsOfALargeFileFromIt) {
  const Sparse file(kLarge);
  for (const std::int64_t row : {0, 1, 17, 9'999, 19'999}) file.set(row, static_cast<float>(row + 1));
  Tensor x = map_npy(file.path());
  ASSERT_TRUE(gradus::detail::MappedFile::behind(x));
  const auto first = [&](const std::vector<std::int64_t>& rows) {
    Loader loader(Dataset{.inputs = x}, {.batch = 100, .indices = from_vector(rows)});
    return narrow(loader.begin()->inputs, 1, 0, 1).to_vector<float>();
  };
  EXPECT_EQ(first({0, 1, 17, 9'999, 19'999, 5}), (std::vector<float>{1, 2, 18, 10'000, 20'000, 0}));
  EXPECT_EQ(first({16, 17, 18, 1, 0}), (std::vector<float>{0, 18, 0, 2, 1}));

  // Views are parts of the file too; what was written to is not.
  const Dataset part = Dataset{.inputs = x}.slice(9'000, 10'000);
  ASSERT_TRUE(gradus::detail::MappedFile::behind(part.inputs));
  EXPECT_EQ((*Loader(part, {.batch = 1, .indices = tensor({999})}).begin()).inputs.data<float>()[0], 10'000);
  x.mutable_data<float>()[17 * 1024] = -5;
  EXPECT_FALSE(gradus::detail::MappedFile::behind(x));
  EXPECT_EQ(first({16, 17, 18}), (std::vector<float>{0, -5, 0}));
}

TEST(MapNpy, ThatWasCutShortIsAnError) {
  const Sparse file(kLarge);
  Loader loader(Dataset{.inputs = map_npy(file.path())}, {.batch = 10'000});
  std::filesystem::resize_file(file.path(), 4096 * 15'000);
  auto at = loader.begin();
  expect_error<IoError>([&] { ++at; }, {"expected 81920128 bytes, got the end of the file at byte ", "sparse.npy"});
}

TEST(MapNpy, FilesAreKnownUntilTheirLastTensorEnds) {
  const Sparse file(kLarge);
  Tensor x = map_npy(file.path());
  const Tensor again = map_npy(file.path()), row = x.is_contiguous() ? contiguous(x) : x;
  x.reset();
  EXPECT_TRUE(gradus::detail::MappedFile::behind(row));
  EXPECT_TRUE(gradus::detail::MappedFile::behind(again));
  EXPECT_FALSE(gradus::detail::MappedFile::behind(zeros({4})));
  const TempFolder folder;
  write_npy(folder.path("small.npy"), zeros({4}));
  EXPECT_FALSE(gradus::detail::MappedFile::behind(map_npy(folder.path("small.npy"))));
}

}  // namespace
}  // namespace gradus::data
