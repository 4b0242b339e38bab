#include "gradus/data/preprocess.h"

#include "files.h"

#include "gradus/data/readers.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"

#include <cmath>

namespace gradus::data {
namespace {

/// Rows with correlated features: deviations 1, …, d along the axes of a basis that is not the features' own, so the
/// covariance has condition d², and what is computed from it an error of about d² eps on any processor.
Tensor correlated(std::int64_t n, std::int64_t d, DType dtype = float64, double mean = 3) {
  Generator generator(5);
  const Tensor v = normal({d, 1}, 0, 1, dtype, generator), numbers = to(arange(d), dtype);
  const Tensor basis = eye(d, -1, dtype) - matmul(v, transpose(v)) * (2 / sum(v * v).item());
  const Tensor axes = normal({n, d}, 0, 1, dtype, generator) * (numbers + 1.0);
  return matmul(axes, basis) + numbers * mean;
}

Tensor covariance(const Tensor& rows) {
  const Tensor x = Center({.per = Per::feature}).fit(rows)(rows);
  return mul(matmul(transpose(x), x), 1.0 / static_cast<double>(x.size(0)));
}

TEST(Pca, FindsTheAxesOfAnEllipse) {
  // Variance 8 along (1, 1), 2 along (1, -1).
  const Tensor x = tensor({{3, 3}, {-1, -1}, {2, 0}, {0, 2}}, float64);
  const auto pca = Pca().fit(x);
  const double h = std::sqrt(0.5);
  EXPECT_TRUE(all_close(pca.mean(), tensor({1, 1}, float64)));
  EXPECT_TRUE(all_close(pca.eigenvalues(), tensor({4, 1}, float64)));
  EXPECT_TRUE(all_close(pca.eigenvectors(), tensor({{h, h}, {h, -h}}, float64)));
  EXPECT_TRUE(
      all_close(pca(x), tensor({{4 * h, 0.0}, {-4 * h, 0.0}, {0.0, 2 * h}, {0.0, -2 * h}}, float64), 1e-12, 1e-12));
  EXPECT_TRUE(all_close(pca.inverse(pca(x)), x, 1e-12, 1e-12));
  EXPECT_TRUE(all_close(Pca({.ddof = 1}).fit(x).eigenvalues(), tensor({16.0 / 3, 4.0 / 3}, float64)));

  const auto one = Pca({.components = 1}).fit(x);
  EXPECT_EQ(one(x).shape(), Shape({4, 1}));
  EXPECT_NEAR(one.variance_kept(), 0.8, 1e-12);
  EXPECT_TRUE(all_close(one.inverse(one(x)), tensor({{3, 3}, {-1, -1}, {1, 1}, {1, 1}}, float64), 1e-12, 1e-12));
  EXPECT_EQ(Pca({.variance = 0.79}).fit(x).eigenvalues().numel(), 1);
  EXPECT_EQ(Pca({.variance = 0.81}).fit(x).eigenvalues().numel(), 2);
}

TEST(Pca, AgreesWithReferenceValues) {
  GRADUS_SHARED_OR_SKIP(folder, "oracle");
  const Arrays pca_arrays = read_npz(folder + "/pca.npz"), zca_arrays = read_npz(folder + "/zca_whiten.npz");
  const auto pca = Pca().fit(pca_arrays.at("pca.b/X"));
  EXPECT_TRUE(all_close(pca.eigenvalues(), pca_arrays.at("pca.b/eigenvalues"), 1e-9, 1e-11));
  const auto zca = Pca({.whiten = Whiten::zca}).fit(zca_arrays.at("zca_whiten.a/X"));
  EXPECT_TRUE(all_close(zca.matrix(), zca_arrays.at("zca_whiten.a/W"), 1e-9, 1e-11));
  EXPECT_TRUE(all_close(zca(zca_arrays.at("zca_whiten.a/Xtest")), zca_arrays.at("zca_whiten.a/Ytest"), 1e-9, 1e-11));
}

TEST(Pca, WhitensWhatItWasFittedTo) {
  for (const DType dtype : {float32, float64}) {
    const double tolerance = dtype == float32 ? 1e-4 : 1e-12;
    const Tensor x = correlated(6000, 5, dtype);
    for (const Whiten kind : {Whiten::pca, Whiten::zca}) {
      const auto whiten = Pca({.whiten = kind, .eps = 0}).fit(x);
      const Tensor y = whiten(x);
      EXPECT_EQ(y.dtype(), dtype);
      EXPECT_TRUE(all_close(cast(covariance(y), float64), eye(5, 5, float64), 0, tolerance));
      EXPECT_TRUE(all_close(whiten.inverse(y), x, tolerance, tolerance));
    }
    // ZCA is the whitening that stays nearest to the data: its matrix is symmetric.
    const Tensor w = Pca({.whiten = Whiten::zca}).fit(x).matrix();
    EXPECT_TRUE(all_close(w, transpose(w), 1e-12, 1e-12));
    const auto diagonal = covariance(cast(Pca().fit(x)(x), float64)).to_vector();
    for (std::size_t i = 0; i < 25; ++i) {
      const double expected = i % 6 == 0 ? diagonal[i] : 0;
      EXPECT_NEAR((diagonal[i] - expected) / diagonal[0], 0, tolerance);
    }
  }
}

TEST(Pca, KeepsShapesAndTakesFewerRowsThanValues) {
  const Tensor images = reshape(correlated(7, 24), {7, 2, 3, 4});
  const auto zca = Pca({.whiten = Whiten::zca}).fit(images);
  EXPECT_EQ(zca(images).shape(), Shape({7, 2, 3, 4}));
  EXPECT_TRUE(all_close(zca.inverse(zca(images)), images, 1e-8, 1e-8));
  const auto pca = Pca({.components = 6}).fit(images);  // 7 centred rows span 6 dimensions
  EXPECT_EQ(pca(images).shape(), Shape({7, 6}));
  EXPECT_NEAR(pca.variance_kept(), 1, 1e-9);
  EXPECT_TRUE(all_close(pca.inverse(pca(images)), images, 1e-8, 1e-8));
  EXPECT_EQ(pca(zeros({0, 2, 3, 4}, float64)).shape(), Shape({0, 6}));
}

TEST(Pca, DoesNotDependOnThreads) {
  const Tensor x = correlated(9000, 60, float32);
  const int before = num_threads();
  set_num_threads(1);
  const auto one = Pca().fit(x);
  const Tensor y = one(x);
  set_num_threads(3);
  const auto three = Pca().fit(x);
  EXPECT_TRUE(all_close(one.eigenvalues(), three.eigenvalues(), 1e-9, 1e-9));
  EXPECT_TRUE(all_close(y, three(x), 1e-5, 1e-4));
  set_num_threads(before);
}

TEST(Pca, RejectsWhatItCannotDo) {
  EXPECT_THROW(Pca({.components = -1}), ArgumentError);
  EXPECT_THROW(Pca({.variance = 0}), ArgumentError);
  EXPECT_THROW(Pca({.variance = 1.5}), ArgumentError);
  EXPECT_THROW(Pca({.components = 2, .variance = 0.5}), ArgumentError);
  EXPECT_THROW(Pca({.eps = -1}), ArgumentError);
  const Tensor x = correlated(20, 3);
  expect_error<ArgumentError>([&] { Pca()(x); }, {"pca: expected a call of fit before, got none"});
  EXPECT_THROW(Pca().inverse(x), ArgumentError);
  EXPECT_THROW(Pca({.components = 4}).fit(x), ArgumentError);
  EXPECT_THROW(Pca({.ddof = 20}).fit(x), ArgumentError);
  EXPECT_THROW(Pca().fit(zeros({0, 3})), ArgumentError);
  EXPECT_THROW(Pca().fit(zeros({3, 0})), ArgumentError);
  EXPECT_THROW(Pca().fit(full({3, 2}, std::nan(""))), ArgumentError);
  EXPECT_THROW(Pca().fit(zeros({3, 2}, int64)), DTypeError);
  const auto pca = Pca({.components = 2}).fit(x);
  expect_error<ShapeError>([&] { pca(zeros({2, 4})); }, {"expected rows of shape [3] as in fit, got [2, 4]"});
  EXPECT_THROW(pca.inverse(zeros({2, 3})), ShapeError);
}

TEST(LabelEncode, NumbersTheValues) {
  const Tensor x = tensor({30, -2, 7, 30});
  const auto encode = LabelEncode().fit(x);
  EXPECT_TRUE(equal(encode.values(), tensor({-2, 7, 30})));
  EXPECT_TRUE(equal(encode(x), tensor({2, 0, 1, 2})));
  EXPECT_TRUE(equal(encode.inverse(encode(x)), x));
  const auto halves = LabelEncode().fit(tensor({{0.5, 0.25}}, float32));
  EXPECT_TRUE(equal(halves(tensor({{0.25, 0.5}}, float32)), tensor({{0, 1}})));
  EXPECT_EQ(halves.inverse(tensor({1})).item(), 0.5);
  EXPECT_THROW(LabelEncode()(x), ArgumentError);
  expect_error<ArgumentError>([&] { encode(tensor({8})); }, {"one of the 3 values of fit, got 8"});
  EXPECT_THROW(encode.inverse(tensor({3})), IndexError);
  EXPECT_THROW(encode.inverse(tensor({-1})), IndexError);
  EXPECT_THROW(encode(tensor({7.0})), DTypeError);
  EXPECT_THROW(LabelEncode().fit(tensor({std::nan("")})), ArgumentError);
}

TEST(OneHot, HasAColumnForEachValue) {
  const auto classes = OneHot().fit(tensor({4, 1, 9}));
  EXPECT_TRUE(equal(classes(tensor({9, 4})), tensor({{0, 0, 1}, {0, 1, 0}}, float32)));
  EXPECT_TRUE(equal(classes.inverse(tensor({{0.1, 0.7, 0.2}, {0.5, 0.2, 0.3}}, float32)), tensor({4, 1})));
  const Tensor x = tensor({{1, 5}, {2, 5}, {1, 6}}, float32);
  const auto features = OneHot().fit(x);
  EXPECT_TRUE(equal(features(x), tensor({{1, 0, 1, 0}, {0, 1, 1, 0}, {1, 0, 0, 1}}, float32)));
  EXPECT_TRUE(equal(features.inverse(features(x)), x));
  EXPECT_THROW(OneHot()(x), ArgumentError);
  EXPECT_THROW(features(tensor({{1, 7}}, float32)), ArgumentError);
  EXPECT_THROW(features(tensor({{1, 5, 5}}, float32)), ShapeError);
  EXPECT_THROW(OneHot().fit(zeros({2, 2, 2})), ShapeError);
}

TEST(Pipeline, FitsEachStepToWhatThoseBeforeMake) {
  const Tensor x = correlated(500, 6);
  Pipeline pipeline(Standardize(), Pca({.variance = 0.99}), MinMax());
  expect_error<ArgumentError>([&] { pipeline(x); }, {"standardize: expected a call of fit"});
  pipeline.fit(x);
  const auto scale = Standardize().fit(x);
  const auto pca = Pca({.variance = 0.99}).fit(scale(x));
  const auto range = MinMax().fit(pca(scale(x)));
  EXPECT_TRUE(equal(pipeline(x), range(pca(scale(x)))));
  EXPECT_TRUE(equal(pipeline.inverse(pipeline(x)), scale.inverse(pca.inverse(range.inverse(pipeline(x))))));
  ASSERT_NE(pipeline.step<Pca>(1), nullptr);
  EXPECT_TRUE(equal(pipeline.step<Pca>(1)->eigenvalues(), pca.eigenvalues()));
  EXPECT_EQ(pipeline.step<Pca>(0), nullptr);
  EXPECT_EQ(pipeline.step<Pca>(3), nullptr);

  Pipeline copy = pipeline;
  EXPECT_THROW(copy.fit(full({10, 6}, std::nan(""))), ArgumentError);
  EXPECT_TRUE(equal(copy(x), pipeline(x)));
  copy.fit(correlated(500, 6, float64, -7));
  EXPECT_FALSE(equal(copy(x), pipeline(x)));
  EXPECT_TRUE(equal(Pipeline()(x), x));
}

TEST(Pipeline, IsFittedToTheTrainingPartAlone) {
  Splits parts{{correlated(100, 4), {}, {}, {"a", "b", "c", "d"}},
               {correlated(20, 4, float64, 9), {}, {}, {}},
               {correlated(20, 4, float64, -9), {}, {}, {}}};
  Pipeline pipeline(Standardize(), Pca({.components = 2}));
  const Splits done = fit_transform(pipeline, parts);
  const auto alone = Pipeline(Standardize(), Pca({.components = 2})).fit(parts.train.inputs);
  EXPECT_TRUE(equal(done.train.inputs, alone(parts.train.inputs)));
  EXPECT_TRUE(equal(done.validation.inputs, alone(parts.validation.inputs)));
  EXPECT_TRUE(equal(done.test.inputs, alone(parts.test.inputs)));
  EXPECT_TRUE(done.train.feature_names.empty());
  EXPECT_FALSE(fit_transform(pipeline, Splits{parts.train, {}, {}}).test.inputs.defined());
}

template <Preprocessing T>
void expect_same_when_loaded(T step, const Tensor& x, const TempFolder& folder) {
  SCOPED_TRACE(T::kName);
  const std::string path = folder.path("step.npz");
  EXPECT_THROW(save(T(), path), ArgumentError);
  step.fit(x);
  save(step, path);
  const auto loaded = load<T>(path);
  EXPECT_TRUE(equal(loaded.transform(x), step.transform(x)));
  EXPECT_TRUE(equal(loaded.inverse(step.transform(x)), step.inverse(step.transform(x))));
  Pipeline pipeline(step);
  save(pipeline, path);
  EXPECT_TRUE(equal(load<Pipeline>(path)(x), step.transform(x)));
  EXPECT_TRUE(equal(load(path, Pipeline(T()))(x), step.transform(x)));
  EXPECT_THROW(load<T>(path), IoError);
}

TEST(Steps, AreSavedAndLoadedExactly) {
  const TempFolder folder;
  const Tensor x = correlated(40, 3);
  expect_same_when_loaded(Center({.per = Per::all}), x, folder);
  expect_same_when_loaded(Standardize({.per = Per::channel}), x, folder);
  expect_same_when_loaded(MinMax({.low = -1}), x, folder);
  expect_same_when_loaded(Impute(), x, folder);
  expect_same_when_loaded(Pca({.components = 2}), x, folder);
  expect_same_when_loaded(Pca({.whiten = Whiten::pca, .eps = 0.1}), x, folder);
  expect_same_when_loaded(Pca({.variance = 0.9, .whiten = Whiten::zca}), x, folder);
  expect_same_when_loaded(LabelEncode(), x, folder);
  expect_same_when_loaded(OneHot(), x, folder);
  const std::string path = folder.path("all.npz");
  Pipeline nested;
  for (int i = 0; i < 11; ++i) nested.add(Standardize());
  Pipeline all(Impute(), nested, Pca());
  all.fit(x);
  save(all, path);
  EXPECT_TRUE(equal(load<Pipeline>(path)(x), all(x)));
  EXPECT_EQ(load<Pipeline>(path).size(), 3U);
}

/// A name of 64 KB could tell 5,000 pipelines, each with a copy of what is in it.
TEST(Steps, PipelinesInPipelinesAreAtMostSixteenDeep) {
  const TempFolder folder;
  const std::string path = folder.path("x.npz");
  const auto write = [&](int depth) {
    std::string name = "pipeline.";
    for (int i = 0; i < depth; ++i) name += "0.pipeline.";
    write_npz(path, {{name + "0.impute.mean", zeros({3}, float64)}});
  };
  write(16);
  EXPECT_TRUE(equal(load<Pipeline>(path)(ones({2, 3})), ones({2, 3})));
  for (const int depth : {17, 5000}) {
    write(depth);
    expect_error<IoError>([&] { load<Pipeline>(path); }, {"at most 16 deep, got " + std::to_string(depth), path});
  }
}

TEST(Steps, LoadRejectsWhatIsNotTheirs) {
  const TempFolder folder;
  const std::string path = folder.path("x.npz");
  const auto expect_bad = [&]<class T>(const T& step, const Arrays& arrays, std::vector<std::string> parts) {
    SCOPED_TRACE(parts[0]);
    write_npz(path, arrays);
    parts.push_back(path);
    expect_error<IoError>([&] { load(path, step); }, parts);
  };
  const Tensor two = zeros({2}, float64), per = scalar(1, int64);
  expect_bad(Standardize(), {}, {"an array 'per'"});
  expect_bad(Standardize(), {{"center.per", per}}, {"the arrays of a standardize"});
  expect_bad(Standardize(),
             {{"standardize.per", scalar(7, int64)}, {"standardize.shift", two}, {"standardize.scale", two}},
             {"'per' from 1 to 3, got 7"});
  expect_bad(Standardize(),
             {{"standardize.per", per}, {"standardize.shift", two}, {"standardize.scale", zeros({3}, float64)}},
             {"'scale' of shape [2], got [3]"});
  expect_bad(Standardize(),
             {{"standardize.per", per}, {"standardize.shift", zeros({2})}, {"standardize.scale", two}},
             {"'shift' as float64, got float32 [2]"});
  const Arrays pca{{"pca.mean", two},
                   {"pca.eigenvalues", zeros({1}, float64)},
                   {"pca.eigenvectors", zeros({3, 1}, float64)},
                   {"pca.whiten", scalar(0, int64)},
                   {"pca.eps", scalar(0, float64)},
                   {"pca.kept", scalar(1, float64)}};
  expect_bad(Pca(), pca, {"'eigenvectors' of shape [2, 1], got [3, 1]"});
  expect_bad(LabelEncode(), {{"label_encode.values", tensor({2, 1})}}, {"rising numbers"});
  expect_bad(OneHot(), {{"one_hot.flat", scalar(0, int64)}}, {"'values.0'"});
  expect_bad(Pipeline(), {{"pipeline.0.magic.x", two}}, {"a known kind of step, got 'magic'"});
  expect_bad(Pipeline(), {{"pipeline.1.impute.mean", two}}, {"arrays '0.…', got none"});
  expect_bad(Pipeline(Pca()), {{"pipeline.0.impute.mean", two}}, {"'0.pca.…', got '0.impute.mean'"});
  expect_bad(Pipeline(Impute()),
             {{"pipeline.0.impute.mean", two}, {"pipeline.1.impute.mean", two}},
             {"expected 1 steps, got more"});
  folder.write("x.npz", "nothing of the kind");
  expect_error<IoError>([&] { load<Pca>(path); }, {"a zip file", path});
}

}  // namespace
}  // namespace gradus::data
