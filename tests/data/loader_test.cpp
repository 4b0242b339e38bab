#include "gradus/data/loader.h"

#include "files.h"

#include "gradus/data/preprocess.h"
#include "gradus/tensor/memory.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>

namespace gradus::data {
namespace {

/// Row i holds 10 i … 10 i + 2 and has class i.
Dataset numbered(std::int64_t n) {
  Dataset all{empty({n, 1, 3}), arange(n), {}, {}};
  for (std::int64_t i = 0; i < 3 * n; ++i)
    all.inputs.mutable_data<float>()[i] = static_cast<float>(10 * (i / 3) + i % 3);
  return all;
}

using Rows = std::vector<std::int64_t>;

/// The rows of a pass, in order.
Rows pass(Loader& loader) {
  Rows rows;
  for (auto [x, y] : loader) {
    EXPECT_EQ(x.shape(), Shape({y.size(0), 1, 3}));
    for (std::int64_t i = 0; i < y.size(0); ++i) {
      const auto row = y.data<std::int64_t>()[i];
      for (std::int64_t k = 0; k < 3; ++k) EXPECT_EQ(x.data<float>()[3 * i + k], static_cast<float>(10 * row + k));
      rows.push_back(row);
    }
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

static_assert(std::input_iterator<Loader::Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, Loader::Iterator>);

TEST(Loader, YieldsEachRowOnceInOrder) {
  Loader loader(numbered(10), {.batch = 4});
  EXPECT_EQ(pass(loader), counting(10));
  EXPECT_EQ(pass(loader), counting(10));
  EXPECT_EQ(loader.size(), 3);
  EXPECT_EQ(loader.rows(), 10);
  std::vector<std::int64_t> sizes;
  for (const auto& [x, y] : loader) sizes.push_back(x.size(0));
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{4, 4, 2}));
}

TEST(Loader, ShufflesAnewForEachPass) {
  Loader loader(numbered(50), {.batch = 7, .shuffle = true, .seed = 1});
  const Rows first = pass(loader), second = pass(loader);
  EXPECT_NE(first, counting(50));
  EXPECT_NE(first, second);
  EXPECT_EQ(sorted(first), counting(50));
  EXPECT_EQ(sorted(second), counting(50));

  Loader same(numbered(50), {.batch = 16, .shuffle = true, .seed = 1});
  EXPECT_EQ(pass(same), first);  // whatever the size of the batches
  EXPECT_EQ(pass(same), second);
  Loader other(numbered(50), {.batch = 7, .shuffle = true, .seed = 2});
  EXPECT_NE(pass(other), first);
}

TEST(Loader, DrawsItsSeedFromTheDefaultGenerator) {
  const auto order = [](std::uint64_t seed) {
    manual_seed(seed);
    Loader loader(numbered(20), {.shuffle = true});
    return pass(loader);
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  manual_seed(1);
  Loader(numbered(20), {});
  EXPECT_EQ(default_generator().position(), 0U);
}

TEST(Loader, MayDropTheLastBatch) {
  Loader loader(numbered(10), {.batch = 4, .drop_last = true});
  EXPECT_EQ(pass(loader), counting(8));
  EXPECT_EQ(loader.size(), 2);
  EXPECT_EQ(loader.rows(), 8);
  // Shuffling decides anew what is dropped.
  Loader shuffled(numbered(10), {.batch = 9, .shuffle = true, .drop_last = true, .seed = 1});
  Rows seen;
  for (int i = 0; i < 20; ++i) {
    const Rows rows = pass(shuffled);
    seen.insert(seen.end(), rows.begin(), rows.end());
  }
  for (std::int64_t i = 0; i < 10; ++i) EXPECT_LT(std::count(seen.begin(), seen.end(), i), 21);
  EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 10U);
  Loader none(numbered(3), {.batch = 4, .drop_last = true});
  EXPECT_TRUE(pass(none).empty());
}

TEST(Loader, UsesOnlyTheRowsListed) {
  Loader loader(numbered(10), {.batch = 2, .indices = tensor({7, 1, 7})});
  EXPECT_EQ(pass(loader), (Rows{7, 1, 7}));
  Loader shuffled(numbered(10), {.batch = 2, .shuffle = true, .seed = 3, .indices = tensor({2, 4, 6, 8})});
  EXPECT_EQ(sorted(pass(shuffled)), (Rows{2, 4, 6, 8}));
}

TEST(Loader, AppliesTheTransform) {
  const Dataset all = numbered(10);
  const auto normalise = Standardize().fit(all.inputs);
  std::int64_t rows = 0;
  for (auto [x, y] : Loader(all, {.batch = 3, .shuffle = true, .transform = normalise})) {
    EXPECT_TRUE(equal(x, normalise(all.subset(y).inputs)));
    rows += y.size(0);
  }
  EXPECT_EQ(rows, 10);
  Loader blank(all, {.transform = [](const Tensor& t) { return zeros_like(t); }});
  EXPECT_TRUE(equal((*blank.begin()).inputs, zeros({10, 1, 3})));
}

TEST(Loader, ReadsViewsAndLeavesTheDataAlone) {
  const Dataset all = numbered(10);
  Loader part(all.slice(4, 8), {});
  EXPECT_EQ(pass(part), (Rows{4, 5, 6, 7}));

  Dataset strided{view_as(numbered(10).inputs, {3, 1, 5}, {1, 1, 6}), arange(3), {}, {}};
  Loader whole(strided, {});
  EXPECT_TRUE(equal((*whole.begin()).inputs, clone(strided.inputs)));

  for (auto [x, y] : Loader(all, {})) x.mutable_data<float>()[0] = 99;
  EXPECT_EQ(all.inputs.data<float>()[0], 0);
}

TEST(Loader, WorksWithoutTargetsAndWithoutRows) {
  Loader inputs(Dataset{zeros({3, 2}), {}, {}, {}}, {});
  EXPECT_EQ((*inputs.begin()).inputs.shape(), Shape({3, 2}));
  EXPECT_FALSE((*inputs.begin()).targets.defined());
  for (auto [x, y] : Loader(Dataset(), {})) ADD_FAILURE();
  for (auto [x, y] : Loader(Dataset{zeros({0, 2}), zeros({0}), {}, {}}, {})) ADD_FAILURE();
}

TEST(Loader, ContinuesFromASavedState) {
  const LoaderOptions options{.batch = 4, .shuffle = true, .seed = 5};
  Loader whole(numbered(10), options);
  Rows expected;
  for (int i = 0; i < 3; ++i) {
    const Rows rows = pass(whole);
    expected.insert(expected.end(), rows.begin(), rows.end());
  }
  // Stop after each number of batches, go on in another loader.
  for (std::int64_t stop = 0; stop <= 6; ++stop) {
    Loader first(numbered(10), options);
    Rows rows;
    LoaderState state = first.state();
    for (std::int64_t done = 0; done < stop;) {
      for (auto [x, y] : first) {
        const auto more = y.to_vector<std::int64_t>();
        rows.insert(rows.end(), more.begin(), more.end());
        state = first.state();
        if (++done == stop) break;
      }
    }
    Loader second(numbered(10), {.batch = 4, .shuffle = true, .seed = 99});
    second.restore(state);
    while (rows.size() < 30) {
      const Rows more = pass(second);
      ASSERT_FALSE(more.empty());
      rows.insert(rows.end(), more.begin(), more.end());
    }
    EXPECT_EQ(rows, expected) << stop;
  }
  Loader loader(numbered(10), options);
  EXPECT_THROW(loader.restore({5, 0, 11}), ArgumentError);
  EXPECT_THROW(loader.restore({5, -1, 0}), ArgumentError);
  EXPECT_THROW(loader.restore({5, 0, -1}), ArgumentError);
}

TEST(Loader, StartsANewPassAfterABreak) {
  Loader loader(numbered(10), {.batch = 4, .shuffle = true, .seed = 5}), same = loader;
  pass(same);
  for (auto [x, y] : loader) break;
  EXPECT_EQ(pass(loader), pass(same));
}

TEST(Loader, RejectsWhatMakesNoSense) {
  EXPECT_THROW(Loader(numbered(3), {.batch = 0}), ArgumentError);
  EXPECT_THROW(Loader(numbered(3), {.indices = tensor({3})}), IndexError);
  EXPECT_THROW(Loader(numbered(3), {.indices = tensor({1.0})}), DTypeError);
  expect_error<ShapeError>([] { Loader(Dataset{zeros({3, 2}), zeros({4}), {}, {}}); }, {"loader", "[3, …]", "[4]"});
}

TEST(Loader, ErrorsNameTheLineOfTheUser) {
  const auto line_of = [](auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(to_string(error.site()).substr(0, 16), "loader_test.cpp:");
      return error.site().line;
    }
    ADD_FAILURE() << "nothing thrown";
    return 0U;
  };
  const Dataset all = numbered(3);
  const auto scale = Standardize().fit(zeros({3, 2, 2}));
  EXPECT_EQ(line_of([&] { all.slice(0, 4); }), static_cast<unsigned>(__LINE__));
  EXPECT_EQ(line_of([&] { all.subset(tensor({4})); }), static_cast<unsigned>(__LINE__));
  EXPECT_EQ(line_of([&] { Loader(all, {.batch = 0}); }), static_cast<unsigned>(__LINE__));
  EXPECT_EQ(line_of([&] { scale(all.inputs); }), static_cast<unsigned>(__LINE__));
  Loader loader(all, {.transform = scale});
  EXPECT_EQ(line_of([&] { loader.begin(); }), static_cast<unsigned>(__LINE__ - 1));
  EXPECT_EQ(loader.state().position, 0);
}

TEST(Loader, AsksTheSystemForNothingOnceWarm) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "no block is cached under AddressSanitizer";
#endif
  const Dataset all{zeros({1000, 784}), arange(1000), {}, {}};
  Loader loader(all, {.batch = 128, .shuffle = true, .transform = Standardize().fit(zeros({2, 784}))});
  for (auto [x, y] : loader) EXPECT_TRUE(x.defined());
  const auto before = memory_stats().system_calls;
  for (int i = 0; i < 3; ++i)
    for (auto [x, y] : loader) EXPECT_TRUE(x.defined());
  EXPECT_EQ(memory_stats().system_calls, before);
}

}  // namespace
}  // namespace gradus::data
