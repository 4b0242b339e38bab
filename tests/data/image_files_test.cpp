#include "files.h"
#include "pictures.h"

#include "gradus/data/readers.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"

#include <cstdio>

namespace gradus::data {
namespace {

TEST(Image, ReadsPng) {
  const TempFolder folder;
  const auto read = [&](const std::string& bytes, std::int64_t channels) {
    return read_image(folder.write("x.png", bytes), channels);
  };
  const std::string grey{'\x00', '\x33', '\x66', '\x99', '\xcc', '\xff'};
  const Tensor x = read(png(2, 3, 0, grey), 1);
  EXPECT_TRUE(all_close(x, tensor({{{0.0, 0.2, 0.4}, {0.6, 0.8, 1.0}}}, float32)));
  const Tensor spread = read(png(2, 3, 0, grey), 3);
  EXPECT_EQ(spread.shape(), Shape({3, 2, 3}));
  for (std::int64_t i = 0; i < 18; ++i) EXPECT_EQ(spread.data<float>()[i], x.data<float>()[i % 6]);
  const Tensor rgb = read(png(1, 2, 2, {'\xff', '\x00', '\x33', '\x66', '\x99', '\xcc'}), 3);
  EXPECT_TRUE(all_close(rgb, tensor({{{1.0, 0.4}}, {{0.0, 0.6}}, {{0.2, 0.8}}}, float32)));
  const Tensor clear = read(png(1, 1, 6, {'\xff', '\xff', '\xff', '\x00'}), 3);
  EXPECT_TRUE(equal(clear, zeros({3, 1, 1})));
  EXPECT_THROW(read(png(2, 3, 0, grey), 2), ArgumentError);
}

/// Smooth pixels, which JPEG keeps well.
std::string ramp(int height, int width, int channels) {
  std::string pixels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) pixels += static_cast<char>(40 + 3 * y + 2 * x + 20 * c);
  return pixels;
}

TEST(Image, ReadsJpeg) {
  const TempFolder folder;
  for (const int channels : {1, 3}) {
    const std::string pixels = ramp(19, 26, channels);
    const Tensor x = read_image(folder.write("x.jpg", jpeg(19, 26, channels, pixels)), channels);
    ASSERT_EQ(x.shape(), Shape({channels, 19, 26}));
    for (int k = 0; k < 19 * 26; ++k)
      for (int c = 0; c < channels; ++c)
        EXPECT_NEAR(
            x.data<float>()[c * 19 * 26 + k],
            static_cast<float>(static_cast<unsigned char>(pixels[static_cast<std::size_t>(k * channels + c)])) / 255.0f,
            0.02);
    EXPECT_EQ(read_image(folder.path("x.jpg"), 4 - channels).shape(), Shape({4 - channels, 19, 26}));
  }
}

TEST(Image, RejectsDamagedFiles) {
  const TempFolder folder;
  const std::string path = folder.path("x");
  const std::string noise = random_bytes(24 * 24 * 3, 7);
  for (const bool is_png : {true, false}) {
    const std::string good = is_png ? png(24, 24, 2, noise) : jpeg(24, 24, 3, noise, {.quality = 80});
    EXPECT_EQ(read_image(folder.write("x", good)).shape(), Shape({3, 24, 24}));
    const auto expect_bad = [&](const std::string& bytes) {
      folder.write("x", bytes);
      reset_peak_memory();
      const std::int64_t before = memory_stats().live;
      expect_error<IoError>([&] { read_image(path); }, {"read_image: expected", "at byte ", path});
      EXPECT_LT(memory_stats().peak - before, 100'000);
    };
    for (std::size_t n = 0; n < good.size(); n += 1 + n / 20) expect_bad(good.substr(0, n));
    expect_bad(good.substr(0, good.size() - 1));
    expect_bad("X" + good.substr(1));
    expect_bad(random_bytes(good.size(), 5));
    expect_bad(good.substr(0, 8) + random_bytes(good.size(), 6));
    // One bit wrong: an error or another picture, nothing worse.
    for (std::size_t i = 0; i < good.size(); i += 11) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
      folder.write("x", flipped);
      try {
        EXPECT_LT(read_image(path).numel(), 24 * 24 * 3 * 4 * 512) << i;
      } catch (const IoError& error) {
        EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
      }
    }
  }
  const auto expect_huge = [&](const std::string& bytes) {
    folder.write("x", bytes);
    reset_peak_memory();
    const std::int64_t before = memory_stats().live;
    expect_error<IoError>([&] { read_image(path); }, {"a size that the file can hold", "at byte ", path});
    EXPECT_LT(memory_stats().peak - before, 1000);
  };
  expect_huge(png(0x7fffffff, 0x7fffffff, 2, ""));
  expect_huge(png(60000, 60000, 0, "abc"));
  expect_huge(png(0, 5, 0, ""));
  // A size that might be true but is not.
  folder.write("x", png(100, 3, 0, "abcdef"));
  expect_error<IoError>([&] { read_image(path); }, {"a PNG file, got \"", path});
  std::string tall = jpeg(8, 8, 1, ramp(8, 8, 1));
  const std::size_t frame = tall.find("\xff\xc0");
  tall.replace(frame + 5, 4, "\xff\xd0\xff\xd0");
  expect_huge(tall);
}

void write_folder(const TempFolder& folder) {
  for (const char* name : {"cats", "dogs"}) std::filesystem::create_directories(folder.path(name));
  folder.write("cats/b.png", png(2, 2, 0, {'\x00', '\x00', '\x00', '\x00'}));
  folder.write("cats/a.PNG", png(2, 2, 0, {'\xff', '\xff', '\xff', '\xff'}));
  folder.write("cats/notes.txt", "not an image");
  folder.write("dogs/c.jpeg", jpeg(2, 2, 1, std::string(4, '\x66')));
}

/// A few bytes have the decoder go over all pixels once more.
TEST(Image, AJpegHasAtMostAHundredScans) {
  const TempFolder folder;
  const std::string good = jpeg(8, 8, 3, random_bytes(8 * 8 * 3, 1), {.separate = true});
  const std::size_t last = good.rfind("\xff\xda"), end = good.size() - 2;
  const auto read = [&](int more) {
    std::string bytes = good.substr(0, end);
    for (int i = 0; i < more; ++i) bytes += good.substr(last, end - last);
    return read_image(folder.write("x.jpg", bytes + good.substr(end)));
  };
  EXPECT_TRUE(equal(read(97), read(0)));
  expect_error<IoError>([&] { read(98); }, {"more than 100 scans", folder.path("x.jpg")});
}

TEST(ImageFolder, ReadsAClassFromEachFolder) {
  const TempFolder folder;
  write_folder(folder);
  const Dataset all = image_folder(folder.path(), {.channels = 1});
  EXPECT_EQ(all.inputs.shape(), Shape({3, 1, 2, 2}));
  EXPECT_TRUE(equal(all.targets, tensor({0, 0, 1})));
  EXPECT_EQ(all.class_names, (std::vector<std::string>{"cats", "dogs"}));
  EXPECT_EQ(all.inputs.data<float>()[0], 1.0f);
  EXPECT_EQ(all.inputs.data<float>()[4], 0.0f);
  EXPECT_NEAR(all.inputs.data<float>()[8], 0.4f, 0.01);

  const Source source = image_source(folder.path(), {.channels = 1});
  EXPECT_TRUE(equal(source.targets, all.targets));
  Loader loader(source, {.batch = 3, .workers = 2});
  int batches = 0;
  for (const Batch& batch : loader) {
    EXPECT_TRUE(equal(batch.inputs, all.inputs));
    EXPECT_TRUE(equal(batch.targets, all.targets));
    ++batches;
  }
  EXPECT_EQ(batches, 1);
}

TEST(ImageFolder, ResizesWhatDiffers) {
  const TempFolder folder;
  write_folder(folder);
  // A ramp shrunk by half: means of neighbours under a triangle; inside it is still a ramp.
  folder.write("dogs/c.jpeg", png(8, 16, 0, [] {
                 std::string pixels;
                 for (int i = 0; i < 128; ++i) pixels += static_cast<char>(10 * (i % 16));
                 return pixels;
               }()));
  expect_error<IoError>([&] { image_folder(folder.path()); },
                        {"an image of shape [3, 2, 2]", "got [3, 8, 16]", folder.path("dogs/c.jpeg")});
  const Dataset all = image_folder(folder.path(), {.channels = 1, .height = 4, .width = 8});
  ASSERT_EQ(all.inputs.shape(), Shape({3, 1, 4, 8}));
  for (int i = 0; i < 32; ++i) EXPECT_NEAR(all.inputs.data<float>()[i], 1, 1e-6);
  for (int y = 0; y < 4; ++y)
    for (int x = 1; x < 7; ++x) EXPECT_NEAR(all.inputs.data<float>()[64 + 8 * y + x] * 255, 20 * x + 5, 1e-3);
}

TEST(ImageFolder, RejectsBadFolders) {
  const TempFolder folder;
  expect_error<IoError>([&] { image_folder(folder.path("none")); }, {"a readable folder", folder.path("none")});
  expect_error<IoError>([&] { image_folder(folder.path()); }, {"a folder for each class", folder.path()});
  write_folder(folder);
  EXPECT_THROW(image_folder(folder.path(), {.channels = 2}), ArgumentError);
  EXPECT_THROW(image_folder(folder.path(), {.height = 5}), ArgumentError);
  std::filesystem::create_directories(folder.path("empty"));
  expect_error<IoError>([&] { image_folder(folder.path()); }, {"PNG or JPEG files", folder.path("empty")});
  folder.write("empty/x.png", "");
  expect_error<IoError>([&] { image_folder(folder.path()); }, {"byte 0", folder.path("empty/x.png")});
}

TEST(Cifar100, ReadsFineAndCoarseLabels) {
  const TempFolder folder;
  const auto record = [](char coarse, char fine) { return std::string{coarse, fine} + random_bytes(3072, 3); };
  folder.write("train.bin.gz", gzipped(record(19, 99) + record(0, 50) + record(3, 7)));
  folder.write("test.bin", record(4, 8));
  const Splits fine = cifar100(folder.path(), {.validation = 1}), coarse = cifar100(folder.path(), {.coarse = true});
  EXPECT_TRUE(equal(fine.train.targets, tensor({99, 50})));
  EXPECT_TRUE(equal(fine.validation.targets, tensor({7})));
  EXPECT_TRUE(equal(coarse.train.targets, tensor({19, 0, 3})));
  EXPECT_TRUE(equal(coarse.test.targets, tensor({4})));
  EXPECT_EQ(fine.train.inputs.shape(), Shape({2, 3, 32, 32}));
  EXPECT_EQ(coarse.test.inputs.data<float>()[0],
            static_cast<float>(static_cast<unsigned char>(random_bytes(3072, 3)[0])) / 255.0f);
  folder.write("fine_label_names.txt", "one\ntwo\n");
  expect_error<IoError>([&] { cifar100(folder.path()); }, {"100 names, got 2"});
  std::filesystem::remove(folder.path("fine_label_names.txt"));

  const auto expect_bad = [&](const std::string& bytes, std::vector<std::string> parts) {
    parts.push_back(folder.write("test.bin", bytes));
    expect_error<IoError>([&] { cifar100(folder.path()); }, parts);
  };
  expect_bad("", {"records of 3074 bytes"});
  expect_bad(record(1, 2) + "x", {"got 1 bytes in the last", "byte 3074"});
  expect_bad(record(1, 2).substr(1), {"records of 3074 bytes, got 3073"});
  expect_bad(record(1, 2) + record(1, 100), {"a label below 100, got 100", "byte 3075"});
  expect_bad(random_bytes(5000, 1), {"records of 3074 bytes"});
  expect_bad(gzipped(record(1, 2)).substr(0, 100), {"gzip"});
  std::filesystem::remove(folder.path("test.bin"));
  expect_error<IoError>([&] { cifar100(folder.path()); }, {"test.bin"});
}

}  // namespace
}  // namespace gradus::data
