#include "numbers.h"

#include <gradus/kernels/label_loss.h>

#include <limits>
#include <numeric>

namespace gradus::kernels {
namespace {

const Places kLabels{1, 3, 0, 1, 2, 3};
const Numbers kWeight{0.5, 2, 0, 1.5};
constexpr std::int64_t kClasses = 4, kIgnored = 2;

class LabelKernels : public testing::TestWithParam<std::int64_t> {
 protected:
  // 6 lines, their elements apart or not.
  const Lines lines = lines_of(6 / GetParam(), kClasses, GetParam());

  /// q of line r and class c.
  static double q(const Labels<double>& all, std::int64_t r, std::int64_t c) {
    const std::int64_t label = kLabels[at(r)];
    if (all.ignores && label == all.ignored) return 0;
    const double share = (c == label ? 1 - all.smoothing : 0) + all.smoothing / kClasses;
    return share * (all.weight != nullptr ? kWeight[at(c)] : 1);
  }
  std::size_t place(std::int64_t r, std::int64_t c) const { return at(lines.start(r) + c * lines.inner); }
  std::vector<Labels<double>> kinds() const {
    std::vector<Labels<double>> all;
    for (const double smoothing : {0.0, 0.1})
      for (const double* weight : {static_cast<const double*>(nullptr), kWeight.data()})
        for (const bool ignores : {false, true})
          all.push_back({lines, kLabels.data(), weight, smoothing, ignores, kIgnored});
    return all;
  }
};

TEST_P(LabelKernels, FollowTheDefinition) {
  const Numbers x = draw(24, 1), y = draw(24, 2), g = draw(6, 3);
  for (const Labels<double>& all : kinds()) {
    Numbers losses(6), coefficients(24), dx(24);
    double weight = 0;
    for (std::int64_t r = 0; r < 6; ++r) {
      const std::int64_t label = kLabels[at(r)];
      if (!all.ignores || label != kIgnored) weight += all.weight != nullptr ? kWeight[at(label)] : 1;
      double mass = 0;
      for (std::int64_t c = 0; c < kClasses; ++c) mass += q(all, r, c);
      for (std::int64_t c = 0; c < kClasses; ++c) {
        losses[at(r)] -= q(all, r, c) * x[place(r, c)];
        coefficients[place(r, c)] = 3 * q(all, r, c);
        dx[place(r, c)] = 3 * (y[place(r, c)] * mass - q(all, r, c));
      }
    }
    EXPECT_NEAR(label_weight(all), weight, 1e-15);
    Numbers got(6), got_q(24, 7.0);
    const double total = label_losses<double>(all, x.data(), got.data());
    expect_near(got, losses);
    EXPECT_NEAR(total, std::accumulate(losses.begin(), losses.end(), 0.0), 1e-12);
    EXPECT_EQ(label_losses<double>(all, x.data(), nullptr), total);
    label_coefficients(all, 3, got_q.data());
    expect_near(got_q, coefficients);
    for (const bool each : {false, true}) {
      Numbers got_dx = y, want = dx;
      for (std::int64_t r = 0; r < 6; ++r)
        for (std::int64_t c = 0; c < kClasses; ++c) want[place(r, c)] *= g[each ? at(r) : 0];
      label_gradient(all, 3, each, g.data(), got_dx.data());
      expect_near(got_dx, want);
    }
  }
}

TEST_P(LabelKernels, AClassOfWeight0HidesAnInfiniteLogarithm) {
  Numbers x = draw(24, 1), plain = x;
  for (std::int64_t r = 0; r < 6; ++r) {
    x[place(r, 2)] = -std::numeric_limits<double>::infinity();
    plain[place(r, 2)] = 0;
  }
  for (const double smoothing : {0.0, 0.1}) {
    const Labels<double> all{lines, kLabels.data(), kWeight.data(), smoothing};
    EXPECT_EQ(label_losses<double>(all, x.data(), nullptr), label_losses<double>(all, plain.data(), nullptr));
  }
}

INSTANTIATE_TEST_SUITE_P(Lines, LabelKernels, testing::Values(1, 2, 3));

}  // namespace
}  // namespace gradus::kernels
