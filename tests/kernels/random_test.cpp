#include "numbers.h"

#include <gradus/kernels/random.h>

#include <algorithm>
#include <numeric>

namespace gradus::kernels {
namespace {

constexpr std::int64_t kCount = 100003;

double mean(const Numbers& x) { return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size()); }

TEST(RandomKernels, AnElementHasAWordOfItsOwn) {
  const Generator generator(5);
  const Numbers p(at(kCount), 0.3);
  Numbers y(p.size()), want;
  for (std::int64_t i = 0; i < kCount; ++i)
    want.push_back(generator.block(static_cast<std::uint64_t>(i / 4))[at(i % 4)] < 0.3 * 0x1p32 ? 1 : 0);
  bernoulli(generator, kCount, p.data(), y.data());
  EXPECT_EQ(y, want);
  EXPECT_NEAR(mean(y), 0.3, 0.006);  // four standard deviations

  // Dropped are those whose word is at least the chance to stay.
  const Numbers x = draw(kCount, 1);
  Numbers kept(x.size()), factors(x.size());
  dropout(generator, 0.7, kCount, x.data(), kept.data(), factors.data());
  for (std::int64_t i = 0; i < kCount; ++i) {
    ASSERT_NEAR(factors[at(i)], want[at(i)] / 0.3, 1e-15) << "at " << i;
    ASSERT_EQ(kept[at(i)], x[at(i)] * factors[at(i)]) << "at " << i;
  }
}

TEST(RandomKernels, ChancesOf0And1AreCertain) {
  const Generator generator(6);
  const std::vector<float> none(1001, 0.f), all(1001, 1.f), x(1001, 2.f);
  std::vector<float> y(1001), factors(1001);
  bernoulli(generator, 1001, none.data(), y.data());
  EXPECT_EQ(y, none);
  bernoulli(generator, 1001, all.data(), y.data());
  EXPECT_EQ(y, all);
  dropout(generator, 0, 1001, x.data(), y.data(), factors.data());
  EXPECT_EQ(y, x);
  dropout(generator, 1, 1001, x.data(), y.data(), factors.data());
  EXPECT_EQ(y, none);
}

TEST(RandomKernels, PlacesAreDrawnByTheirWeights) {
  Generator generator(7);
  Numbers weights{0, 2, 0, 5, 1};
  constexpr std::int64_t n = 40000;
  Places places(at(n));
  draw(generator, weights, true, n, places.data());
  EXPECT_EQ(weights, (Numbers{0, 2, 0, 5, 1}));
  for (std::int64_t place = 0; place < 5; ++place) {
    const double share = weights[at(place)] / 8;
    const auto count = static_cast<double>(std::count(places.begin(), places.end(), place));
    EXPECT_NEAR(count / n, share, 4 * std::sqrt(share * (1 - share) / n)) << place;
  }
}

TEST(RandomKernels, WithoutReplacementEachPlaceIsDrawnOnce) {
  std::vector<double> firsts(3);
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Generator generator(seed);
    Numbers weights{1, 0, 3};
    Places places(2);
    draw(generator, weights, false, 2, places.data());
    ++firsts[at(places[0])];
    ASSERT_EQ(places[0] + places[1], 2);
    ASSERT_EQ(weights, (Numbers{0, 0, 0}));
  }
  EXPECT_NEAR(firsts[2] / 3000, 0.75, 0.04);
}

}  // namespace
}  // namespace gradus::kernels
