// Kernels along lines, most against their definition, for every place of the axis.

#include "numbers.h"

#include <gradus/kernels/norm.h>
#include <gradus/kernels/scan.h>
#include <gradus/kernels/softmax.h>
#include <gradus/kernels/sort.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <type_traits>

namespace gradus::kernels {
namespace {

const std::vector<Lines> kLines{lines_of(1, 7, 1),
                                lines_of(5, 3, 1),
                                lines_of(1, 4, 300),
                                lines_of(3, 65, 2),
                                lines_of(2, 1, 3),
                                lines_of(40, 1000, 1)};

/// f applied to each line of x.
template <class F>
Numbers by_line(const Lines& lines, const Numbers& x, F f) {
  Numbers y(x.size());
  for (std::int64_t l = 0; l < lines.count(); ++l) {
    Numbers line;
    for (std::int64_t i = 0; i < lines.size; ++i) line.push_back(x[at(lines.start(l) + i * lines.inner)]);
    const Numbers result = f(line);
    for (std::int64_t i = 0; i < lines.size; ++i) y[at(lines.start(l) + i * lines.inner)] = result[at(i)];
  }
  return y;
}

Numbers sums(Numbers line) {
  for (std::size_t i = 1; i < line.size(); ++i) line[i] += line[i - 1];
  return line;
}

TEST(LineKernels, Scans) {
  for (const Lines& lines : kLines) {
    const std::int64_t n = lines.count() * lines.size;
    const Numbers x = draw(n, 1), f = draw(n, 2);
    Numbers y(x.size());
    cumulative_sum(lines, false, x.data(), y.data());
    expect_near(y, by_line(lines, x, sums));
    cumulative_sum(lines, true, x.data(), y.data());
    expect_near(y, by_line(lines, x, [](Numbers line) {
                  std::reverse(line.begin(), line.end());
                  line = sums(line);
                  std::reverse(line.begin(), line.end());
                  return line;
                }));
    cumulative_logsumexp(lines, x.data(), y.data());
    expect_near(y, by_line(lines, x, [](Numbers line) {
                  for (double& v : line) v = std::exp(v);
                  line = sums(line);
                  for (double& v : line) v = std::log(v);
                  return line;
                }));
    // With every factor 1 a recurrence adds up.
    const Numbers ones(x.size(), 1.0);
    linear_recurrence(lines, false, ones.data(), x.data(), y.data());
    expect_near(y, by_line(lines, x, sums));
  }
}

TEST(LineKernels, ARecurrenceMultipliesWhatCameBefore) {
  const std::vector<std::int64_t> factors{9, 2, 3}, terms{1, 5, 7};
  std::vector<std::int64_t> y(3);
  linear_recurrence(lines_of(1, 3, 1), false, factors.data(), terms.data(), y.data());
  EXPECT_EQ(y, (std::vector<std::int64_t>{1, 7, 28}));
  linear_recurrence(lines_of(1, 3, 1), true, factors.data(), terms.data(), y.data());
  EXPECT_EQ(y, (std::vector<std::int64_t>{172, 19, 7}));
}

TEST(LineKernels, AnExtremeSoFarIsTheLastOfEqualOnesAndStaysAtNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Numbers x{2, 1, 2, 3, nan, 9};
  std::vector<std::int64_t> places(6);
  cumulative_extreme(lines_of(1, 6, 1), true, x.data(), places.data());
  EXPECT_EQ(places, (std::vector<std::int64_t>{0, 0, 2, 3, 4, 4}));
  cumulative_extreme(lines_of(1, 6, 1), false, x.data(), places.data());
  EXPECT_EQ(places, (std::vector<std::int64_t>{0, 1, 1, 1, 4, 4}));
}

TEST(LineKernels, Softmax) {
  for (const Lines& lines : kLines) {
    const std::int64_t n = lines.count() * lines.size;
    const Numbers x = draw(n, 1), g = draw(n, 2);
    Numbers y(x.size()), l(x.size()), dx(x.size());
    softmax(lines, false, x.data(), y.data());
    const auto shares = [](Numbers line) {
      double sum = 0;
      for (double& v : line) sum += v = std::exp(v);
      for (double& v : line) v /= sum;
      return line;
    };
    const Numbers want = by_line(lines, x, shares);
    expect_near(y, want);
    softmax(lines, true, x.data(), l.data());
    Numbers logs = want;
    for (double& v : logs) v = std::log(v);
    expect_near(l, logs);

    // The derivative along d of sum g softmax is sum dx d.
    const Numbers d = draw(n, 3);
    const double h = 1e-5;
    const auto loss = [&](double t, bool log) {
      Numbers moved = x, value(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) moved[i] += t * d[i];
      softmax(lines, log, moved.data(), value.data());
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) sum += g[i] * value[i];
      return sum;
    };
    for (const bool log : {false, true}) {
      softmax_gradient(lines, log, g.data(), (log ? l : y).data(), dx.data());
      double along = 0;
      for (std::size_t i = 0; i < x.size(); ++i) along += dx[i] * d[i];
      EXPECT_NEAR(along, (loss(h, log) - loss(-h, log)) / (2 * h), 1e-6 * (1 + std::abs(along)));
    }
  }
}

TEST(LineKernels, LogSumExpOfRows) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const std::int64_t n : {1, 17, 128, 1000, 100000}) {
    std::vector<float> x = as<float>(draw(4 * n, 1));
    std::fill_n(x.begin() + n, n, -std::numeric_limits<float>::infinity());
    x[at(2 * n)] = std::numeric_limits<float>::infinity();
    x[at(4 * n - 1)] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> y, g{2, 3, 4, 5}, dx(x.size());
    double sum = 0, most = -kInfinity;
    for (std::int64_t i = 0; i < n; ++i) most = std::max(most, static_cast<double>(x[at(i)]));
    for (std::int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[at(i)]) - most);
    for (std::int64_t r = 0; r < 4; ++r) y.push_back(*std::max_element(x.begin() + r * n, x.begin() + (r + 1) * n));
    y[3] = x.back();
    logsumexp(4, n, x.data(), y.data());
    expect_near(y, {most + std::log(sum), -kInfinity, kInfinity, y[3]}, 1e-6, 2e-7);
    logsumexp_gradient(4, n, g.data(), x.data(), y.data(), dx.data());
    for (std::int64_t i = 0; i < n; ++i) {
      ASSERT_NEAR(dx[at(i)], 2 * std::exp(static_cast<double>(x[at(i)]) - most) / sum, 1e-6);
      ASSERT_EQ(dx[at(n + i)], 0);
    }
    EXPECT_TRUE(std::isnan(y[3]) && std::isnan(dx.back()));
  }
}

TEST(LineKernels, LongRowsOfSoftmax) {
  for (const std::int64_t n : {63, 64, 65, 1000}) {
    const std::vector<float> x = as<float>(draw(2 * n, 1));
    std::vector<float> y(x.size()), l(x.size()), dx(x.size()), one(x.size(), 1.0F);
    Lines rows = lines_of(2, n, 1);
    softmax(rows, false, x.data(), y.data());
    softmax(rows, true, x.data(), l.data());
    softmax_gradient(rows, true, one.data(), l.data(), dx.data());
    for (std::int64_t r = 0; r < 2; ++r) {
      double sum = 0;
      for (std::int64_t i = r * n; i < (r + 1) * n; ++i) sum += std::exp(static_cast<double>(x[at(i)]));
      for (std::int64_t i = r * n; i < (r + 1) * n; ++i) {
        const double want = std::exp(static_cast<double>(x[at(i)])) / sum;
        ASSERT_NEAR(y[at(i)], want, 1e-6 * want);
        ASSERT_NEAR(l[at(i)], std::log(want), 2e-6);
        ASSERT_NEAR(dx[at(i)], 1 - static_cast<double>(n) * want, 1e-4);
      }
    }
  }
}

TEST(LineKernels, Norms) {
  for (const Lines& lines : kLines) {
    const Numbers x = draw(lines.count() * lines.size, 1);
    if (lines.count() < 2) continue;
    const std::size_t channels = at(lines.size);
    Numbers mean(channels), variance(channels), inverse(channels), y(x.size());
    channel_statistics(lines, 0.5, x.data(), mean.data(), variance.data(), inverse.data());
    normalise_channels<double>(lines, x.data(), mean.data(), inverse.data(), nullptr, nullptr, y.data());
    for (std::int64_t c = 0; c < lines.size; ++c) {
      double sum = 0, squares = 0;
      for (std::int64_t l = 0; l < lines.count(); ++l) sum += x[at(lines.start(l) + c * lines.inner)];
      const auto n = static_cast<double>(lines.count());
      for (std::int64_t l = 0; l < lines.count(); ++l)
        squares += std::pow(x[at(lines.start(l) + c * lines.inner)] - sum / n, 2);
      EXPECT_NEAR(mean[at(c)], sum / n, 1e-12);
      EXPECT_NEAR(variance[at(c)], squares / (n - 1), 1e-12);
      EXPECT_NEAR(inverse[at(c)], 1 / std::sqrt(squares / n + 0.5), 1e-12);
      for (std::int64_t l = 0; l < lines.count(); ++l) {
        const std::size_t i = at(lines.start(l) + c * lines.inner);
        ASSERT_NEAR(y[i], (x[i] - mean[at(c)]) * inverse[at(c)], 1e-12);
      }
    }
  }
}

TEST(LineKernels, StatisticsOfChannelsLoseNoDigitsToAnOffset) {
  // Slices far from zero, near to one another and apart.
  for (const Lines& lines : {lines_of(200, 3, 1), lines_of(5, 3, 70), lines_of(2, 2, 9000)})
    for (const double apart : {0.0, 500.0}) {
      const std::int64_t all = lines.count() * lines.size;
      Numbers x = draw(all, 1);
      for (std::int64_t i = 0; i < all; ++i)
        x[at(i)] += 1000 + apart * static_cast<double>(i / (lines.size * lines.inner) % 2);
      const std::vector<float> floats = as<float>(x);
      const std::size_t channels = at(lines.size);
      std::vector<float> mean(channels), variance(channels), inverse(channels);
      channel_statistics(lines, 0, floats.data(), mean.data(), variance.data(), inverse.data());
      for (std::int64_t c = 0; c < lines.size; ++c) {
        const auto n = static_cast<double>(lines.count());
        const auto value = [&](std::int64_t l) {
          return static_cast<double>(floats[at(lines.start(l) + c * lines.inner)]);
        };
        double sum = 0, squares = 0;
        for (std::int64_t l = 0; l < lines.count(); ++l) sum += value(l) / n;
        for (std::int64_t l = 0; l < lines.count(); ++l) squares += std::pow(value(l) - sum, 2);
        EXPECT_NEAR(mean[at(c)], sum, 1e-7 * sum);
        EXPECT_NEAR(variance[at(c)], squares / (n - 1), 1e-5 * squares / (n - 1));
        EXPECT_NEAR(inverse[at(c)], 1 / std::sqrt(squares / n), 1e-5 / std::sqrt(squares / n));
      }
    }
}

TEST(LineKernels, RowsAreInUnitsOfTheirSpread) {
  const Numbers x{1, 2, 3, 6};
  Numbers y(4), mean(1), inverse(1);
  normalise_rows<double>({1, 4}, 0.0, x.data(), nullptr, nullptr, y.data(), mean.data(), inverse.data());
  EXPECT_DOUBLE_EQ(mean[0], 3);
  EXPECT_DOUBLE_EQ(inverse[0], 1 / std::sqrt(3.5));
  expect_near(y, {-2 / std::sqrt(3.5), -1 / std::sqrt(3.5), 0, 3 / std::sqrt(3.5)});
  normalise_rows<double>({1, 4, 1, 1, false}, 0.0, x.data(), nullptr, nullptr, y.data(), mean.data(), inverse.data());
  EXPECT_DOUBLE_EQ(inverse[0], 1 / std::sqrt(12.5));
}

/// Gradients of rows against the formula, element by element; long enough for several parts of rows.
template <class T>
void check_row_gradients(const NormRows& rows, double tolerance) {
  const std::int64_t n = rows.size, count = rows.rows * n, all = rows.groups * rows.channels;
  const std::vector<T> x = as<T>(draw(count, 1)), g = as<T>(draw(count, 2));
  const std::vector<T> weight = as<T>(draw(all, 3)), bias = as<T>(draw(all, 4));
  std::vector<T> y(x.size()), mean(at(rows.rows)), inverse(mean), dx(x.size()), dw(weight.size()), db(dw);
  normalise_rows(rows, 0.5, x.data(), weight.data(), bias.data(), y.data(), mean.data(), inverse.data());
  normalise_rows_gradient<T>(
      rows, {x.data(), g.data(), mean.data(), inverse.data(), weight.data(), dx.data(), dw.data(), db.data()});

  Numbers ys(x.size()), dxs(x.size()), dws(dw.size()), dbs(db.size());
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const auto element = [&](const std::vector<T>& v, std::int64_t j) { return static_cast<double>(v[at(i * n + j)]); };
    const auto channel = [&](std::int64_t j) { return at(i % rows.groups * rows.channels + j / (n / rows.channels)); };
    const auto mean_of = [&](const auto& f) {
      double sum = 0;
      for (std::int64_t j = 0; j < n; ++j) sum += f(j);
      return sum / static_cast<double>(n);
    };
    const double m = rows.centred ? mean_of([&](std::int64_t j) { return element(x, j); }) : 0;
    const double r = 1 / std::sqrt(mean_of([&](std::int64_t j) { return std::pow(element(x, j) - m, 2); }) + 0.5);
    const auto unit = [&](std::int64_t j) { return (element(x, j) - m) * r; };
    const auto gw = [&](std::int64_t j) { return element(g, j) * static_cast<double>(weight[channel(j)]); };
    const double level = rows.centred ? mean_of(gw) : 0,
                 along = mean_of([&](std::int64_t j) { return gw(j) * unit(j); });
    for (std::int64_t j = 0; j < n; ++j) {
      const std::size_t k = channel(j), e = at(i * n + j);
      ys[e] = unit(j) * static_cast<double>(weight[k]) + static_cast<double>(bias[k]);
      dxs[e] = (gw(j) - level - unit(j) * along) * r;
      dws[k] += element(g, j) * unit(j);
      dbs[k] += element(g, j);
    }
  }
  expect_near(y, ys, tolerance);
  expect_near(dx, dxs, tolerance);
  expect_near(dw, dws, tolerance);
  expect_near(db, dbs, tolerance);
}

TEST(LineKernels, RowsWithChannels) {
  for (const NormRows& rows : {NormRows{270, 401, 1, 401},
                               NormRows{270, 402, 2, 402, false},
                               NormRows{270, 402, 2, 3},
                               NormRows{6, 4096, 3, 1, false}}) {
    check_row_gradients<double>(rows, 1e-11);
    check_row_gradients<float>(rows, 1e-4);
  }
}

TEST(LineKernels, SortPutsNaNLastAndKeepsTheOrderOfEqualOnes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{3, nan, 1, 3, -2, 1};
  std::vector<std::int64_t> order(6);
  argsort(1, 6, 6, false, x.data(), order.data());
  EXPECT_EQ(order, (std::vector<std::int64_t>{4, 2, 5, 0, 3, 1}));
  argsort(1, 6, 6, true, x.data(), order.data());
  EXPECT_EQ(order, (std::vector<std::int64_t>{1, 0, 3, 2, 5, 4}));
}

/// Draws, repeats and border values in turns.
template <class T>
std::vector<T> to_be_sorted(std::int64_t n) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  std::vector<T> borders{Limits::max(), Limits::lowest(), T(1), T(0), T(-1), Limits::min()};
  if constexpr (std::is_floating_point_v<T>)
    borders.insert(borders.end(),
                   {T(-0.0),
                    Limits::infinity(),
                    -Limits::infinity(),
                    Limits::quiet_NaN(),
                    -Limits::quiet_NaN(),
                    Limits::denorm_min(),
                    -Limits::denorm_min()});
  for (const double v : draw(n, 7)) {
    const std::size_t i = x.size();
    x.push_back(i % 5 == 0 ? borders[i % borders.size()] : i % 5 < 3 ? T(std::round(v * 3)) : T(v * 1e6));
  }
  return x;
}

template <class T>
void check_order(std::int64_t rows, std::int64_t n) {
  const std::vector<T> x = to_be_sorted<T>(rows * n);
  const std::unique_ptr<T[]> data(new T[x.size()]);  // bools apart
  std::copy(x.begin(), x.end(), data.get());
  const auto before = [](T a, T b) { return a < b || (b != b && a == a); };
  for (const bool descending : {false, true})
    for (const std::int64_t count : {std::int64_t{0}, n / 100, n / 12, n / 3, n}) {
      std::vector<std::int64_t> order(at(rows * count)), want(at(n));
      argsort(rows, n, count, descending, data.get(), order.data());
      for (std::int64_t row = 0; row < rows; ++row) {
        const T* const in = data.get() + row * n;
        std::iota(want.begin(), want.end(), 0);
        std::stable_sort(want.begin(), want.end(), [&](auto i, auto j) {
          return descending ? before(in[j], in[i]) : before(in[i], in[j]);
        });
        ASSERT_TRUE(std::equal(want.begin(), want.begin() + count, order.begin() + row * count))
            << n << " " << count << " " << descending;
      }
    }
}

TEST(LineKernels, SortIsStableForEveryTypeAndLength) {
  for (const std::int64_t n : {1, 2, 31, 127, 128, 255, 256, 257, 3000, 70000}) {
    const std::int64_t rows = n < 1000 ? 5 : 2;
    check_order<float>(rows, n);
    check_order<double>(rows, n);
    check_order<std::int64_t>(rows, n);
    check_order<bool>(rows, n);
  }
}

}  // namespace
}  // namespace gradus::kernels
