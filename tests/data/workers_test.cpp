#include "files.h"

#include "gradus/data/loader.h"
#include "gradus/data/preprocess.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <thread>

namespace gradus::data {
namespace {

/// Images of random pixels; row i has class i mod 3.
Dataset pictures(std::int64_t n) {
  Generator generator(8);
  Dataset all{uniform({n, 3, 6, 6}, 0, 1, float32, generator), empty({n}, int64), {}, {}};
  for (std::int64_t i = 0; i < n; ++i) all.targets.mutable_data<std::int64_t>()[i] = i % 3;
  return all;
}

std::vector<Batch> passes(Loader& loader, int count) {
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i)
    for (const Batch& batch : loader) batches.push_back(batch);
  return batches;
}

void expect_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(equal(a[i].inputs, b[i].inputs));
    EXPECT_TRUE(equal(a[i].targets, b[i].targets));
  }
}

LoaderOptions augmented(int workers) {
  return {.batch = 7,
          .shuffle = true,
          .augment = {horizontal_flip(), random_crop(), color_jitter(), mixup()},
          .transform = Standardize({.per = Per::all}).fit(pictures(4).inputs),
          .seed = 3,
          .workers = workers};
}

TEST(Workers, MakeTheSameBatchesHoweverMany) {
  Loader alone(pictures(50), augmented(0));
  const auto expected = passes(alone, 3);
  ASSERT_EQ(expected.size(), 24U);
  EXPECT_EQ(expected[0].targets.shape(), Shape({7, 3}));
  EXPECT_FALSE(equal(expected[0].inputs, expected[8].inputs));
  for (const int workers : {1, 2, 5}) {
    for (const int prefetch : {1, 4}) {
      LoaderOptions options = augmented(workers);
      options.prefetch = prefetch;
      Loader loader(pictures(50), options);
      expect_same(passes(loader, 3), expected);
    }
  }
  // Nor does the size of the batch matter to a row, if rows are not mixed.
  LoaderOptions small{.batch = 5, .augment = {random_crop(), random_erasing()}, .seed = 1}, large = small;
  large.batch = 20;
  Loader fives(pictures(20), small), twenty(pictures(20), large);
  const auto parts = passes(fives, 1), whole = passes(twenty, 1);
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(equal(parts[static_cast<std::size_t>(i)].inputs,
                      Dataset{whole[0].inputs, {}, {}, {}}.slice(5 * i, 5 * i + 5).inputs));
}

TEST(Workers, GoOnFromASavedState) {
  Loader whole(pictures(50), augmented(2));
  const auto expected = passes(whole, 2);
  for (const std::size_t stop : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{8}, std::size_t{11}}) {
    std::vector<Batch> batches;
    Loader first(pictures(50), augmented(2));
    LoaderState state = first.state();
    while (batches.size() < stop)
      for (const Batch& batch : first) {
        batches.push_back(batch);
        state = first.state();
        if (batches.size() == stop) break;
      }
    LoaderOptions options = augmented(stop % 2 == 0 ? 0 : 3);
    options.seed = 99;
    Loader second(pictures(50), options);
    second.restore(state);
    while (batches.size() < expected.size())
      for (const Batch& batch : second) batches.push_back(batch);
    expect_same(batches, expected);
  }
}

/// Waits for what other threads will do; false after half a minute.
template <class F>
bool comes_true(F f) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!f()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

std::atomic<int> worker_threads{0};
/// One on each thread that made a row, for as long as the thread lives.
struct Alive {
  Alive() { ++worker_threads; }
  ~Alive() { --worker_threads; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
};

TEST(Workers, WorkAheadButNotTooFar) {
  std::atomic<std::int64_t> seen{0}, made{0}, too_far{0};
  // With nobody asking they stop at six batches ahead of the one that is looked at.
  const auto limit = [&] { return std::min<std::int64_t>(100, 5 * (seen + 7)); };
  Source source{.size = 100, .get = [&](std::int64_t row) {
                  static thread_local const Alive alive;
                  if (row >= limit()) ++too_far;
                  ++made;
                  return Example{full({2}, static_cast<double>(row)), {}};
                }};
  Loader loader(source, {.batch = 5, .workers = 2, .prefetch = 3});
  for (const Batch& batch : loader) {
    EXPECT_EQ(batch.inputs.data<float>()[0], static_cast<float>(5 * seen));
    ASSERT_TRUE(comes_true([&] { return made >= limit(); })) << made << " of " << limit();
    ++seen;
  }
  EXPECT_EQ(seen, 20);
  EXPECT_EQ(made, 100);
  EXPECT_EQ(too_far, 0);
  // Left in the middle: the threads end with the pass.
  seen = 0;
  for (const Batch& batch : loader) {
    EXPECT_TRUE(batch.inputs.defined());
    EXPECT_GT(worker_threads, 0);
    break;
  }
  EXPECT_TRUE(comes_true([] { return worker_threads == 0; })) << worker_threads;
}

TEST(Workers, SendWhatTheyThrowToTheCaller) {
  for (const int workers : {0, 1, 3}) {
    Source source{.size = 40, .get = [&](std::int64_t row) -> Example {
                    if (row == 17) throw std::runtime_error("row 17");
                    return {full({1}, static_cast<double>(row)), {}};
                  }};
    Loader loader(source, {.batch = 4, .workers = workers});
    std::int64_t rows = 0;
    try {
      for (const auto& [x, y] : loader) rows += x.size(0);
      ADD_FAILURE() << "nothing thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "row 17");
    }
    EXPECT_EQ(rows, 16);
    EXPECT_EQ(loader.state().position, 16);
    EXPECT_THROW(passes(loader, 1), std::runtime_error);  // and again, not a deadlock
    loader.restore({1, 0, 0});
    auto at = loader.begin();
    for (int i = 0; i < 3; ++i) ++at;
    EXPECT_THROW(++at, std::runtime_error);
    EXPECT_THROW(++at, std::runtime_error);
  }
  const Dataset all = pictures(9);
  const auto scale = Standardize().fit(zeros({2, 2}));
  Loader loader(all, {.transform = scale, .workers = 2});
  try {
    loader.begin();
    ADD_FAILURE() << "nothing thrown";
  } catch (const ShapeError& error) {
    EXPECT_EQ(to_string(error.site()), "workers_test.cpp:" + std::to_string(__LINE__ - 5));
  }
}

TEST(Source, DrawsFromGeneratorsOfItsRows) {
  const auto batches = [](int workers, std::uint64_t seed) {
    Source source{.size = 30, .get = [](std::int64_t row) {
                    return Example{uniform({3}), scalar(static_cast<double>(row), int64)};
                  }};
    Loader loader(source, {.batch = 4, .seed = seed, .workers = workers});
    return passes(loader, 2);
  };
  manual_seed(5);
  const double before = Generator(default_generator()).uniform();
  const auto expected = batches(0, 1);
  EXPECT_EQ(Generator(default_generator()).uniform(), before);
  EXPECT_EQ(expected[0].targets.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_FALSE(equal(expected[0].inputs, expected[8].inputs));
  expect_same(batches(3, 1), expected);
  EXPECT_FALSE(equal(batches(3, 2)[0].inputs, expected[0].inputs));
}

TEST(Source, StacksOrPadsItsRows) {
  const auto get = [](std::int64_t row) {  // row i has i + 1 steps of 2 numbers
    return Example{full({row + 1, 2}, static_cast<double>(row)), scalar(static_cast<double>(row), int64)};
  };
  Source source{.size = 4, .get = get, .collate = pad_collate({.value = -1})};
  Loader loader(source, {.batch = 3, .workers = 1});
  const auto batches = passes(loader, 1);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_TRUE(
      equal(batches[0].inputs,
            tensor({{{0, 0}, {-1, -1}, {-1, -1}}, {{1, 1}, {1, 1}, {-1, -1}}, {{2, 2}, {2, 2}, {2, 2}}}, float32)));
  EXPECT_TRUE(equal(batches[0].lengths, tensor({1, 2, 3})));
  EXPECT_TRUE(equal(batches[0].targets, tensor({0, 1, 2})));
  EXPECT_EQ(batches[1].inputs.shape(), Shape({1, 4, 2}));

  const std::vector<Tensor> sequences{tensor({1, 2, 3}), tensor({4}), empty({0}, int64)};
  const auto [padded, lengths] = pad_sequences(sequences, {.value = 9, .length = 2});
  EXPECT_TRUE(equal(padded, tensor({{1, 2}, {4, 9}, {9, 9}})));
  EXPECT_TRUE(equal(lengths, tensor({2, 1, 0})));

  source.collate = {};
  Loader ragged(source, {.batch = 3});
  expect_error<ShapeError>([&] { ragged.begin(); }, {"rows of one shape, got [1, 2] and [2, 2]"});
  source.collate = pad_collate({.target_value = -100});
  source.get = [](std::int64_t row) { return Example{zeros({row + 1, 2}), arange(row + 1)}; };
  Loader tagged(source, {.batch = 2});
  EXPECT_TRUE(equal(passes(tagged, 1)[0].targets, tensor({{0, -100}, {0, 1}})));

  EXPECT_THROW(pad_sequences({}), ArgumentError);
  EXPECT_THROW(pad_sequences(std::vector{scalar(1)}), ShapeError);
  EXPECT_THROW(pad_sequences(std::vector{zeros({2, 3}), zeros({2, 4})}), ShapeError);
  EXPECT_THROW(pad_sequences(std::vector{zeros({2}), zeros({2}, int64)}), DTypeError);
  const std::vector<Example> some{{zeros({2}), scalar(1)}, {zeros({2}), {}}};
  EXPECT_THROW(stack_examples(some), ArgumentError);
  EXPECT_THROW(pad_collate()(some), ArgumentError);
  EXPECT_THROW(Loader(Source{.size = 3}), ArgumentError);
}

TEST(Batch, IsTakenApartAsInputsAndTargets) {
  Batch batch{zeros({2}), ones({2}), {}};
  auto& [x, y] = batch;
  EXPECT_TRUE(x.is_same(batch.inputs));
  EXPECT_TRUE(y.is_same(batch.targets));
  const auto [a, b] = batch;
  EXPECT_TRUE(a.is_same(batch.inputs));
  EXPECT_TRUE(b.is_same(batch.targets));
}

Dataset counting(std::int64_t n) { return {arange(n), arange(n), {}, {}}; }

std::vector<std::int64_t> rows_of(Loader& loader) {
  std::vector<std::int64_t> rows;
  for (const auto& [x, y] : loader)
    for (const auto row : y.to_vector<std::int64_t>()) rows.push_back(row);
  return rows;
}

TEST(Sampler, DrawsByWeight) {
  const Tensor weights = tensor({0.0, 1.0, 3.0, 0.0, 4.0}, float64);
  Loader loader(counting(5), {.batch = 100, .seed = 1, .sampler = weighted_sampler(weights, {.count = 8000})});
  EXPECT_EQ(loader.rows(), 8000);
  EXPECT_EQ(loader.size(), 80);
  std::map<std::int64_t, int> counts;
  for (const auto row : rows_of(loader)) ++counts[row];
  EXPECT_EQ(counts[0] + counts[3], 0);
  EXPECT_NEAR(counts[1], 1000, 150);  // five standard deviations
  EXPECT_NEAR(counts[2], 3000, 217);
  EXPECT_NEAR(counts[4], 4000, 224);

  // Without replacement: each once; the first is drawn like any single draw.
  int first_is_4 = 0, second_is_1 = 0;
  Loader once(counting(5), {.seed = 2, .sampler = weighted_sampler(weights, {.count = 3, .replacement = false})});
  for (int i = 0; i < 4000; ++i) {
    const auto rows = rows_of(once);
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(std::set<std::int64_t>(rows.begin(), rows.end()), (std::set<std::int64_t>{1, 2, 4}));
    first_is_4 += rows[0] == 4;
    second_is_1 += rows[0] == 4 && rows[1] == 1;
  }
  EXPECT_NEAR(first_is_4, 2000, 158);
  EXPECT_NEAR(second_is_1, 4000 * 0.5 * 0.25, 105);

  EXPECT_THROW(weighted_sampler(tensor({1.0, -1.0})), ArgumentError);
  EXPECT_THROW(weighted_sampler(tensor({0.0, 0.0})), ArgumentError);
  EXPECT_THROW(weighted_sampler(tensor({1.0, INFINITY})), ArgumentError);
  EXPECT_THROW(weighted_sampler(weights, {.replacement = false}), ArgumentError);
  EXPECT_THROW(weighted_sampler(tensor({{1.0}})), ShapeError);
  EXPECT_THROW(weighted_sampler(tensor({1})), DTypeError);
}

TEST(Sampler, SpreadsTheClassesEvenly) {
  // 60, 30 and 10 rows of three classes, in blocks.
  Tensor classes = zeros({100}, int64);
  for (std::int64_t i = 60; i < 100; ++i) classes.mutable_data<std::int64_t>()[i] = i < 90 ? 1 : 2;
  Loader loader({arange(100), classes, {}, {}}, {.batch = 20, .seed = 3, .sampler = stratified_sampler(classes)});
  std::set<std::int64_t> seen;
  std::vector<std::int64_t> first;
  for (const auto& [x, y] : loader) {
    const auto labels = y.to_vector<std::int64_t>();
    const double shares[] = {12, 6, 2};
    for (std::int64_t c = 0; c < 3; ++c)
      EXPECT_NEAR(static_cast<double>(std::count(labels.begin(), labels.end(), c)), shares[c], 1.001);
    for (const auto row : x.to_vector<std::int64_t>()) seen.insert(row), first.push_back(row);
  }
  EXPECT_EQ(seen.size(), 100U);
  std::vector<std::int64_t> second;
  for (const auto& [x, y] : loader)
    for (const auto row : x.to_vector<std::int64_t>()) second.push_back(row);
  EXPECT_NE(first, second);
  EXPECT_THROW(stratified_sampler(tensor({1.0})), DTypeError);
  EXPECT_THROW(Loader(counting(7), {.sampler = stratified_sampler(classes)}), ShapeError);
}

TEST(Sampler, ChoosesAmongTheIndices) {
  const Tensor indices = tensor({8, 2, 5});
  Loader plain(counting(9), {.indices = indices, .sampler = sequential_sampler()});
  EXPECT_EQ(rows_of(plain), (std::vector<std::int64_t>{8, 2, 5}));
  Loader drawn(
      counting(9),
      {.seed = 1, .indices = indices, .sampler = weighted_sampler(tensor({0.0, 1.0, 0.0}, float64), {.count = 4})});
  EXPECT_EQ(rows_of(drawn), (std::vector<std::int64_t>{2, 2, 2, 2}));
  Loader shuffled(counting(40), {.batch = 7, .shuffle = true, .seed = 6}),
      same(counting(40), {.batch = 7, .seed = 6, .sampler = random_sampler()});
  EXPECT_EQ(rows_of(shuffled), rows_of(same));

  const Sampler last([](std::int64_t n, Generator&) { return tensor({n - 1, n - 1}); }, 2);
  Loader own(counting(9), {.sampler = last});
  EXPECT_EQ(rows_of(own), (std::vector<std::int64_t>{8, 8}));
  Loader wrong(counting(9), {.sampler = Sampler([](std::int64_t n, Generator&) { return tensor({n}); }, 1)});
  EXPECT_THROW(wrong.begin(), IndexError);
  Loader few(counting(9), {.sampler = Sampler([](std::int64_t, Generator&) { return tensor({0}); })});
  EXPECT_THROW(few.begin(), ShapeError);
  EXPECT_THROW(Loader(counting(9), {.shuffle = true, .sampler = random_sampler()}), ArgumentError);
  EXPECT_THROW(Loader(counting(9), {.workers = -1}), ArgumentError);
  EXPECT_THROW(Loader(counting(9), {.workers = 1, .prefetch = 0}), ArgumentError);
}

}  // namespace
}  // namespace gradus::data
