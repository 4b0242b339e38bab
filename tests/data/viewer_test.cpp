#include "files.h"
#include "pictures.h"

#include "gradus/data/readers.h"

#include <array>
#include <cmath>

// Images come out as a viewer shows them. Values by ITU-R BT.601-7 (luma), PNG 1.2 (gAMA), Adobe technical
// note 5116 (CMYK in JPEG) and Exif 2.3 (orientation).

namespace gradus::data {
namespace {

/// The bytes of an image, in the order of its tensor.
std::vector<int> read(const std::string& bytes, std::int64_t channels) {
  const TempFolder folder;
  std::vector<int> values;
  for (const double value : read_image(folder.write("x", bytes), channels).to_vector())
    values.push_back(static_cast<int>(std::lround(value * 255)));
  return values;
}

struct Colour {
  unsigned char r, g, b;
  int grey;  // 0.299 r + 0.587 g + 0.114 b, rounded
};
constexpr Colour kColours[] = {
    {255, 0, 0, 76},
    {0, 255, 0, 150},
    {0, 0, 255, 29},
    {255, 255, 255, 255},
    {0, 0, 0, 0},
    {128, 128, 128, 128},
    {200, 100, 50, 124},
};
std::string text(const Colour& c) { return {static_cast<char>(c.r), static_cast<char>(c.g), static_cast<char>(c.b)}; }
std::string times(const std::string& part, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += part;
  return all;
}

TEST(Viewer, GreyIsTheSameOfPngAndJpeg) {
  for (const Colour& c : kColours) {
    SCOPED_TRACE(c.grey);
    EXPECT_EQ(read(png(1, 1, 2, text(c)), 1), std::vector<int>{c.grey});
    EXPECT_EQ(read(png(1, 1, 6, text(c) + '\xff'), 1), std::vector<int>{c.grey});
    const std::string wide{'\0', static_cast<char>(c.grey)};
    for (const J_COLOR_SPACE stored : {JCS_YCbCr, JCS_RGB})
      for (const int value : read(jpeg(8, 8, 3, times(text(c), 64), {.stored = stored}), 1))
        EXPECT_NEAR(value, c.grey, stored == JCS_RGB ? 1 : 0) << stored;
  }
}

TEST(Viewer, SixteenBitsAreSrgbUnlessTheFileSaysOtherwise) {
  using namespace std::string_literals;
  const std::string grey = "\x80\x80\0\0\xff\xff"s;
  EXPECT_EQ(read(png(1, 3, 0, grey, 16), 1), (std::vector<int>{128, 0, 255}));
  EXPECT_EQ(read(png(1, 3, 0, grey, 16, chunk("sRGB", "\0"s)), 1), (std::vector<int>{128, 0, 255}));
  const std::string red = "\x80\x80\0\0\0\0"s;
  EXPECT_EQ(read(png(1, 1, 2, red, 16), 3), (std::vector<int>{128, 0, 0}));
  // 0.299 x 128 = 38.27
  EXPECT_EQ(read(png(1, 1, 2, red, 16), 1), std::vector<int>{38});
  // A gamma of 1 is linear light, for a display of 2.2: (0x8080 / 0xffff)^(1 / 2.2) x 255 = 186.6.
  const std::string linear = chunk("gAMA", big(100000));
  EXPECT_NEAR(read(png(1, 3, 0, grey, 16, linear), 1)[0], 187, 1);
}

TEST(Viewer, BytesBehindTheEndCountForNothing) {
  const std::string tail = "Samsung's trailer\xff\xd8\xff\xd9 and more";
  EXPECT_EQ(read(jpeg(8, 8, 1, std::string(64, '\x40')) + tail, 1), std::vector<int>(64, 64));
  EXPECT_EQ(read(jpeg(8, 8, 1, std::string(64, '\x40')) + '\0', 1), std::vector<int>(64, 64));
  EXPECT_EQ(read(png(1, 1, 0, "\x40") + tail, 1), std::vector<int>{64});
}

TEST(Viewer, InksAreMixed) {
  const auto inks = [](int c, int m, int y, int k) {
    std::string four;
    for (const int ink : {c, m, y, k}) four += static_cast<char>(ink);
    return times(four, 64);
  };
  const auto first = [](const std::vector<int>& values) {
    return std::vector<int>{values[0], values[64], values[128]};
  };
  const JpegForm plain{.given = JCS_CMYK, .stored = JCS_CMYK, .adobe = false},
      adobe{.given = JCS_CMYK, .stored = JCS_CMYK}, ycck{.given = JCS_CMYK, .stored = JCS_YCCK};
  const auto near = [&](const std::string& file, std::vector<int> rgb) {
    const std::vector<int> got = first(read(file, 3));
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(got[i], rgb[i], 1) << i;
    const double grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    EXPECT_NEAR(read(file, 1)[0], grey, 1.5);
  };
  // Full magenta and yellow give red; half of each, darkened: (1 - ink) (1 - black).
  near(jpeg(8, 8, 4, inks(0, 255, 255, 0), plain), {255, 0, 0});
  near(jpeg(8, 8, 4, inks(51, 102, 0, 51), plain), {163, 122, 204});
  near(jpeg(8, 8, 4, inks(0, 0, 0, 0), plain), {255, 255, 255});
  // Adobe's programs store 255 - ink.
  near(jpeg(8, 8, 4, inks(255, 0, 0, 255), adobe), {255, 0, 0});
  near(jpeg(8, 8, 4, inks(204, 153, 255, 204), adobe), {163, 122, 204});
  near(jpeg(8, 8, 4, inks(255, 0, 0, 255), ycck), {255, 0, 0});
  near(jpeg(8, 8, 4, inks(204, 153, 255, 204), ycck), {163, 122, 204});
}

TEST(Viewer, FollowsTheOrientation) {
  // A corner of each value: 2 rows of 3 blocks, each 8 x 8, so that JPEG keeps them apart.
  std::string pixels;
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 24; ++x) pixels += static_cast<char>(20 + 40 * (y / 8 * 3 + x / 8));
  // 1 2 3        as shown for each orientation, row by row
  // 4 5 6
  const std::vector<std::pair<Shape, std::array<int, 6>>> shown{{{2, 3}, {1, 2, 3, 4, 5, 6}},
                                                                {{2, 3}, {3, 2, 1, 6, 5, 4}},
                                                                {{2, 3}, {6, 5, 4, 3, 2, 1}},
                                                                {{2, 3}, {4, 5, 6, 1, 2, 3}},
                                                                {{3, 2}, {1, 4, 2, 5, 3, 6}},
                                                                {{3, 2}, {4, 1, 5, 2, 6, 3}},
                                                                {{3, 2}, {6, 3, 5, 2, 4, 1}},
                                                                {{3, 2}, {3, 6, 2, 5, 1, 4}}};
  const TempFolder folder;
  for (int orientation = 0; orientation <= 9; ++orientation)
    for (const bool big_endian : {false, true})
      for (const bool is_png : {false, true}) {
        SCOPED_TRACE(orientation);
        const std::string block = exif_block(orientation, big_endian);
        const std::string file = is_png ? png(16, 24, 0, pixels, 8, chunk("eXIf", block))
                                        : jpeg(16, 24, 1, pixels, {.exif = std::string("Exif\0\0", 6) + block});
        const auto& [shape, values] =
            shown[static_cast<std::size_t>(orientation >= 1 && orientation <= 8 ? orientation - 1 : 0)];
        for (const std::int64_t channels : {1, 3}) {
          const Tensor x = read_image(folder.write("x", file), channels);
          ASSERT_EQ(x.shape(), Shape({channels, 8 * shape[0], 8 * shape[1]}));
          for (std::int64_t c = 0; c < channels; ++c)
            for (std::int64_t i = 0; i < 6; ++i) {
              const std::int64_t row = 8 * (i / shape[1]) + 3, column = 8 * (i % shape[1]) + 3;
              EXPECT_NEAR(x.data<float>()[(c * 8 * shape[0] + row) * 8 * shape[1] + column] * 255,
                          20 + 40 * (values[static_cast<std::size_t>(i)] - 1),
                          1);
            }
        }
      }
}

TEST(Viewer, DamagedExifIsNoReasonToFail) {
  const std::string block = exif_block(6, false);
  for (std::size_t n = 0; n < block.size(); ++n) {
    const std::string cut = std::string("Exif\0\0", 6) + block.substr(0, n);
    const auto x = read(jpeg(8, 16, 1, std::string(128, '\x40'), {.exif = cut}), 1);
    EXPECT_EQ(x, std::vector<int>(128, 64));
  }
}

TEST(Viewer, SkipsHiddenFilesAndFolders) {
  const TempFolder folder;
  for (const char* name : {"cats", "dogs", ".ipynb_checkpoints", ".empty"})
    std::filesystem::create_directories(folder.path(name));
  folder.write("cats/a.png", png(1, 1, 0, "\x10"));
  folder.write("cats/._a.png", "Mac OS X        ");
  folder.write("dogs/b.png", png(1, 1, 0, "\x20"));
  folder.write(".ipynb_checkpoints/a.png", png(1, 1, 0, "\x30"));
  const Dataset all = image_folder(folder.path());
  EXPECT_EQ(all.class_names, (std::vector<std::string>{"cats", "dogs"}));
  EXPECT_TRUE(equal(all.targets, tensor({0, 1})));
}

}  // namespace
}  // namespace gradus::data
