#include "files.h"
#include "pictures.h"

#include "gradus/data/npy.h"
#include "gradus/data/readers.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"
#include "gradus/train/checkpoint.h"

#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <set>

// Every reader on damaged files: it reads something or throws an IoError that names the file, and asks for no
// more memory than the file can hold. The same files each time; GRADUS_FUZZ_SECONDS=60 goes on with others, a
// minute for each reader, starting from all files that gave an error of a new kind.

namespace gradus::data {
namespace {

std::int64_t below(Generator& random, std::size_t n) {
  return random.below(static_cast<std::int64_t>(std::max<std::size_t>(n, 1)));
}

// What breaks readers.
constexpr std::uint64_t kNumbers[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x7fff,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      0x7fffffffffffffff,
                                      ~std::uint64_t{0}};
constexpr const char* kTexts[] = {"-1",
                                  "99999999999999999999",
                                  "1e400",
                                  "0.5",
                                  "\"",
                                  "\n",
                                  ",",
                                  "[",
                                  "{",
                                  "\xc3\x28",
                                  "]",
                                  "'",
                                  ":",
                                  "(",
                                  ")",
                                  "\r\n",
                                  "nan"};

/// One change of the kinds that break readers.
void change(std::string& bytes, Generator& random) {
  const auto at = static_cast<std::size_t>(below(random, bytes.size()));
  const auto length =
      static_cast<std::size_t>(below(random, std::min<std::size_t>(bytes.size() - std::min(at, bytes.size()), 64) + 1));
  switch (random.below(9)) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      return;
    case 1:
      if (!bytes.empty()) bytes[at] = static_cast<char>(random.below(256));
      return;
    case 2: {  // a number, either byte order
      const std::uint64_t number = kNumbers[below(random, std::size(kNumbers))];
      const auto width = std::size_t{1} << random.below(4);
      const bool reversed = random.below(2) == 0;
      for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i)
        bytes[at + i] = static_cast<char>(number >> 8 * (reversed ? width - 1 - i : i) & 0xff);
      return;
    }
    case 3: bytes.erase(at, length); return;
    case 4: bytes.insert(at, bytes.substr(at, length)); return;
    case 5: bytes.insert(at, random_bytes(length, random.next())); return;
    case 6: bytes.resize(at); return;
    case 7: bytes.replace(at, std::min<std::size_t>(length, 4), kTexts[below(random, std::size(kTexts))]); return;
    default: {  // two parts change places
      const auto other = static_cast<std::size_t>(below(random, bytes.size()));
      for (std::size_t i = 0; i < length && std::max(at, other) + i < bytes.size(); ++i)
        std::swap(bytes[at + i], bytes[other + i]);
    }
  }
}

/// Puts the checksums of a PNG file right, so that its decoder sees what was changed.
void mend_png(std::string& bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes[at + i]);
    if (size > bytes.size() - at - 12) return;
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data() + at + 4), size + 4);
    bytes.replace(at + 8 + size, 4, big(static_cast<std::uint32_t>(crc)));
    at += 12 + size;
  }
}

/// An error's message without what differs from file to file.
std::string kind_of(const std::string& message) {
  std::string kind;
  for (const char c : message.substr(0, message.find(" at byte ")))
    if (c < '0' || c > '9') kind += c;
  return kind.substr(0, 60);
}

class Fuzz : public testing::Test {
 protected:
  using Read = std::function<void(const std::string& path)>;

  /// `read` on changed copies of `seeds`, under that name in the folder.
  void run(const std::string& name,
           std::vector<std::string> seeds,
           const Read& read,
           void (*mend)(std::string&) = nullptr) {
    constexpr int kRounds = 400;
    const char* const seconds = std::getenv("GRADUS_FUZZ_SECONDS");
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
    const std::string path = folder_.path(name);
    std::set<std::string> kinds;
    for (const std::string& seed : seeds) {
      folder_.write(name, seed);
      EXPECT_NO_THROW(read(path)) << "a seed";
    }
    for (int round = 0; round < kRounds || std::chrono::steady_clock::now() < end; ++round) {
      Generator random(static_cast<std::uint64_t>(round));
      std::string bytes = seeds[static_cast<std::size_t>(below(random, seeds.size()))];
      for (std::int64_t changes = 1 + random.below(4); changes > 0; --changes) change(bytes, random);
      if (mend != nullptr && random.below(4) != 0) mend(bytes);
      folder_.write(name, bytes);
      reset_peak_memory();
      const std::int64_t before = memory_stats().live;
      try {
        read(path);
      } catch (const IoError& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find(path), std::string::npos) << message;
        if (kinds.insert(kind_of(message)).second && round >= kRounds) seeds.push_back(bytes);
      } catch (const std::exception& error) {
        ADD_FAILURE() << name << ", round " << round << ": " << typeid(error).name() << ", " << error.what();
      }
      ASSERT_LT(memory_stats().peak - before, std::int64_t{10'000} * static_cast<std::int64_t>(bytes.size() + 1000))
          << name << ", round " << round;
    }
    EXPECT_GT(kinds.size(), 1U) << name;
  }

  TempFolder folder_;
};

TEST_F(Fuzz, Tables) {
  const std::string names = "width,\"a \"\"b\"\"\",kind\n1.5,2,x\n-3e1,+4,y\n\n5,6,x\n",
                    counts = "2,2,no,yes\n1,2,0\n3,4,1\n", comma = "1,5;2;3\n4;5,25;6\n";
  run("names.csv", {names, counts, "1,2,3\n4,5,6\n", gzipped(names)}, [](const std::string& path) { csv(path); });
  run("streamed.csv", {names, counts}, [](const std::string& path) {
    const Source source = csv_source(path);
    (void)*Loader(source, {.batch = source.size}).begin();
  });
  run("comma.csv", {comma}, [](const std::string& path) {
    csv(path, {.delimiter = ';', .regression = true, .missing = {""}, .decimal = ','});
  });
}

TEST_F(Fuzz, Arrays) {
  const auto written = [&](const Tensor& x) {
    write_npy(folder_.path("seed"), x);
    return read_bytes(folder_.path("seed"));
  };
  const std::string array = written(reshape(arange(12), {3, 4})), fractions = written(tensor({0.5, 1.5}));
  run("x.npy", {array, fractions, gzipped(array)}, [](const std::string& path) { read_npy(path); });
  run("mapped.npy", {array, written(zeros({3}))}, [](const std::string& path) { (void)clone(map_npy(path)); });
  write_npz(folder_.path("seed"), {{"a", arange(3)}, {"b/c", tensor({true, false})}});
  run("x.npz", {read_bytes(folder_.path("seed"))}, [](const std::string& path) { read_npz(path); });
}

TEST_F(Fuzz, Idx) {
  const std::string images = big(2051) + big(2) + big(3) + big(4) + random_bytes(24, 1),
                    labels = big(2049) + big(2) + std::string("\x03\x07", 2),
                    fractions = big(0x0D02) + big(2) + big(2) + random_bytes(16, 2);
  run("x.idx", {images, labels, fractions, gzipped(images)}, [](const std::string& path) { read_idx(path); });
  for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"}) folder_.write(name, images);
  for (const char* name : {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"}) folder_.write(name, labels);
  const auto read = [&](const std::string&) { mnist(folder_.path()); };
  run("train-images-idx3-ubyte", {images}, read);
  folder_.write("train-images-idx3-ubyte", images);
  run("t10k-labels-idx1-ubyte", {labels}, read);
}

TEST_F(Fuzz, Cifar) {
  const std::string record = '\x05' + random_bytes(3072, 1);
  std::string names;
  for (int i = 0; i < 10; ++i) names += "class " + std::to_string(i) + "\n";
  folder_.write("data_batch_1.bin", record);
  folder_.write("test_batch.bin", record);
  const auto read = [&](const std::string&) { cifar10(folder_.path()); };
  run("data_batch_1.bin", {record, record + record, gzipped(record)}, read);
  folder_.write("data_batch_1.bin", record);
  run("batches.meta.txt", {names}, read);
}

TEST_F(Fuzz, Images) {
  const std::string noise = random_bytes(24 * 16 * 4 * 2, 3), exif = exif_block(6, true);
  const auto read = [](const std::string& path) { read_image(path, 1), read_image(path, 3); };
  run("x.png",
      {png(16, 24, 0, noise),
       png(16, 24, 2, noise, 16, chunk("eXIf", exif)),
       png(16, 24, 6, noise, 8, chunk("gAMA", big(100000)))},
      read,
      mend_png);
  run("x.jpg",
      {jpeg(16, 24, 1, noise),
       jpeg(16, 24, 3, noise, {.quality = 50, .exif = std::string("Exif\0\0", 6) + exif}),
       jpeg(16, 24, 4, noise, {.given = JCS_CMYK, .stored = JCS_YCCK})},
      read);
  std::filesystem::create_directories(folder_.path("all/class"));
  run(
      "all/class/x.png",
      {png(2, 2, 0, noise)},
      [&](const std::string&) { image_folder(folder_.path("all")); },
      mend_png);
}

TEST_F(Fuzz, Weights) {
  nn::Linear fc(2, 3);
  nn::save(fc, folder_.path("seed"));
  const std::string ours = read_bytes(folder_.path("seed"));
  const std::string header =
      R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[0],"data_offsets":[4,4]}} )";
  const std::string theirs = static_cast<char>(header.size()) + std::string(7, '\0') + header + "1234";
  run("x.safetensors", {ours, theirs}, [](const std::string& path) { nn::load_tensors(path); });
}

TEST_F(Fuzz, Checkpoints) {
  nn::Linear fc(2, 3);
  optim::Adam adam(parameters(fc));
  Generator random(1);
  const std::vector<train::Part> parts{{"model", fc}, {"optimizer", adam}, {"random", random}};
  train::save_checkpoint(folder_.path("seed"), parts);
  run("x.safetensors", {read_bytes(folder_.path("seed"))}, [&](const std::string& path) {
    train::load_checkpoint(path, parts);
  });
}

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
