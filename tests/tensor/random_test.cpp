#include <gradus/tensor.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

constexpr std::int64_t kMany = 1'000'000;

struct Moments {
  double mean, variance;
};

Moments moments(const std::vector<double>& x) {
  double sum = 0, squares = 0;
  for (double v : x) sum += v;
  const double mean = sum / static_cast<double>(x.size());
  for (double v : x) squares += (v - mean) * (v - mean);
  return {mean, squares / static_cast<double>(x.size())};
}

/// The largest distance between the empirical distribution and `cdf` (Kolmogorov & Smirnov).
template <class F>
double distance(std::vector<double> x, F&& cdf) {
  std::sort(x.begin(), x.end());
  double largest = 0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = cdf(x[i]);
    largest =
        std::max({largest, std::abs(p - static_cast<double>(i) / n), std::abs(p - static_cast<double>(i + 1) / n)});
  }
  return largest;
}
/// Exceeded by chance once in a million draws of `kMany` values; the seeds here are fixed.
const double kFar = std::sqrt(-std::log(0.5e-6) / 2 / static_cast<double>(kMany));

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// Correlation of each value with the one `lag` places on.
double correlation(const std::vector<double>& x, std::size_t lag) {
  const auto [mean, variance] = moments(x);
  double sum = 0;
  for (std::size_t i = 0; i + lag < x.size(); ++i) sum += (x[i] - mean) * (x[i + lag] - mean);
  return sum / variance / static_cast<double>(x.size() - lag);
}

TEST(Philox, KnownAnswers) {
  // From the test vectors of Random123.
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(detail::philox({}, {}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(detail::philox({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(detail::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(Generator(0).block(0), detail::philox({}, {}));
  EXPECT_EQ(Generator(0x0123456789abcdef).block(0x1122334455667788),
            detail::philox({0x55667788, 0x11223344, 0, 0}, {0x89abcdef, 0x01234567}));
}

TEST(Philox, ManyBlocksAreThoseOfEachPosition) {
  const Generator generator(0x0123456789abcdef);
  for (const std::size_t n : {0, 1, 15, 16, 17, 40})
    for (const std::uint64_t first : {0ULL, 3ULL, 0xfffffff9ULL, 0xfffffffffffffff0ULL}) {
      std::vector<std::array<std::uint32_t, 4>> blocks(n);
      generator.blocks(first, blocks);
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(blocks[i], generator.block(first + i)) << n << " from " << first;
    }
}

TEST(Generator, SeedAndPositionAreAllItsState) {
  Generator a(5), b(5);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), Generator(6).next());
  const std::uint64_t position = a.position();
  const Tensor x = uniform({101}, 0, 1, float32, a);
  EXPECT_EQ(a.position(), position + 51);
  a.set_position(position);
  EXPECT_TRUE(equal(uniform({101}, 0, 1, float32, a), x));
  Generator copy = a;
  EXPECT_EQ(copy.next(), a.next());
  a.seed(5);
  EXPECT_EQ(a.position(), 0U);
  EXPECT_EQ(a.seed(), 5U);
  Generator c(5), d(5);
  EXPECT_EQ(c.reserve(3), 0U);
  d.next(), d.next(), d.next();
  EXPECT_EQ(c.next(), d.next());
}

TEST(Generator, SplitsIntoStreamsOfTheirOwn) {
  const Generator a(5);
  Generator first = a.split(0), second = a.split(1), again = a.split(0);
  EXPECT_EQ(first.seed(), again.seed());
  EXPECT_NE(first.seed(), second.seed());
  EXPECT_NE(first.seed(), a.seed());
  EXPECT_EQ(a.position(), 0U);
}

TEST(Generator, BelowIsUniform) {
  Generator g(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts.at(static_cast<std::size_t>(g.below(7)));
  double chi2 = 0;
  for (int c : counts) chi2 += (c - 10'000.0) * (c - 10'000.0) / 10'000;
  EXPECT_LT(chi2, 38);  // 6 degrees of freedom, 1e-6
  EXPECT_EQ(g.below(1), 0);
  EXPECT_THROW(g.below(0), ArgumentError);
}

TEST(Generator, DefaultIsSeededPerThread) {
  manual_seed(3);
  const Tensor a = normal({5});
  const Tensor b = normal({5});
  manual_seed(3);
  EXPECT_TRUE(equal(normal({5}), a));
  EXPECT_FALSE(equal(a, b));
}

TEST(Uniform, Distribution) {
  Generator g(11);
  const auto x = uniform({kMany}, 0, 1, float64, g).to_vector();
  EXPECT_NEAR(moments(x).mean, 0.5, 5 * std::sqrt(1.0 / 12 / kMany));
  EXPECT_NEAR(moments(x).variance, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / kMany));
  EXPECT_LT(distance(x, [](double v) { return v; }), kFar);
  for (std::size_t lag : {1U, 2U, 3U, 4U}) EXPECT_LT(std::abs(correlation(x, lag)), 5e-3) << lag;
  const auto y = uniform({kMany}, -3, 5, float32, g).to_vector();
  EXPECT_LT(distance(y, [](double v) { return (v + 3) / 8; }), kFar);
  EXPECT_GE(*std::min_element(y.begin(), y.end()), -3);
}

TEST(Uniform, NeverReachesHigh) {
  Generator g(12);
  // Between 1 and its neighbour lie the two floats and nothing else: rounding would reach the upper one.
  const double next = std::nextafter(1.0F, 2.0F);
  for (double v : uniform({1000}, 1, next, float32, g).to_vector()) EXPECT_EQ(v, 1);
  for (double v : uniform({10}, 2, 2, float32, g).to_vector()) EXPECT_EQ(v, 2);
  EXPECT_THROW(uniform({1}, 2, 1), ArgumentError);
  EXPECT_THROW(uniform({1}, NAN, 1), ArgumentError);
  EXPECT_THROW(uniform({1}, 0, INFINITY), ArgumentError);
  EXPECT_THROW(uniform({1}, 0, 1, int64), DTypeError);
}

TEST(Normal, Distribution) {
  Generator g(13);
  const auto x = normal({kMany}, 0, 1, float64, g).to_vector();
  EXPECT_NEAR(moments(x).mean, 0, 5e-3);
  EXPECT_NEAR(moments(x).variance, 1, 5 * std::sqrt(2.0 / kMany));
  EXPECT_LT(distance(x, normal_cdf), kFar);
  for (std::size_t lag : {1U, 2U}) EXPECT_LT(std::abs(correlation(x, lag)), 5e-3) << lag;
  double fourth = 0;
  for (double v : x) fourth += v * v * v * v / kMany;
  EXPECT_NEAR(fourth, 3, 5 * std::sqrt(96.0 / kMany));
  const auto y = normal({kMany}, 10, 0.5, float32, g).to_vector();
  EXPECT_LT(distance(y, [](double v) { return normal_cdf((v - 10) / 0.5); }), kFar);
  EXPECT_EQ(normal({3}, 4, 0).to_vector(), (std::vector<double>{4, 4, 4}));
  EXPECT_THROW(normal({1}, 0, -1), ArgumentError);
  EXPECT_THROW(normal({1}, 0, 1, boolean), DTypeError);
}

void expect_truncated(double mean, double std, double low, double high, std::uint64_t seed) {
  Generator g(seed);
  const auto x = truncated_normal({kMany}, mean, std, low, high, float64, g).to_vector();
  EXPECT_GE(*std::min_element(x.begin(), x.end()), low);
  EXPECT_LE(*std::max_element(x.begin(), x.end()), high);
  // Probabilities are taken in the tail that is small, where differences keep their digits.
  const bool upper = low > mean;
  const auto tail = [&](double v) { return normal_cdf((upper ? mean - v : v - mean) / std); };
  const double from = tail(low), to = tail(high);
  EXPECT_LT(distance(x, [&](double v) { return (tail(v) - from) / (to - from); }), kFar);
}

TEST(TruncatedNormal, Distribution) {
  expect_truncated(0, 1, -2, 2, 14);
  expect_truncated(1, 2, 0, 10, 15);
  expect_truncated(0, 1, 8, 9, 16);  // far out, where probabilities round to 1
  expect_truncated(0, 1, -30, -20, 17);
  expect_truncated(0, 1, 0.5, 0.5001, 18);
  EXPECT_THROW(truncated_normal({1}, 0, 0, -1, 1), ArgumentError);
  EXPECT_THROW(truncated_normal({1}, 0, 1, 1, 1), ArgumentError);
  EXPECT_THROW(truncated_normal({1}, 0, 1, -60, -50),
               ArgumentError);  // of probability 0 in doubles
  EXPECT_THROW(truncated_normal({1}, 0, 1, 50, 60), ArgumentError);
}

TEST(Bernoulli, Distribution) {
  Generator g(19);
  const auto x = bernoulli({kMany}, 0.3, float32, g).to_vector();
  EXPECT_NEAR(moments(x).mean, 0.3, 5 * std::sqrt(0.21 / kMany));
  for (double v : x) ASSERT_TRUE(v == 0 || v == 1);
  EXPECT_LT(std::abs(correlation(x, 1)), 5e-3);
  for (bool v : bernoulli({1000}, 1, boolean, g).to_vector<bool>()) EXPECT_TRUE(v);
  for (auto v : bernoulli({1000}, 0, int64, g).to_vector<std::int64_t>()) EXPECT_EQ(v, 0);
  EXPECT_THROW(bernoulli({1}, 1.5), ArgumentError);
  EXPECT_THROW(bernoulli({1}, NAN), ArgumentError);
}

TEST(Permutation, EachOrderIsAsLikely) {
  Generator g(20);
  auto p = permutation(1000, g).to_vector<std::int64_t>();
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  EXPECT_EQ(p, arange(1000).to_vector<std::int64_t>());
  std::array<int, 27> counts{};
  constexpr int rounds = 60'000;
  for (int i = 0; i < rounds; ++i) {
    const auto q = permutation(3, g).to_vector<std::int64_t>();
    ++counts.at(static_cast<std::size_t>(9 * q[0] + 3 * q[1] + q[2]));
  }
  double chi2 = 0;
  for (int c : counts)
    if (c > 0) chi2 += std::pow(c - rounds / 6.0, 2) / (rounds / 6.0);
  EXPECT_EQ(std::count_if(counts.begin(), counts.end(), [](int c) { return c > 0; }), 6);
  EXPECT_LT(chi2, 36);  // 5 degrees of freedom, 1e-6
  EXPECT_EQ(permutation(0, g).numel(), 0);
  EXPECT_THROW(permutation(-1, g), ArgumentError);
}

TEST(RandomTensors, AreTheSameWithAnyNumberOfThreads) {
  const int before = num_threads();
  const auto draw = [](int threads) {
    set_num_threads(threads);
    Generator g(21);
    return std::vector<Tensor>{uniform({100'001}, 0, 1, float32, g),
                               normal({100'001}, 0, 1, float64, g),
                               truncated_normal({70'001}, 0, 1, -1, 2, float32, g),
                               bernoulli({333, 301}, 0.5, boolean, g),
                               permutation(1000, g)};
  };
  const auto one = draw(1), two = draw(2), three = draw(3);
  set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(equal(one[i], two[i])) << i;
    EXPECT_TRUE(equal(one[i], three[i])) << i;
  }
}

TEST(RandomTensors, ShareTheirValuesAcrossShapesAndTypes) {
  Generator a(22), b(22), c(22);
  const auto flat = uniform({7}, 0, 1, float64, a).to_vector();
  EXPECT_EQ(uniform({7, 1}, 0, 1, float64, b).to_vector(), flat);
  const auto narrow = uniform({7}, 0, 1, float32, c).to_vector();
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NEAR(narrow[i], flat[i], 1e-7);
  EXPECT_EQ(uniform({0}, 0, 1, float32, a).numel(), 0);
}

TEST(RandomTensors, ErrorsNameOpAndLine) {
  std::uint32_t line = 0;
  try {
    line = __LINE__ + 1;
    normal({-3});
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_EQ(e.op(), "normal");
    EXPECT_EQ(e.site().line, line);
  }
  try {
    bernoulli({1}, 2);
    FAIL();
  } catch (const ArgumentError& e) {
    EXPECT_EQ(e.message(), "expected 0 <= p <= 1, got 2");
    EXPECT_EQ(to_string(e.site()).substr(0, 15), "random_test.cpp");
  }
}

}  // namespace
}  // namespace gradus
