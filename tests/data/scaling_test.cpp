#include "files.h"

#include "gradus/data/preprocess.h"
#include "gradus/data/readers.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"

#include <cmath>

namespace gradus::data {
namespace {

TEST(Standardize, AgreesWithReferenceValues) {
  GRADUS_SHARED_OR_SKIP(folder, "oracle");
  const Arrays arrays = read_npz(folder + "/standardise.npz");
  const auto array = [&](const std::string& name) { return arrays.at("standardise.a/" + name); };
  const auto scale = Standardize().fit(array("X"));
  EXPECT_TRUE(all_close(scale.mean(), array("mean"), 1e-12, 1e-14));
  EXPECT_TRUE(all_close(scale.std(), array("std"), 1e-12, 1e-14));
  EXPECT_TRUE(all_close(scale(array("X")), array("Y"), 1e-9, 1e-11));
  EXPECT_TRUE(all_close(scale(array("Xtest")), array("Ytest"), 1e-9, 1e-11));
}

TEST(Standardize, MeasuresMnist) {
  GRADUS_SHARED_OR_SKIP(folder, "data/mnist");
  const auto scale = Standardize().fit(mnist(folder).train.inputs);
  EXPECT_EQ(scale.mean().shape(), Shape({1}));
  EXPECT_NEAR(scale.mean().item(), 0.130660, 1e-6);
  EXPECT_NEAR(scale.std().item(), 0.308108, 1e-6);
}

TEST(Standardize, MeasuresByHand) {
  const Tensor x = tensor({{1, 10}, {3, 10}, {8, 40}}, float32);
  const auto by_feature = Standardize().fit(x);
  EXPECT_EQ(by_feature.per(), Per::feature);
  EXPECT_TRUE(all_close(by_feature.mean(), tensor({4, 20}, float64)));
  EXPECT_TRUE(all_close(by_feature.std(), tensor({std::sqrt(26.0 / 3), std::sqrt(200.0)}, float64)));
  EXPECT_TRUE(all_close(Standardize({.ddof = 1}).fit(x).std(), tensor({std::sqrt(13.0), std::sqrt(300.0)}, float64)));
  const auto by_all = Standardize({.per = Per::all}).fit(x);
  EXPECT_EQ(by_all.mean().shape(), Shape());
  EXPECT_NEAR(by_all.mean().item(), 12, 1e-12);
  EXPECT_NEAR(by_all.std().item(), std::sqrt((121 + 4 + 81 + 4 + 16 + 784) / 6.0), 1e-12);
  EXPECT_TRUE(all_close(Standardize({.per = Per::channel}).fit(x).std(), by_feature.std()));
}

/// Mean and variance of each channel of [N, C, S].
void expect_standard(const Tensor& y, double tolerance) {
  const std::int64_t n = y.size(0), channels = y.size(1), pixels = y.numel() / n / channels;
  const auto values = y.to_vector<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < pixels; ++k) {
        const double v = values[static_cast<std::size_t>((i * channels + c) * pixels + k)];
        sum += v;
        squares += v * v;
      }
    EXPECT_NEAR(sum / static_cast<double>(n * pixels), 0, tolerance);
    EXPECT_NEAR(squares / static_cast<double>(n * pixels), 1, tolerance);
  }
}

TEST(Standardize, GivesMeanZeroAndVarianceOneAndBack) {
  Generator generator(1);
  for (const DType dtype : {float32, float64}) {
    const double tolerance = dtype == float32 ? 1e-5 : 1e-12;
    Tensor images = normal({40, 3, 5, 7}, 0, 1, dtype, generator);
    dispatch_floating(dtype, [&]<class T>() {
      for (std::int64_t i = 0; i < images.numel(); ++i) {
        T& value = images.mutable_data<T>()[i];
        value = value * static_cast<T>(i / 35 % 3 + 1) + static_cast<T>(100 * (i / 35 % 3));
      }
    });
    const auto scale = Standardize().fit(images);
    EXPECT_EQ(scale.per(), Per::channel);
    const Tensor y = scale(images);
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_EQ(y.shape(), images.shape());
    expect_standard(y, tolerance);
    EXPECT_TRUE(all_close(scale.inverse(y), images, 1e-5, tolerance));
    EXPECT_EQ(scale(normal({2, 3, 9, 9}, 0, 1, dtype, generator)).shape(), Shape({2, 3, 9, 9}));

    const auto table = normal({200, 6}, 1e3, 1e-1, dtype, generator);
    expect_standard(Standardize().fit(table)(table), 10 * tolerance);
    const auto pixels = Standardize({.per = Per::feature}).fit(images);
    EXPECT_EQ(pixels.mean().shape(), Shape({3, 5, 7}));
    EXPECT_TRUE(all_close(pixels.inverse(pixels(images)), images, 1e-5, tolerance));
  }
}

TEST(Standardize, IsStableFarFromZero) {
  // Values 1e9 + {0, 1, 2}: sums of squares would lose everything.
  const auto scale = Standardize().fit(tensor({{1e9}, {1e9 + 1}, {1e9 + 2}}, float64));
  EXPECT_NEAR(scale.mean().item(), 1e9 + 1, 1e-6);
  EXPECT_NEAR(scale.std().item(), std::sqrt(2.0 / 3), 1e-6);
}

TEST(Standardize, SeesTheSpreadOfColumnsWithALargeMean) {
  // Times in milliseconds: 1.7e12 + U(0, 1000) has mean 1.7e12 + 500 and variance 1000^2 / 12.
  constexpr std::int64_t n = 100'000;
  Generator generator(1);
  Tensor x = uniform({n, 1}, 0, 1000, float64, generator);
  const auto near = Standardize().fit(x);
  EXPECT_NEAR(near.std().item(), 1000 / std::sqrt(12.0), 2);
  double* const value = x.mutable_data<double>();
  for (std::int64_t i = 0; i < n; ++i) value[i] = std::round(value[i]);
  const auto whole = Standardize().fit(x);
  for (std::int64_t i = 0; i < n; ++i) value[i] += 1.7e12;  // exact in float64
  const auto far = Standardize().fit(x);
  EXPECT_NEAR(far.std().item(), whole.std().item(), 1e-6);
  EXPECT_NEAR(far.mean().item(), 1.7e12 + whole.mean().item(), 1e-3);
  // One step of rounding is a spread.
  const auto step = Standardize().fit(tensor({{1.0}, {1 + 0x1p-52}}, float64));
  EXPECT_EQ(step.std().item(), 0x1p-53);
}

TEST(Standardize, OnlyShiftsWhatIsConstant) {
  Tensor x = full({1000, 2}, 0.1);
  for (std::int64_t i = 0; i < 1000; ++i) x.mutable_data<float>()[2 * i] = static_cast<float>(i);
  const auto scale = Standardize().fit(x);
  EXPECT_EQ(scale.std().data<double>()[1], 0);
  const auto y = scale(tensor({{0.0, 0.1}, {0.0, 1.1}}, float32)).to_vector<float>();
  EXPECT_NEAR(y[1], 0, 1e-6);
  EXPECT_NEAR(y[3], 1, 1e-6);
  EXPECT_NEAR(scale.inverse(scale(x)).data<float>()[1], 0.1f, 1e-6);
  // The sum of many 0.1 is not exact; that is not a deviation.
  const auto constant = Standardize().fit(full({1000, 1}, 0.1, float64));
  EXPECT_EQ(constant.std().item(), 0);
  EXPECT_EQ(constant.mean().item(), 0.1);
  EXPECT_EQ(Standardize().fit(full({7, 3, 5}, 0.1, float64)).std().data<double>()[2], 0);
}

TEST(Standardize, ReadsViews) {
  Generator generator(2);
  const Tensor x = normal({4, 30}, 3, 2, float32, generator);
  const Tensor turned = view_as(x, {30, 4}, {1, 30});
  const auto a = Standardize().fit(turned), b = Standardize().fit(clone(turned));
  EXPECT_TRUE(equal(a.mean(), b.mean()));
  EXPECT_TRUE(equal(a(turned), b(clone(turned))));
}

TEST(Standardize, DoesNotDependOnThreads) {
  Generator generator(3);
  const Tensor x = normal({20000, 400}, 3, 2, float32, generator);
  const int before = num_threads();
  set_num_threads(1);
  const auto one = Standardize({.per = Per::all}).fit(x);
  set_num_threads(3);
  const auto three = Standardize({.per = Per::all}).fit(x);
  EXPECT_TRUE(equal(one.mean(), three.mean()));
  EXPECT_TRUE(equal(one.std(), three.std()));
  EXPECT_TRUE(equal(one(x), three(x)));
  set_num_threads(before);
}

TEST(Standardize, CanBeMadeFromItsNumbers) {
  const Tensor x = tensor({{1, 10}, {3, 10}, {8, 40}}, float32);
  const auto scale = Standardize().fit(x);
  EXPECT_TRUE(equal(Standardize(scale.mean(), scale.std(), scale.per())(x), scale(x)));
  EXPECT_THROW(Standardize(zeros({2}), zeros({3}), Per::feature), ShapeError);
  EXPECT_THROW(Standardize(zeros({2}), zeros({2}), Per::automatic), ArgumentError);
}

TEST(Standardize, RejectsWhatItCannotDo) {
  expect_error<ArgumentError>([] { Standardize()(zeros({2, 2})); }, {"standardize: expected a call of fit"});
  EXPECT_THROW(Standardize().inverse(zeros({2, 2})), ArgumentError);
  const auto scale = Standardize().fit(tensor({{1, 10}, {3, 30}}, float32));
  expect_error<ShapeError>([&] { scale(zeros({2, 3})); }, {"[2]", "[2, 3]"});
  EXPECT_THROW(scale(zeros({2})), ShapeError);
  EXPECT_THROW(scale(scalar(1)), ShapeError);
  EXPECT_THROW(scale(zeros({2, 2}, int64)), DTypeError);
  EXPECT_EQ(scale(zeros({0, 2})).shape(), Shape({0, 2}));
  const auto images = Standardize().fit(uniform({2, 3, 4, 4}));
  EXPECT_THROW(images(zeros({2, 1, 4, 4})), ShapeError);
  EXPECT_THROW(images(zeros({3})), ShapeError);
  EXPECT_THROW(Standardize().fit(zeros({0, 3})), ArgumentError);
  EXPECT_THROW(Standardize().fit(zeros({3, 0})), ArgumentError);
  EXPECT_THROW(Standardize({.ddof = 3}).fit(zeros({3, 2})), ArgumentError);
  EXPECT_THROW(Standardize({.ddof = -1}).fit(zeros({3, 2})), ArgumentError);
  EXPECT_THROW(Standardize().fit(zeros({3}, int64)), DTypeError);

  auto kept = scale;
  EXPECT_THROW(kept.fit(full({3, 2}, std::nan(""))), ArgumentError);
  EXPECT_TRUE(equal(kept.mean(), scale.mean()));
}

TEST(Center, ShiftsByFeatureChannelOrMeanImage) {
  const Tensor images = tensor({{{{1, 2}}, {{3, 4}}}, {{{5, 8}}, {{7, 0}}}}, float64);  // [2, 2, 1, 2]
  EXPECT_TRUE(equal(Center().fit(images).mean(), tensor({4.0, 3.5}, float64)));
  EXPECT_TRUE(equal(Center({.per = Per::feature}).fit(images).mean(), tensor({{{3, 5}}, {{5, 2}}}, float64)));
  EXPECT_NEAR(Center({.per = Per::all}).fit(images).mean().item(), 3.75, 1e-15);
  const auto shift = Center({.per = Per::feature}).fit(images);
  EXPECT_TRUE(equal(shift(images), tensor({{{{-2, -3}}, {{-2, 2}}}, {{{2, 3}}, {{2, -2}}}}, float64)));
  EXPECT_TRUE(equal(shift.inverse(shift(images)), images));
}

TEST(MinMax, ReachesBothEnds) {
  const Tensor x = tensor({{1, 5, 7}, {3, 5, -1}, {2, 5, 3}}, float64);
  EXPECT_TRUE(all_close(MinMax().fit(x)(x), tensor({{0.0, 0.0, 1.0}, {1.0, 0.0, 0.0}, {0.5, 0.0, 0.5}}, float64)));
  const auto wide = MinMax({.low = -1, .high = 3}).fit(x);
  EXPECT_TRUE(all_close(wide(x), tensor({{-1, -1, 3}, {3, -1, -1}, {1, -1, 1}}, float64)));
  EXPECT_TRUE(all_close(wide(tensor({{5, 6, 7}}, float64)), tensor({{7, 3, 3}}, float64)));
  EXPECT_TRUE(all_close(wide.inverse(wide(x)), x));
  const auto all = MinMax({.per = Per::all}).fit(x);
  EXPECT_TRUE(all_close(all(tensor({{-1, 3, 7}}, float64)), tensor({{0.0, 0.5, 1.0}}, float64)));
  expect_error<ArgumentError>([] { MinMax({.low = 1, .high = 1}); }, {"min_max: expected low < high"});
  EXPECT_THROW(MinMax().fit(tensor({{1.0, INFINITY}}, float64)), ArgumentError);
  EXPECT_THROW(MinMax()(x), ArgumentError);
}

TEST(Impute, PutsTheMeanWhereNothingIs) {
  const double none = std::nan("");
  const Tensor x = tensor({{1.0, none}, {none, 4.0}, {5.0, 8.0}}, float32);
  const auto fill = Impute().fit(x);
  EXPECT_TRUE(equal(fill.mean(), tensor({3, 6}, float64)));
  EXPECT_TRUE(equal(fill(x), tensor({{1.0, 6.0}, {3.0, 4.0}, {5.0, 8.0}}, float32)));
  EXPECT_TRUE(equal(fill.inverse(fill(x)), fill(x)));
  expect_error<ArgumentError>([&] { Impute().fit(tensor({{1.0, none}}, float32)); }, {"got none in feature 1"});
  EXPECT_THROW(Impute()(x), ArgumentError);
  EXPECT_THROW(fill(zeros({2, 3})), ShapeError);
}

}  // namespace
}  // namespace gradus::data
