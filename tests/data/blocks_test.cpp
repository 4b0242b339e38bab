// Orders that come in parts, and rows that are fetched many at once.
#include "files.h"

#include "gradus/data/loader.h"
#include "gradus/ops/arithmetic.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <set>

namespace gradus::data {
namespace {

using Rows = std::vector<std::int64_t>;

/// Rows that are their own numbers.
Source numbers(std::int64_t n) {
  return {.size = n, .fetch = [](std::span<const std::int64_t> rows) {
            const Tensor x = from_vector(Rows(rows.begin(), rows.end()));
            return Batch{.inputs = x, .targets = x};
          }};
}

Rows pass(Loader& loader) {
  Rows rows;
  for (auto [x, y] : loader) {
    const auto more = y.to_vector<std::int64_t>();
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

Rows sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

Rows counting(std::int64_t n) {
  Rows rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(BlockSampler, GivesEachRowOnceWhateverTheSizes) {
  for (const std::int64_t n : {0, 1, 2, 7, 64, 100, 1000})
    for (const std::int64_t block : {1, 3, 64, 5000})
      for (const std::int64_t window : {1, 2, 7}) {
        Loader loader(numbers(n),
                      {.batch = 10, .seed = 4, .sampler = block_sampler({.block = block, .window = window})});
        EXPECT_EQ(sorted(pass(loader)), counting(n)) << n << ' ' << block << ' ' << window;
      }
}

TEST(BlockSampler, HasTheSameOrderForTheSameSeed) {
  const auto loader = [](std::uint64_t seed, int workers) {
    return Loader(numbers(997),
                  {.batch = 16, .seed = seed, .sampler = block_sampler({.block = 8, .window = 4}), .workers = workers});
  };
  Loader one = loader(1, 0), same = loader(1, 3), other = loader(2, 0);
  const Rows first = pass(one), second = pass(one);
  EXPECT_NE(first, second);
  EXPECT_EQ(pass(same), first);
  EXPECT_EQ(pass(same), second);
  EXPECT_NE(pass(other), first);
}

TEST(BlockSampler, MixesTheRowsOfAWindowAndNoOthers) {
  constexpr std::int64_t n = 1000, block = 10, window = 5;
  Loader loader(numbers(n), {.seed = 7, .sampler = block_sampler({.block = block, .window = window})});
  std::set<std::int64_t> origins;
  for (int epoch = 0; epoch < 20; ++epoch) {
    const Rows rows = pass(loader);
    int neighbours = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) neighbours += rows[i] == rows[i - 1] + 1;
    EXPECT_LT(neighbours, 60);  // 1000 times 1 in 50 or so
    for (std::int64_t w = 0; w < n / (block * window); ++w) {
      // A window is whole blocks: at most `window` runs of neighbours, one more where they go past the last row.
      Rows part(rows.begin() + w * block * window, rows.begin() + (w + 1) * block * window);
      std::sort(part.begin(), part.end());
      std::int64_t runs = part.front() != 0 || part.back() != n - 1;
      for (std::size_t i = 1; i < part.size(); ++i) runs += part[i] != part[i - 1] + 1;
      EXPECT_LE(runs, window);
      if (w == 0) origins.insert(part.front() % block);
    }
  }
  EXPECT_GT(origins.size(), 5U);  // blocks begin elsewhere in each pass
}

TEST(BlockSampler, PutsARowAnywhere) {
  // The mean place of each row over many passes is the middle.
  constexpr std::int64_t n = 60;
  Loader loader(numbers(n), {.batch = n, .seed = 5, .sampler = block_sampler({.block = 4, .window = 2})});
  std::vector<double> mean(n, 0);
  constexpr int kPasses = 2000;
  for (int epoch = 0; epoch < kPasses; ++epoch) {
    const Rows rows = pass(loader);
    for (std::size_t i = 0; i < rows.size(); ++i) mean[static_cast<std::size_t>(rows[i])] += static_cast<double>(i);
  }
  // A uniform place deviates by n / sqrt(12); five times that of the mean.
  for (const double m : mean) EXPECT_NEAR(m / kPasses, (n - 1) / 2.0, 5 * n / std::sqrt(12.0 * kPasses));
}

TEST(BlockSampler, GoesOnFromASavedStateWithinAWindow) {
  const LoaderOptions options{.batch = 7, .seed = 3, .sampler = block_sampler({.block = 4, .window = 3})};
  Loader whole(numbers(100), options);
  const Rows first = pass(whole), second = pass(whole);
  for (int stop = 1; stop < 15; ++stop) {
    Loader begun(numbers(100), options);
    auto at = begun.begin();
    for (int i = 1; i < stop; ++i) ++at;
    Loader other(numbers(100), {.batch = 7, .seed = 99, .sampler = options.sampler});
    other.restore(begun.state());
    EXPECT_EQ(pass(other), Rows(first.begin() + std::min(7 * stop, 100), first.end())) << stop;
    EXPECT_EQ(pass(other), second);
  }
}

TEST(BlockSampler, ChoosesAmongTheRowsListed) {
  Loader loader(numbers(100),
                {.seed = 3, .indices = tensor({2, 4, 6, 8, 99}), .sampler = block_sampler({.block = 2, .window = 1})});
  EXPECT_EQ(sorted(pass(loader)), (Rows{2, 4, 6, 8, 99}));
}

TEST(BlockSampler, RefusesWhatMakesNoBlocks) {
  for (const BlockOptions& options :
       {BlockOptions{.block = 0}, BlockOptions{.window = 0}, BlockOptions{1 << 30, 1 << 30}})
    expect_error<ArgumentError>([&] { block_sampler(options); }, {"block_sampler: expected block >= 1"});
  expect_error<ArgumentError>([] { Sampler::in_parts({}, 0); }, {"parts of length >= 1, got 0"});
}

TEST(Sampler, InPartsIsCheckedPartByPart) {
  const auto with = [](auto part) {
    Loader loader(numbers(10), {.batch = 3, .sampler = Sampler::in_parts(part, 4)});
    return pass(loader);
  };
  const auto rows = [](std::int64_t n, std::int64_t part, Generator&) {
    return arange(std::min<std::int64_t>(4, n - 4 * part)) + static_cast<double>(4 * part);
  };
  EXPECT_EQ(with(rows), counting(10));
  expect_error<ShapeError>([&] { with([](std::int64_t, std::int64_t, Generator&) { return arange(4); }); },
                           {"sampler: expected 2 rows, got 4"});
  expect_error<IndexError>(
      [&] {
        with([](std::int64_t, std::int64_t part, Generator&) { return arange(4) + 4.0 * static_cast<double>(part); });
      },
      {"a row of 0 … 9, got 10"});
  Generator generator(1);
  EXPECT_EQ(sorted(block_sampler({.block = 3, .window = 2})(20, generator).to_vector<std::int64_t>()), counting(20));
}

TEST(Source, IsToldOfTheRowsOfTheWindowToCome) {
  std::mutex mutex;
  std::vector<Rows> told;
  std::set<std::int64_t> known;
  Source source = numbers(100);
  source.expect = [&](std::span<const std::int64_t> rows) {
    const std::scoped_lock lock(mutex);
    told.emplace_back(rows.begin(), rows.end());
    known.insert(rows.begin(), rows.end());
  };
  Loader loader(source, {.batch = 5, .seed = 1, .sampler = block_sampler({.block = 5, .window = 4})});
  std::int64_t done = 0;
  for (const Batch& batch : loader) {
    done += batch.inputs.size(0);
    // What was handed out was told of, and the window after it too.
    for (const std::int64_t row : batch.inputs.to_vector<std::int64_t>()) EXPECT_TRUE(known.contains(row));
    EXPECT_GE(static_cast<std::int64_t>(known.size()), std::min<std::int64_t>(100, (done - 1) / 20 * 20 + 40));
  }
  EXPECT_EQ(told.size(), 5U);
  for (const Rows& rows : told) EXPECT_EQ(rows, sorted(rows));
}

TEST(Source, FetchesManyRowsAtOnce) {
  std::atomic<int> calls = 0;
  Source source = numbers(10);
  source.fetch = [&, fetch = source.fetch](std::span<const std::int64_t> rows) {
    ++calls;
    return fetch(rows);
  };
  Loader loader(source, {.batch = 4, .transform = [](const Tensor& x) { return x * 2.0; }});
  EXPECT_EQ(pass(loader), counting(10));
  EXPECT_EQ(calls, 3);

  source.fetch = [](std::span<const std::int64_t>) { return Batch{.inputs = zeros({3})}; };
  Loader wrong(source, {.batch = 4});
  expect_error<ShapeError>([&] { wrong.begin(); }, {"loader: expected inputs [4, …] from `fetch`, got [3]"});
  source.fetch = [](std::span<const std::int64_t>) { return Batch{}; };
  Loader none(source, {.batch = 4});
  expect_error<ArgumentError>([&] { none.begin(); }, {"expected inputs from `fetch`, got none"});
  source.get = [](std::int64_t) { return Example{}; };
  expect_error<ArgumentError>([&] { Loader{source}; }, {"either `get` or `fetch`", "10 rows and both"});
}

TEST(Source, DrawsTheSameWhateverTheWorkers) {
  const Source noise{.size = 50, .fetch = [](std::span<const std::int64_t> rows) {
                       return Batch{.inputs = uniform({static_cast<std::int64_t>(rows.size())})};
                     }};
  const auto drawn = [&](int workers) {
    Loader loader(noise, {.batch = 8, .seed = 2, .workers = workers});
    std::vector<float> values;
    for (const Batch& batch : loader) {
      const auto more = batch.inputs.to_vector<float>();
      values.insert(values.end(), more.begin(), more.end());
    }
    return values;
  };
  EXPECT_EQ(drawn(0), drawn(3));
}

TEST(Source, IsSplitInOrder) {
  Generator generator(3);
  for (const bool shuffle : {false, true}) {
    const SourceSplits parts = split(numbers(100), {.validation = 0.2, .test = 0.3, .shuffle = shuffle}, generator);
    Rows all;
    for (const Source* part : {&parts.train, &parts.validation, &parts.test}) {
      Loader loader(*part, {.batch = 9});
      const Rows rows = pass(loader);
      EXPECT_EQ(rows, sorted(rows));
      EXPECT_EQ(static_cast<std::int64_t>(rows.size()), part->size);
      all.insert(all.end(), rows.begin(), rows.end());
    }
    EXPECT_EQ(parts.validation.size, 20);
    EXPECT_EQ(parts.test.size, 30);
    EXPECT_EQ(all == counting(100), !shuffle);
    EXPECT_EQ(sorted(all), counting(100));
  }
  expect_error<ArgumentError>([&] { split(numbers(10), {.stratified = true}); }, {"expected classes"});
}

TEST(Source, OfADataSetIsTheSameRows) {
  const Dataset all{arange(30), arange(30), {"a"}, {"b"}};
  const Source source = as_source(all);
  EXPECT_EQ(source.size, 30);
  EXPECT_EQ(source.class_names, all.class_names);
  Generator one(4), two(4);
  const Splits tensors = split(all, {.validation = 0.5, .test = 0}, one);
  const SourceSplits rows = split(source, {.validation = 0.5, .test = 0}, two);
  Loader loader(rows.train, {});
  EXPECT_EQ(pass(loader), sorted(tensors.train.inputs.to_vector<std::int64_t>()));
  EXPECT_TRUE(equal(rows.train.targets, from_vector(pass(loader))));
}

}  // namespace
}  // namespace gradus::data
