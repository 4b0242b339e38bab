#include "files.h"

#include "gradus/data/readers.h"
#include "gradus/tensor/memory.h"

#include <bit>
#include <cmath>

namespace gradus::data {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string idx(std::uint32_t magic, const std::vector<std::uint32_t>& sizes, const std::string& values) {
  std::string bytes = big_endian(magic);
  for (const auto size : sizes) bytes += big_endian(size);
  return bytes + values;
}

/// A small data set in MNIST's form: 4 and 2 images of 2 x 3.
void write_small(const TempFolder& folder) {
  std::string pixels;
  for (int i = 0; i < 24; ++i) pixels += static_cast<char>(10 * i);
  folder.write("train-images-idx3-ubyte", idx(2051, {4, 2, 3}, pixels));
  folder.write("train-labels-idx1-ubyte.gz", gzipped(idx(2049, {4}, {3, 1, 4, 1})));
  folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx(2051, {2, 2, 3}, pixels.substr(12))));
  folder.write("t10k-labels-idx1-ubyte", idx(2049, {2}, {5, 9}));
}

TEST(Idx, ReadsEveryElementType) {
  const TempFolder folder;
  const auto read = [&](std::uint32_t type, const std::string& values, DType dtype) {
    return read_idx(folder.write("file", idx(type << 8 | 2, {1, 2}, values)), dtype);
  };
  const auto bits = [](float value) { return big_endian(std::bit_cast<std::uint32_t>(value)); };
  for (const DType dtype : {float32, float64, int64}) {
    EXPECT_TRUE(equal(read(0x08, {'\x00', '\xff'}, dtype), tensor({{0, 255}}, dtype)));
    EXPECT_TRUE(equal(read(0x09, {'\x7f', '\xff'}, dtype), tensor({{127, -1}}, dtype)));
    EXPECT_TRUE(equal(read(0x0B, {'\x01', '\x02', '\xff', '\xfe'}, dtype), tensor({{258, -2}}, dtype)));
    EXPECT_TRUE(equal(read(0x0C, big_endian(70000) + big_endian(~0U), dtype), tensor({{70000, -1}}, dtype)));
  }
  EXPECT_TRUE(equal(read(0x0D, bits(1.5f) + bits(-2), float32), tensor({{1.5, -2.0}}, float32)));
  const auto high = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(0.75) >> 32);
  EXPECT_TRUE(equal(read(0x0E, big_endian(high) + big_endian(0) + big_endian(0) + big_endian(0), float64),
                    tensor({{0.75, 0.0}}, float64)));
  EXPECT_THROW(read(0x0D, bits(1) + bits(2), int64), DTypeError);
  EXPECT_THROW(read(0x08, {'\x00', '\xff'}, boolean), DTypeError);
}

TEST(Idx, ReadsEmptyFilesAndThoseLargerThanItsBuffers) {
  const TempFolder folder;
  EXPECT_EQ(read_idx(folder.write("empty", idx(0x0802, {0, 5}, ""))).shape(), Shape({0, 5}));
  const std::string bytes = random_bytes(300'000, 9);
  for (const bool packed : {false, true}) {
    const std::string file = idx(0x0803, {300, 100, 10}, bytes);
    const Tensor x = read_idx(folder.write("large", packed ? gzipped(file) : file), int64);
    ASSERT_EQ(x.shape(), Shape({300, 100, 10}));
    bool same = true;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      same = same && x.data<std::int64_t>()[i] == static_cast<unsigned char>(bytes[i]);
    EXPECT_TRUE(same);
  }
}

TEST(Idx, RejectsBadFilesWithoutAskingForMemory) {
  const TempFolder folder;
  const std::string good = idx(0x0803, {3, 2, 2}, "abcdefghijkl");
  std::string cut = gzipped(good);
  cut.resize(cut.size() - 1);
  std::string damaged = gzipped(good);
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] + 1);
  struct Case {
    std::string bytes;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases{
      {"", {"magic number", "byte 0"}},
      {good.substr(0, 3), {"magic number", "byte 0"}},
      {good.substr(0, 9), {"a size", "byte 8"}},
      {good.substr(0, 20), {"12 bytes of values for [3, 2, 2], got 4", "byte 16"}},
      {gzipped(good.substr(0, 20)), {"12 bytes of values", "got 4", "byte 16", "(unpacked)"}},
      {good + "m", {"12 bytes of values", "got more"}},
      {gzipped(good + "m"), {"12 bytes of values", "got more"}},
      {cut, {"a gzip file, got its end too early"}},
      {gzipped(good) + "m", {"a gzip file, got more bytes after its end"}},
      {damaged, {"a gzip file, got damage (incorrect data check)"}},
      {idx(0x0804, {3, 2, 2}, "abcdefghijkl"), {"bytes of values"}},
      {idx(0x0A03, {3, 2, 2}, "abcdefghijkl"), {"magic number of an IDX file", "0x00000a03"}},
      {idx(0x0800, {}, ""), {"magic number of an IDX file"}},
      {idx(0x0809, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "a"), {"magic number of an IDX file"}},
      {idx(0x01000803, {3, 2, 2}, "abcdefghijkl"), {"magic number of an IDX file"}},
      {idx(0x0803, {0xffffffff, 1000, 1000}, "abc"), {"bytes of values", "got 3"}},
      {idx(0x0803, {0xffffffff, 0xffffffff, 2}, "abc"), {"sizes that a file can hold"}},
      {idx(0x0803, {0, 0xffffffff, 0xffffffff}, "abc"), {"sizes that a file can hold"}},
      {gzipped(idx(0x0803, {100'000'000, 1, 1}, "abc")), {"bytes of values", "got 3"}},
      {idx(0x0E02, {0xffffffff, 0x0fffffff}, "abc"), {"sizes that a file can hold"}},
      {random_bytes(1000, 1), {"magic number"}},
      {gzipped(random_bytes(1000, 2)), {"magic number"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.parts[0]);
    auto parts = c.parts;
    const std::string path = folder.write("bad", c.bytes);
    parts.push_back(path);
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    expect_error<IoError>([&] { read_idx(path); }, parts);
    EXPECT_LT(memory_stats().peak - before, 1000);
  }
  expect_error<IoError>([&] { read_idx(folder.path("none")); }, {"No such file", folder.path("none")});
}

TEST(Mnist, ReadsTheFourFilesPackedOrNot) {
  const TempFolder folder;
  write_small(folder);
  const Splits data = mnist(folder.path(), {.validation = 1});
  EXPECT_EQ(data.train.inputs.shape(), Shape({3, 1, 2, 3}));
  EXPECT_EQ(data.validation.inputs.shape(), Shape({1, 1, 2, 3}));
  EXPECT_EQ(data.test.inputs.shape(), Shape({2, 1, 2, 3}));
  EXPECT_EQ(data.train.targets.to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 1, 4}));
  EXPECT_EQ(data.validation.targets.item<std::int64_t>(), 1);
  EXPECT_EQ(data.test.targets.to_vector<std::int64_t>(), (std::vector<std::int64_t>{5, 9}));
  EXPECT_EQ(data.test.inputs.data<float>()[0], 120.0f / 255);
  EXPECT_EQ(data.validation.inputs.data<float>(), data.train.inputs.data<float>() + 18);
  EXPECT_EQ(data.test.num_classes(), 10);
  EXPECT_EQ(mnist(folder.path()).validation.size(), 0);
  EXPECT_THROW(mnist(folder.path(), {.validation = 5}), ArgumentError);
  EXPECT_THROW(mnist(folder.path(), {.validation = -1}), ArgumentError);
  EXPECT_THROW(mnist(folder.path(), {.classes = 0}), ArgumentError);
}

TEST(Mnist, SaysWhatIsWrongWithAFolder) {
  const TempFolder folder;
  const auto expect_bad = [&](const std::string& name, const std::string& bytes, std::vector<std::string> parts) {
    SCOPED_TRACE(parts[0]);
    write_small(folder);
    folder.write(name, bytes);
    parts.push_back(folder.path(name));
    expect_error<IoError>([&] { mnist(folder.path()); }, parts);
  };
  const std::string images = "train-images-idx3-ubyte", labels = "train-labels-idx1-ubyte.gz";
  expect_bad(images, idx(2049, {4}, "abcd"), {"2051 (images), got 2049", "byte 0"});
  expect_bad(labels, gzipped(idx(2051, {1, 2, 2}, "abcd")), {"2049 (labels), got 2051"});
  expect_bad(labels, gzipped(idx(2049, {4}, {1, 2, 10, 3})), {"a label below 10, got 10", "byte 10"});
  expect_bad(labels, gzipped(idx(2049, {4}, {1, 2, '\xff', 3})), {"a label below 10, got 255", "byte 10"});
  expect_bad(images, idx(2051, {3, 2, 2}, "abcdefghijkl"), {"4 images, one for each label", "got 3", "byte 4"});
  expect_bad(images, idx(2051, {4, 1, 2}, "abcdefgh"), {"images of one size", "[4, 1, 1, 2]"});
  expect_bad(images, idx(2051, {4, 0xffffffff, 0xffffffff}, "abcdefgh"), {"sizes that a file can hold"});

  write_small(folder);
  std::filesystem::remove(folder.path(labels));
  expect_error<IoError>([&] { mnist(folder.path()); }, {"train-labels-idx1-ubyte", folder.path(), "neither"});
  expect_error<IoError>([&] { mnist(folder.path("none")); }, {folder.path("none"), "no such folder"});
}

TEST(Mnist, IsTheRealThingAndInMemoryOnce) {
  GRADUS_SHARED_OR_SKIP(folder, "data/mnist");
  const std::int64_t before = memory_stats().live;
  reset_peak_memory();
  const Splits data = mnist(folder, {.validation = 5000});
  // 70,000 images as float32 are 220 MB; the allocator rounds up by at most a quarter.
  EXPECT_LT(memory_stats().peak - before, 260'000'000);

  EXPECT_EQ(data.train.inputs.shape(), Shape({55000, 1, 28, 28}));
  EXPECT_EQ(data.validation.size(), 5000);
  EXPECT_EQ(data.test.inputs.shape(), Shape({10000, 1, 28, 28}));
  const auto first = [](const Dataset& part) { return part.slice(0, 5).targets.to_vector<std::int64_t>(); };
  EXPECT_EQ(first(data.train), (std::vector<std::int64_t>{5, 0, 4, 1, 9}));
  EXPECT_EQ(first(data.test), (std::vector<std::int64_t>{7, 2, 1, 0, 4}));
  double sum = 0, squares = 0;
  for (const Dataset& part : {data.train, data.validation}) {
    const float* x = part.inputs.data<float>();
    for (std::int64_t i = 0; i < part.inputs.numel(); ++i) {
      sum += static_cast<double>(x[i]);
      squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    }
  }
  const double n = 60000 * 784, mean = sum / n;
  EXPECT_NEAR(mean, 0.130660, 1e-6);
  EXPECT_NEAR(std::sqrt(squares / n - mean * mean), 0.308108, 1e-6);
}

TEST(Mnist, TakesTheCountFromTheHeader) {
  GRADUS_SHARED_OR_SKIP(folder, "data/fashion-mnist-3600");
  const Splits data = mnist(folder);
  EXPECT_EQ(data.train.size(), 3000);
  EXPECT_EQ(data.test.size(), 600);
}

TEST(Mnist, SurvivesDamagedRealFiles) {
  GRADUS_SHARED_OR_SKIP(shared, "data/fashion-mnist-3600");
  const TempFolder folder;
  for (const char* name : {"train-images-idx3-ubyte.gz",
                           "train-labels-idx1-ubyte.gz",
                           "t10k-images-idx3-ubyte.gz",
                           "t10k-labels-idx1-ubyte.gz"}) {
    const std::string good = read_bytes(shared + "/" + name), unpacked = gunzipped(shared + "/" + name);
    std::string huge = unpacked, wrong = unpacked, flipped = good;
    huge.replace(4, 4, "\x7f\xff\xff\xff");
    wrong[3] = '\x02';
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    for (const std::string& bad : {good.substr(0, good.size() / 2),
                                   good.substr(0, good.size() - 3),
                                   good + "oversized",
                                   flipped,
                                   huge,
                                   gzipped(huge),
                                   wrong,
                                   unpacked + "x",
                                   unpacked.substr(0, unpacked.size() - 1),
                                   random_bytes(good.size(), 5)}) {
      for (const auto& entry : std::filesystem::directory_iterator(shared))
        std::filesystem::copy_file(
            entry.path(), folder.path(entry.path().filename()), std::filesystem::copy_options::overwrite_existing);
      std::filesystem::permissions(folder.path(name), std::filesystem::perms::owner_all);
      folder.write(name, bad);
      reset_peak_memory();
      const std::int64_t before = memory_stats().live;
      expect_error<IoError>([&] { mnist(folder.path()); }, {folder.path(name)});
      EXPECT_LT(memory_stats().peak - before, 15'000'000);
    }
  }
}

TEST(Cifar10, ReadsTheRealRecords) {
  GRADUS_SHARED_OR_SKIP(folder, "data/cifar10-5000");
  const Splits data = cifar10(folder, {.validation = 500});
  EXPECT_EQ(data.train.inputs.shape(), Shape({3500, 3, 32, 32}));
  EXPECT_EQ(data.validation.size(), 500);
  EXPECT_EQ(data.test.inputs.shape(), Shape({1000, 3, 32, 32}));
  EXPECT_EQ(data.train.num_classes(), 10);
  EXPECT_EQ(data.test.class_names[0], "airplane");
  const double expected[] = {0.491597, 0.481759, 0.444657};
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    double sum = 0;
    for (const Dataset& part : {data.train, data.validation})
      for (std::int64_t i = 0; i < part.size(); ++i)
        for (std::int64_t k = 0; k < 1024; ++k)
          sum += static_cast<double>(part.inputs.data<float>()[(i * 3 + channel) * 1024 + k]);
    EXPECT_NEAR(sum / (4000 * 1024), expected[channel], 1e-6);
  }
}

TEST(Cifar10, RejectsBadFolders) {
  const TempFolder folder;
  const std::string record = std::string(1, '\x07') + random_bytes(3072, 3);
  const auto write_good = [&] {
    folder.write("data_batch_1.bin", record + record);
    folder.write("data_batch_3.bin.gz", gzipped(record));
    folder.write("test_batch.bin", record);
  };
  write_good();
  EXPECT_EQ(cifar10(folder.path()).train.size(), 3);
  const auto expect_bad = [&](const std::string& name, const std::string& bytes, std::vector<std::string> parts) {
    write_good();
    folder.write(name, bytes);
    parts.push_back(folder.path(name));
    expect_error<IoError>([&] { cifar10(folder.path()); }, parts);
  };
  expect_bad("data_batch_1.bin", record.substr(0, 3000), {"records of 3073 bytes, got 3000", "byte 0"});
  expect_bad("data_batch_1.bin", record + "x", {"got 1 bytes in the last", "byte 3073"});
  expect_bad("test_batch.bin", "", {"records of 3073 bytes"});
  expect_bad("test_batch.bin", record + "\x0a" + record.substr(1), {"a label below 10, got 10", "byte 3073"});
  expect_bad("data_batch_3.bin.gz", gzipped(record).substr(0, 1000), {"gzip"});
  expect_bad("batches.meta.txt", "one\ntwo\n", {"10 names, got 2"});
  std::filesystem::remove(folder.path("test_batch.bin"));
  expect_error<IoError>([&] { cifar10(folder.path()); }, {"test_batch.bin", "neither"});
}

}  // namespace
}  // namespace gradus::data
