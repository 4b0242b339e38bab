#include "gradus/data/dataset.h"

#include "files.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus::data {
namespace {

/// `n` rows [2 i, 2 i + 1] with class i mod 3.
Dataset numbered(std::int64_t n) {
  Dataset all{empty({n, 2}), empty({n}, int64), {"a", "b", "c"}, {}};
  for (std::int64_t i = 0; i < n; ++i) {
    all.inputs.mutable_data<float>()[2 * i] = static_cast<float>(2 * i);
    all.inputs.mutable_data<float>()[2 * i + 1] = static_cast<float>(2 * i + 1);
    all.targets.mutable_data<std::int64_t>()[i] = i % 3;
  }
  return all;
}

std::vector<std::int64_t> row_numbers(const Dataset& part) {
  std::vector<std::int64_t> rows;
  const auto values = part.inputs.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < values.size(); i += 2) {
    EXPECT_EQ(values[i + 1], values[i] + 1);
    EXPECT_EQ(part.targets.to_vector<std::int64_t>()[i / 2], values[i] / 2 % 3);
    rows.push_back(values[i] / 2);
  }
  return rows;
}

TEST(Dataset, AnEmptyOneHasNoRows) {
  EXPECT_EQ(Dataset().size(), 0);
  EXPECT_EQ(Dataset().num_classes(), 0);
  EXPECT_EQ(Dataset().slice(0, 0).size(), 0);
}

TEST(Dataset, SlicesAreViews) {
  Dataset all = numbered(10);
  const Dataset part = all.slice(3, 7);
  EXPECT_EQ(row_numbers(part), (std::vector<std::int64_t>{3, 4, 5, 6}));
  EXPECT_EQ(part.inputs.data<float>(), all.inputs.data<float>() + 6);
  EXPECT_EQ(part.class_names, all.class_names);
  EXPECT_EQ(all.slice(10, 10).size(), 0);
  EXPECT_THROW(all.slice(-1, 3), IndexError);
  EXPECT_THROW(all.slice(5, 4), IndexError);
  EXPECT_THROW(all.slice(0, 11), IndexError);
}

TEST(Dataset, SubsetsCopyTheRowsListed) {
  const Dataset all = numbered(10);
  EXPECT_EQ(row_numbers(all.subset(tensor({9, 0, 0}))), (std::vector<std::int64_t>{9, 0, 0}));
  EXPECT_EQ(all.subset(zeros({0}, int64)).inputs.shape(), Shape({0, 2}));
  expect_error<IndexError>([&] { all.subset(tensor({3, 10})); }, {"subset", "0 … 9", "10"});
  EXPECT_THROW(all.subset(tensor({-1})), IndexError);
  EXPECT_THROW(all.subset(tensor({1.0})), DTypeError);
  EXPECT_THROW(all.subset(zeros({1, 1}, int64)), ShapeError);
  EXPECT_THROW(Dataset().subset(tensor({0})), IndexError);
}

TEST(Dataset, HasATargetForEachRow) {
  const Dataset bad{zeros({3, 2}), zeros({2}, int64), {}, {}};
  expect_error<ShapeError>([&] { bad.slice(0, 3); }, {"slice", "[3, …]", "[2]"});
  EXPECT_THROW(bad.subset(tensor({2})), ShapeError);
  EXPECT_THROW(split(bad), ShapeError);
}

TEST(Dataset, CountsItsClasses) {
  Dataset all = numbered(10);
  all.class_names.push_back("never seen");
  EXPECT_EQ(all.num_classes(), 4);
  all.class_names.clear();
  EXPECT_EQ(all.num_classes(), 3);
  all.targets = zeros({10, 1});
  EXPECT_EQ(all.num_classes(), 0);
}

TEST(Split, EachRowGoesToOnePart) {
  const Dataset all = numbered(103);
  for (const bool stratified : {false, true}) {
    Generator generator(3);
    const Splits parts = split(all, {.validation = 0.2, .test = 0.1, .stratified = stratified}, generator);
    EXPECT_EQ(parts.validation.size(), 21);
    EXPECT_EQ(parts.test.size(), 10);
    auto rows = row_numbers(parts.train);
    EXPECT_FALSE(std::is_sorted(rows.begin(), rows.end()));
    for (const Dataset& part : {parts.validation, parts.test}) {
      const auto more = row_numbers(part);
      rows.insert(rows.end(), more.begin(), more.end());
    }
    std::sort(rows.begin(), rows.end());
    std::vector<std::int64_t> expected(103);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(rows, expected);
  }
}

TEST(Split, IsDecidedByTheGenerator) {
  const Dataset all = numbered(50);
  const auto train = [&](std::uint64_t seed) {
    Generator generator(seed);
    return row_numbers(split(all, {}, generator).train);
  };
  EXPECT_EQ(train(1), train(1));
  EXPECT_NE(train(1), train(2));
}

TEST(Split, WithoutShufflingGivesViewsInOrder) {
  const Dataset all = numbered(10);
  const Splits parts = split(all, {.validation = 0.2, .test = 0.3, .shuffle = false});
  EXPECT_EQ(row_numbers(parts.train), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(row_numbers(parts.test), (std::vector<std::int64_t>{7, 8, 9}));
  EXPECT_EQ(parts.test.inputs.data<float>(), all.inputs.data<float>() + 14);
}

TEST(Split, StratifiedPartsHaveTheSharesOfEachClass) {
  // 400 rows of class 0, 80 of class 1, 20 of class 2.
  Dataset all{zeros({500, 1}), zeros({500}, int64), {}, {}};
  for (std::int64_t i = 0; i < 100; ++i) all.targets.mutable_data<std::int64_t>()[5 * i] = i < 80 ? 1 : 2;
  Generator generator(5);
  const Splits parts = split(all, {.validation = 0.2, .test = 0.1, .stratified = true}, generator);
  const auto counts = [](const Dataset& part) {
    std::vector<int> count(3);
    for (const auto label : part.targets.to_vector<std::int64_t>()) ++count[static_cast<std::size_t>(label)];
    return count;
  };
  EXPECT_EQ(counts(parts.test), (std::vector<int>{40, 8, 2}));
  EXPECT_EQ(counts(parts.validation), (std::vector<int>{80, 16, 4}));
  EXPECT_EQ(counts(parts.train), (std::vector<int>{280, 56, 14}));
}

TEST(Split, TakesExtremeShares) {
  const Dataset all = numbered(7);
  EXPECT_EQ(split(all, {.validation = 0, .test = 1}).test.size(), 7);
  EXPECT_EQ(split(all, {.validation = 0.5, .test = 0.5}).train.size(), 0);
  EXPECT_EQ(split(all, {.validation = 0, .test = 0, .stratified = true}).train.size(), 7);
  EXPECT_EQ(split(all, {.validation = 0, .test = 1, .stratified = true}).test.size(), 7);
  EXPECT_EQ(split(Dataset()).train.size(), 0);
  EXPECT_THROW(split(all, {.validation = 0.6, .test = 0.5}), ArgumentError);
  EXPECT_THROW(split(all, {.validation = -0.1}), ArgumentError);
  EXPECT_THROW(split(all, {.test = std::nan("")}), ArgumentError);
  Dataset values = all;
  values.targets = zeros({7, 1});
  EXPECT_THROW(split(values, {.stratified = true}), ArgumentError);
}

}  // namespace
}  // namespace gradus::data
