#include "gradus/data/augment.h"

#include "files.h"

#include "gradus/data/loader.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace gradus::data {
namespace {

Tensor images(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w, DType dtype = float32) {
  Generator generator(3);
  return uniform({n, c, h, w}, 0, 1, dtype, generator);
}

Tensor run(const Augmentation& augment, const Tensor& x, std::uint64_t seed = 1) {
  return augment({x, {}, {}}, Generator(seed)).inputs;
}

/// The image at [i], flipped by hand.
std::vector<double> flipped(const Tensor& x, std::int64_t i, bool vertical) {
  const auto v = x.to_vector();
  const std::int64_t c = x.size(1), h = x.size(2), w = x.size(3);
  std::vector<double> out;
  for (std::int64_t p = 0; p < c; ++p)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t k = 0; k < w; ++k)
        out.push_back(v[static_cast<std::size_t>(((i * c + p) * h + (vertical ? h - 1 - y : y)) * w +
                                                 (vertical ? k : w - 1 - k))]);
  return out;
}

std::vector<double> image(const Tensor& x, std::int64_t i) {
  const auto v = x.to_vector();
  const std::int64_t size = x.numel() / x.size(0);
  return {v.begin() + i * size, v.begin() + (i + 1) * size};
}

TEST(Augment, FlipsHalfOfTheImages) {
  const Tensor x = images(400, 2, 3, 5);
  for (const bool vertical : {false, true}) {
    const auto flip = [&](double p) { return vertical ? vertical_flip(p) : horizontal_flip(p); };
    EXPECT_TRUE(equal(run(flip(0), x), x));
    const Tensor all = run(flip(1), x), half = run(flip(0.5), x);
    int turned = 0;
    for (std::int64_t i = 0; i < 400; ++i) {
      EXPECT_EQ(image(all, i), flipped(x, i, vertical));
      const bool now = image(half, i) == flipped(x, i, vertical);
      EXPECT_TRUE(now || image(half, i) == image(x, i));
      turned += now;
    }
    EXPECT_NEAR(turned, 200, 50);  // five standard deviations
    EXPECT_TRUE(equal(run(flip(1), all), x));
  }
}

TEST(Augment, CropsEveryWindowOfThePaddedImage) {
  // One pixel that is not 0 tells where the window was.
  Tensor x = zeros({2000, 1, 3, 3});
  for (std::int64_t i = 0; i < 2000; ++i) x.mutable_data<float>()[9 * i + 4] = 1;
  const Tensor y = run(random_crop({.padding = 1}), x);
  EXPECT_EQ(y.shape(), x.shape());
  std::array<int, 9> seen{};
  for (std::int64_t i = 0; i < 2000; ++i) {
    const float* const pixels = y.data<float>() + 9 * i;
    EXPECT_EQ(std::count(pixels, pixels + 9, 1.0f), 1);
    ++seen[static_cast<std::size_t>(std::find(pixels, pixels + 9, 1.0f) - pixels)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 2000.0 / 9, 75);

  const Tensor small = run(random_crop({.padding = 0, .size = 2}), images(50, 3, 4, 6));
  EXPECT_EQ(small.shape(), Shape({50, 3, 2, 2}));
  EXPECT_TRUE(equal(run(random_crop({.padding = 0}), x), x));
  // Wide padding: all of the window may be outside.
  EXPECT_EQ(run(random_crop({.padding = 9}), x).shape(), x.shape());
  EXPECT_THROW(run(random_crop({.padding = 1, .size = 6}), x), ShapeError);
  EXPECT_THROW(random_crop({.padding = -1}), ArgumentError);
}

TEST(Augment, ResizesAWindow) {
  // A plane a + b y + c x stays one under bilinear resizing.
  Tensor x = empty({20, 1, 9, 12}, float64);
  for (std::int64_t i = 0; i < x.numel(); ++i)
    x.mutable_data<double>()[i] = static_cast<double>(i / 12 % 9) + 100.0 * static_cast<double>(i % 12);
  // All of the image in a shape of 1 : 1 does not fit, so it is taken as it is.
  EXPECT_TRUE(equal(run(random_resized_crop({.least = 1, .ratio = 1.0}), x), x));
  const Tensor y = run(random_resized_crop({.least = 0.2, .most = 0.5, .size = 6}), x);
  EXPECT_EQ(y.shape(), Shape({20, 1, 6, 6}));
  std::set<double> corners;
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto v = image(y, i);
    corners.insert(v[0]);
    for (const double value : v) EXPECT_TRUE(value >= 0 && value <= 1108);
    // Away from the window's edge the steps are equal.
    EXPECT_NEAR(v[15] - v[14], v[16] - v[15], 1e-9);
    EXPECT_NEAR(v[14] - v[8], v[20] - v[14], 1e-9);
  }
  EXPECT_GT(corners.size(), 10U);
  EXPECT_THROW(random_resized_crop({.least = 0}), ArgumentError);
  EXPECT_THROW(random_resized_crop({.least = 0.6, .most = 0.5}), ArgumentError);
  EXPECT_THROW(random_resized_crop({.ratio = 0.5}), ArgumentError);
  EXPECT_THROW(random_resized_crop({.size = -1}), ArgumentError);
}

TEST(Augment, TurnsAboutTheMiddle) {
  const Tensor x = images(60, 2, 5, 5, float64);
  EXPECT_TRUE(equal(run(random_rotation(0), x), x));
  const Tensor y = run(random_rotation(180), x);
  for (std::int64_t i = 0; i < 60; ++i) EXPECT_NEAR(image(y, i)[12], image(x, i)[12], 1e-12);  // the middle stays
  // A plane b y + c x turned about its middle by the angle t is the plane turned by t.
  Tensor plane = empty({40, 1, 31, 31}, float64);
  for (std::int64_t i = 0; i < plane.numel(); ++i)
    plane.mutable_data<double>()[i] = static_cast<double>(i % 31) - 15;  // x
  const Tensor turned = run(random_rotation(30), plane);
  double largest = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    const auto v = image(turned, i);
    const double dx = v[15 * 31 + 16] - v[15 * 31 + 15], dy = v[16 * 31 + 15] - v[15 * 31 + 15];
    EXPECT_NEAR(dx * dx + dy * dy, 1, 1e-9);
    EXPECT_GE(dx, std::cos(std::acos(-1.0) / 6) - 1e-9);  // no more than 30 degrees
    largest = std::max(largest, std::abs(dy));
    EXPECT_NEAR(v[20 * 31 + 12], -3 * dx + 5 * dy, 1e-9);
  }
  EXPECT_GT(largest, 0.4);
  EXPECT_THROW(random_rotation(-1), ArgumentError);
  EXPECT_THROW(random_rotation(181), ArgumentError);
}

struct Hsv {
  double h, s, v;
};
Hsv hsv(double r, double g, double b) {
  const double v = std::max({r, g, b}), c = v - std::min({r, g, b});
  double h = v == r ? (g - b) / c : v == g ? 2 + (b - r) / c : 4 + (r - g) / c;
  if (h < 0) h += 6;
  return {h / 6, c / v, v};
}

TEST(Augment, ChangesHueSaturationAndValueOnlyAsAsked) {
  const Tensor x = images(30, 3, 4, 4, float64);
  const auto compare = [&](const ColorJitterOptions& options, auto check) {
    const Tensor y = run(color_jitter(options), x);
    for (std::int64_t i = 0; i < 30; ++i) {
      const auto a = image(x, i), b = image(y, i);
      for (std::size_t k = 0; k < 16; ++k)
        check(hsv(a[k], a[16 + k], a[32 + k]), hsv(b[k], b[16 + k], b[32 + k]), i, k);
    }
  };
  EXPECT_TRUE(all_close(run(color_jitter({0, 0, 0, 0}), x), x, 1e-12, 1e-12));
  const auto circle = [](double d) { return std::abs(d - std::round(d)); };
  std::array<double, 30> factor{};
  compare({0, 0, 0, 0.5}, [&](Hsv a, Hsv b, std::int64_t i, std::size_t k) {
    EXPECT_NEAR(a.s, b.s, 1e-9);
    EXPECT_NEAR(a.v, b.v, 1e-9);
    double& turn = factor[static_cast<std::size_t>(i)];
    if (k == 0) turn = b.h - a.h;
    EXPECT_NEAR(circle(b.h - a.h - turn), 0, 1e-9);
  });
  EXPECT_GT(circle(factor[0] - factor[1]), 1e-3);
  factor.fill(-1);
  compare({0, 0, 0.5, 0}, [&](Hsv a, Hsv b, std::int64_t i, std::size_t) {
    EXPECT_NEAR(a.v, b.v, 1e-9);
    EXPECT_NEAR(circle(a.h - b.h), 0, 1e-9);
    double& times = factor[static_cast<std::size_t>(i)];
    if (b.s < 1 - 1e-9) {
      if (times < 0) times = b.s / a.s;
      EXPECT_NEAR(b.s / a.s, times, 1e-9);
      EXPECT_NEAR(times, 1, 0.5);
    }
    EXPECT_LE(b.s, 1 + 1e-12);
  });
}

TEST(Augment, ChangesBrightnessAndContrastOfGreyImages) {
  // Brightness down only: V times a factor, nothing else.
  const Tensor grey = images(30, 1, 4, 4, float64);
  const Tensor dim = run(color_jitter({1, 0, 0, 0}), grey);
  for (std::int64_t i = 0; i < 30; ++i) {
    const auto a = image(grey, i), b = image(dim, i);
    const std::size_t least = static_cast<std::size_t>(std::min_element(a.begin(), a.end()) - a.begin());
    const double times = b[least] / a[least];
    for (std::size_t k = 0; k < 16; ++k) EXPECT_NEAR(b[k], std::min(1.0, a[k] * times), 1e-9);
  }
  // Contrast keeps the mean of grey images where nothing is cut off.
  Tensor soft = images(10, 1, 8, 8, float64);
  for (std::int64_t i = 0; i < soft.numel(); ++i) soft.mutable_data<double>()[i] = 0.4 + 0.2 * soft.data<double>()[i];
  const Tensor hard = run(color_jitter({0, 0.9, 0, 0}), soft);
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto a = image(soft, i), b = image(hard, i);
    double before = 0, after = 0;
    for (std::size_t k = 0; k < 64; ++k) before += a[k], after += b[k];
    EXPECT_NEAR(before, after, 1e-9);
    EXPECT_GT(std::abs(b[0] - a[0]), 1e-6);
  }
}

TEST(Augment, RefusesWhatIsNoColour) {
  EXPECT_THROW(color_jitter({.hue = 0.6}), ArgumentError);
  EXPECT_THROW(color_jitter({.contrast = -0.1}), ArgumentError);
  EXPECT_THROW(run(color_jitter(), images(1, 2, 2, 2)), ShapeError);
  // Bytes, centred values, NaN: nothing that colours are made of.
  for (const double value : {255.0, 1.01, -0.01, std::nan("")}) {
    Tensor bad = images(2, 3, 2, 2, float64);
    bad.mutable_data<double>()[17] = value;
    EXPECT_THROW(run(color_jitter(), bad), ArgumentError) << value;
  }
}

TEST(Augment, LightsAlongTheAxesOfTheColours) {
  // Grey noise: the only axis is (1, 1, 1), its eigenvalue three times the variance.
  Tensor grey = empty({50, 3, 4, 4}, float64);
  const Tensor noise = images(50, 1, 4, 4, float64);
  for (std::int64_t i = 0; i < grey.numel(); ++i)
    grey.mutable_data<double>()[i] = noise.data<double>()[i / 48 * 16 + i % 16];
  double mean = 0, square = 0;
  for (const double v : noise.to_vector()) mean += v / 800, square += v * v / 800;
  const Tensor flat = zeros({4000, 3, 1, 2}, float64);
  const Tensor lit = run(lighting({.std = 0.5, .images = grey}), flat);
  double squares = 0;
  for (std::int64_t i = 0; i < 4000; ++i) {
    const auto v = image(lit, i);
    for (const double value : v) EXPECT_NEAR(value, v[0], 1e-9);
    squares += v[0] * v[0] / 4000;
  }
  const double expected = 0.5 * 3 * (square - mean * mean) / std::sqrt(3);
  EXPECT_NEAR(std::sqrt(squares) / expected, 1, 0.06);
  EXPECT_TRUE(equal(run(lighting({.std = 0}), flat), flat));
  EXPECT_FALSE(equal(run(lighting(), flat), flat));
  EXPECT_THROW(run(lighting(), images(1, 1, 2, 2)), ShapeError);
  EXPECT_THROW(lighting({.std = -1}), ArgumentError);
  EXPECT_THROW(lighting({.images = zeros({0, 3, 2, 2})}), ArgumentError);
}

TEST(Augment, ErasesARectangle) {
  const Tensor x = ones({500, 2, 16, 16});
  const Tensor y = run(random_erasing({.p = 0.5, .least = 0.1, .most = 0.2, .value = 7}), x);
  int erased = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    const auto v = image(y, i);
    std::int64_t top = 16, bottom = -1, left = 16, right = -1, count = 0;
    for (std::int64_t k = 0; k < 256; ++k) {
      EXPECT_EQ(v[static_cast<std::size_t>(k)], v[static_cast<std::size_t>(256 + k)]);
      if (v[static_cast<std::size_t>(k)] != 7) continue;
      ++count;
      top = std::min(top, k / 16), bottom = std::max(bottom, k / 16);
      left = std::min(left, k % 16), right = std::max(right, k % 16);
    }
    if (count == 0) continue;
    ++erased;
    EXPECT_EQ(count, (bottom - top + 1) * (right - left + 1));
    EXPECT_NEAR(static_cast<double>(count), 256 * 0.15, 256 * 0.05 + 16);
  }
  EXPECT_NEAR(erased, 250, 56);
  EXPECT_TRUE(equal(run(random_erasing({.p = 0}), x), x));
  EXPECT_THROW(random_erasing({.p = 1.5}), ArgumentError);
}

TEST(Augment, MixesRowsAndTheirTargets) {
  // Row i is (i, i) and has class i: the probabilities must give the mixture of the inputs.
  Tensor x = empty({300, 2}, float64);
  for (std::int64_t i = 0; i < 600; ++i) x.mutable_data<double>()[i] = static_cast<double>(i / 2);
  const Batch batch{x, arange(300), {}};
  for (const double alpha : {0.2, 1.0, 3.0}) {
    const Batch mixed = mixup(alpha)(batch, Generator(4), 300);
    ASSERT_EQ(mixed.targets.shape(), Shape({300, 300}));
    double mean = 0, square = 0;
    for (std::int64_t i = 0; i < 300; ++i) {
      const float* const p = mixed.targets.data<float>() + 300 * i;
      double sum = 0, value = 0;
      for (std::int64_t k = 0; k < 300; ++k) {
        sum += static_cast<double>(p[k]);
        value += static_cast<double>(p[k]) * static_cast<double>(k);
      }
      EXPECT_NEAR(sum, 1, 1e-6);
      EXPECT_NEAR(value, mixed.inputs.data<double>()[2 * i], 1e-3);
      const auto own = static_cast<double>(p[i]);
      mean += own / 300, square += own * own / 300;
    }
    EXPECT_NEAR(mean, 0.5, 0.15);  // Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1))
    EXPECT_NEAR(square - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.03);
  }
  const Batch values = mixup()({x, x, {}}, Generator(4));
  EXPECT_TRUE(equal(values.targets, values.inputs));
  expect_error<ArgumentError>([&] { mixup()(batch, Generator(1)); }, {"mixup: expected the number of classes"});
  EXPECT_THROW(mixup()(batch, Generator(1), 200), IndexError);
  EXPECT_THROW(mixup(0), ArgumentError);
}

TEST(Augment, GivesEachRowItsOwnRandomNumbers) {
  const Tensor x = images(64, 3, 8, 8);
  const Augmentation all{
      horizontal_flip(), random_crop(), random_rotation(), color_jitter(), lighting(), random_erasing()};
  const Tensor y = run(all, x);
  // Rows 20 … 29 alone, with their generators, become the same.
  std::vector<Generator> generators;
  for (std::uint64_t i = 20; i < 30; ++i) generators.push_back(Generator(1).split(i));
  const Dataset part = Dataset{x, {}, {}, {}}.slice(20, 30), expected = Dataset{y, {}, {}, {}}.slice(20, 30);
  EXPECT_TRUE(equal(all({part.inputs, {}, {}}, generators).inputs, expected.inputs));
  const int before = num_threads();
  set_num_threads(1);
  const Tensor alone = run(all, x);
  set_num_threads(3);
  EXPECT_TRUE(equal(alone, run(all, x)));
  EXPECT_TRUE(equal(alone, y));
  set_num_threads(before);
  EXPECT_FALSE(equal(run(all, x, 2), y));

  EXPECT_TRUE(equal(run(Augmentation(), x), x));
  EXPECT_TRUE(equal(run(Augmentation{}, x), x));
  const Augmentation own = [](Batch batch, std::span<Generator> g) {
    batch.inputs = full({static_cast<std::int64_t>(g.size())}, g[0].uniform());
    return batch;
  };
  EXPECT_EQ(run(own, x).shape(), Shape({64}));
}

TEST(Augment, RejectsWhatIsNoBatchOfImages) {
  EXPECT_THROW(run(horizontal_flip(), zeros({2, 3, 4})), ShapeError);
  EXPECT_THROW(run(horizontal_flip(), zeros({2, 3, 4, 4}, int64)), DTypeError);
  EXPECT_EQ(run(horizontal_flip(), zeros({0, 3, 4, 4})).shape(), Shape({0, 3, 4, 4}));
  EXPECT_THROW(horizontal_flip(-0.1), ArgumentError);
  std::vector<Generator> one(1);
  EXPECT_THROW(horizontal_flip()({zeros({2, 1, 2, 2}), {}, {}}, one), ArgumentError);
}

TEST(Augment, IsReadFromText) {
  const Tensor x = images(40, 3, 8, 8);
  const auto same = [&](const char* text, const Augmentation& augment) {
    EXPECT_TRUE(equal(run(augmentation(text), x), run(augment, x))) << text;
  };
  same("flip,crop", {horizontal_flip(), random_crop()});
  same(" flip 0.3 ,\tcrop 2 ", {horizontal_flip(0.3), random_crop({.padding = 2})});
  same("vflip, resized_crop 0.5, rotate 30",
       {vertical_flip(), random_resized_crop({.least = 0.5}), random_rotation(30)});
  same("color 0.2, lighting, erase 1", {color_jitter({0.2, 0.2, 0.2, 0.05}), lighting(), random_erasing({.p = 1})});
  same("mixup 1", mixup(1));
  EXPECT_FALSE(augmentation(""));
  const auto refusal = [](const char* text) -> std::string {
    try {
      augmentation(text);
    } catch (const ArgumentError& error) {
      return error.message();
    }
    return "";
  };
  EXPECT_EQ(refusal("flip, flop"),
            "expected an augmentation, got 'flop' (did you mean 'flip'?) at position 7 of 'flip, flop'");
  EXPECT_EQ(refusal("crop x"), "expected 'crop [PADDING]', got 'crop x' at position 6 of 'crop x'");
  EXPECT_EQ(refusal("crop 1.5"), "expected 'crop [PADDING]', got 'crop 1.5' at position 6 of 'crop 1.5'");
  EXPECT_EQ(refusal("flip 1 2"), "expected 'flip [P]', got 'flip 1 2' at position 8 of 'flip 1 2'");
  EXPECT_EQ(refusal("crop, flip 2"), "expected a probability in [0, 1], got 2 at position 7 of 'crop, flip 2'");
  EXPECT_EQ(refusal("flip,"), "expected a word, got none at position 6 of 'flip,'");
  EXPECT_EQ(refusal(",flip"), "expected a word, got none at position 1 of ',flip'");
}

}  // namespace
}  // namespace gradus::data
