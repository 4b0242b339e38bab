#include "numbers.h"

#include <gradus/kernels/index.h>
#include <gradus/kernels/loops.h>
#include <gradus/kernels/sort.h>

#include <limits>

namespace gradus::kernels {
namespace {

const std::vector<Lines> kLines{lines_of(1, 7, 1), lines_of(5, 3, 1), lines_of(2, 4, 300), lines_of(3, 6, 2)};
const Places kPlaces{2, 0, 2, 1};

TEST(IndexKernels, TakenElementsAndTheirAdjoint) {
  const std::int64_t count = std::ssize(kPlaces);
  for (const Lines& lines : kLines) {
    const auto [outer, n, inner] = lines;
    const Numbers x = draw(outer * n * inner, 1), g = draw(outer * count * inner, 2);
    Numbers want(g.size()), sums = x;
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t i = 0; i < inner; ++i) {
          const std::size_t here = at((o * count + k) * inner + i), there = at((o * n + kPlaces[at(k)]) * inner + i);
          want[here] = x[there];
          sums[there] += g[here];
        }
    Numbers y(g.size()), added = x;
    take(lines, count, kPlaces.data(), x.data(), y.data());
    EXPECT_EQ(y, want);
    add_at(lines, count, kPlaces.data(), g.data(), added.data());
    EXPECT_EQ(added, sums);
  }
}

TEST(IndexKernels, WholeNumbersWrapAround) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Places places{0, 0}, x{most, 2};
  Places y{0};
  add_at(lines_of(1, 1, 1), 2, places.data(), x.data(), y.data());
  EXPECT_EQ(y, Places{std::numeric_limits<std::int64_t>::min() + 1});
}

/// A place for each of [3, 5], the tensor that they point into is [4, 5] along axis 0 and [3, 6] along axis 1.
class Along : public testing::TestWithParam<int> {
 protected:
  const int axis = GetParam();
  const Shape shape = axis == 0 ? Shape{4, 5} : Shape{3, 6};
  const Tensor places = from_vector(Places{3, 0, 2, 1, 1, 0, 0, 2, 3, 1, 2, 2, 2, 0, 1}, {3, 5});

  /// Where the element of [i, j] goes, in the row-major order of `shape`.
  std::int64_t place(std::int64_t i, std::int64_t j) const {
    const std::int64_t p = places.data<std::int64_t>()[i * 5 + j];
    return axis == 0 ? p * shape[1] + j : i * shape[1] + p;
  }
  template <class F>
  void for_each(F f) const {
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 5; ++j) f(i, j, place(i, j));
  }
  /// The same elements, the columns one behind the other.
  static Tensor turned(const Tensor& x) {
    const Shape strides{1, x.size(0)};
    Tensor y = view_as(empty({x.numel()}, x.dtype()), x.shape(), strides);
    copy_into(y, x);
    return y;
  }
};

TEST_P(Along, ElementsAreTakenByPlace) {
  const Tensor x = from_vector(draw(shape.numel(), 1), shape);
  Numbers want;
  for_each([&](auto, auto, std::int64_t p) { want.push_back(x.data<double>()[p]); });
  Tensor y = empty({3, 5}, float64);
  take_along(axis, places, x, y);
  EXPECT_EQ(y.to_vector(), want);
  y = empty({3, 5}, float64);
  take_along(axis, places, turned(x), y);
  EXPECT_EQ(y.to_vector(), want);
}

TEST_P(Along, ElementsAreAddedByPlace) {
  const Tensor x = from_vector(draw(6 * 7, 1), {6, 7});  // what is beyond the places is not read
  Tensor want = from_vector(draw(shape.numel(), 2), shape), y = clone(want), z = clone(want);
  for_each([&](std::int64_t i, std::int64_t j, std::int64_t p) {
    want.mutable_data<double>()[p] += x.data<double>()[i * 7 + j];
  });
  add_along(axis, places, x, y);
  EXPECT_EQ(y.to_vector(), want.to_vector());
  add_along(axis, places, turned(x), z);
  EXPECT_EQ(z.to_vector(), want.to_vector());
}

TEST_P(Along, TheLastToAPlaceIsWritten) {
  Places want(at(shape.numel()), -1);
  for_each([&](std::int64_t i, std::int64_t j, std::int64_t p) { want[at(p)] = i * 7 + j; });
  Tensor y = full(shape, -1, int64);
  write_along(axis, places, {6, 7}, y);
  EXPECT_EQ(y.to_vector<std::int64_t>(), want);
}

INSTANTIATE_TEST_SUITE_P(IndexKernels, Along, testing::Values(0, 1));

TEST(IndexKernels, ExtremesAtPlaces) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Places places{0, 2, 0, 2, 3};
  const Numbers x{1, 4, 3, 2, nan}, start{2, 9, 5, 0};
  const auto extremes = [&](bool largest, bool include_self) {
    Numbers y = start;
    extreme_at(largest, include_self, 4, 5, places.data(), x.data(), y.data());
    return y;
  };
  expect_near(extremes(true, true), {3, 9, 5, nan});
  expect_near(extremes(true, false), {3, 9, 4, nan});
  expect_near(extremes(false, true), {1, 9, 2, nan});
  expect_near(extremes(false, false), {1, 9, 2, nan});
}

TEST(SortKernels, DifferentRowsInOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Numbers x{2, nan, 1, 5, 2, 3, 2, nan, 1, 5, 1, 4};
  const DifferentRows all = different_rows(6, 2, x.data());
  EXPECT_EQ(all.firsts, (Places{5, 1, 2, 0}));
  EXPECT_EQ(all.counts, (Places{1, 2, 1, 2}));
  EXPECT_EQ(all.which, (Places{3, 1, 2, 3, 1, 0}));
}

}  // namespace
}  // namespace gradus::kernels
