#include "numbers.h"

#include <gradus/kernels/ctc.h>

#include <limits>

namespace gradus::kernels {
namespace {

constexpr std::int64_t kSteps = 5, kSamples = 4, kClasses = 3, kWidth = 3, kBlank = 0;

/// A path without repetitions and blanks.
Places collapsed(const Places& path) {
  Places labels;
  for (std::size_t t = 0; t < path.size(); ++t)
    if (path[t] != kBlank && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  return labels;
}

/// f(path, its probability) for each path of `steps` classes that collapses to the labels of sample i.
template <class F>
void for_each_path(const Numbers& log_probs, std::int64_t i, std::int64_t steps, const Places& labels, F f) {
  std::int64_t count = 1;
  for (std::int64_t t = 0; t < steps; ++t) count *= kClasses;
  for (std::int64_t code = 0; code < count; ++code) {
    Places path;
    double log = 0;
    for (std::int64_t t = 0, rest = code; t < steps; ++t, rest /= kClasses) {
      path.push_back(rest % kClasses);
      log += log_probs[at((t * kSamples + i) * kClasses + path.back())];
    }
    if (collapsed(path) == labels) f(path, std::exp(log));
  }
}

template <class T>
void check(double tolerance) {
  // The last is too long for its steps.
  const Places targets{1, 2, 0, 1, 1, 2, 2, 0, 0, 2, 2, 1}, lengths{2, 3, 0, 3}, steps{5, 5, 4, 3};
  const Numbers x = draw(kSteps * kSamples * kClasses, 1), g{1, -2, 0.5, 3};
  Numbers losses, dx(x.size(), 1.0);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const auto first = targets.begin() + i * kWidth;
    const Places labels(first, first + lengths[at(i)]);
    double all = 0;
    for_each_path(x, i, steps[at(i)], labels, [&](const Places&, double p) { all += p; });
    losses.push_back(-std::log(all));
    for_each_path(x, i, steps[at(i)], labels, [&](const Places& path, double p) {
      for (std::int64_t t = 0; t < steps[at(i)]; ++t)
        dx[at((t * kSamples + i) * kClasses + path[at(t)])] -= g[at(i)] * p / all;
    });
  }
  ASSERT_EQ(losses.back(), std::numeric_limits<double>::infinity());
  const std::vector<T> xs = as<T>(x), gs = as<T>(g);
  std::vector<T> got(losses.size()), dxs(x.size(), T(1));
  const CtcSamples<T> samples{
      kSamples, kClasses, kWidth, kBlank, xs.data(), targets.data(), steps.data(), lengths.data()};
  ctc_losses(samples, got.data());
  expect_near(got, losses, tolerance);
  ctc_gradients(samples, gs.data(), dxs.data());
  expect_near(dxs, dx, tolerance);
}

TEST(CtcKernels, AddUpAllPathsThatCollapseToTheLabels) {
  check<double>(1e-12);
  check<float>(1e-5);
}

}  // namespace
}  // namespace gradus::kernels
