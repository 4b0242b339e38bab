#include "gradus/train/cross_validation.h"

#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gradus::train {

using gradus::detail::fail;

namespace {

/// The largest (value - mean) / spread of 3, 4, … values that are normal is above this in one case of 20 (Grubbs 1969,
/// "Procedures for detecting outlying observations in samples", Technometrics 11, table 1).
constexpr std::array kGrubbs = {1.153,
                                1.463,
                                1.672,
                                1.822,
                                1.938,
                                2.032,
                                2.110,
                                2.176,
                                2.234,
                                2.285,
                                2.331,
                                2.371,
                                2.409,
                                2.443,
                                2.475,
                                2.504,
                                2.532,
                                2.557};

}  // namespace

std::vector<Fold> folds(const data::Dataset& all, const FoldOptions& options, Generator& generator, CallSite site) {
  const std::int64_t n = all.size(), k = options.folds;
  if (k < 2 || k > n)
    fail<ArgumentError>("folds", fmt::format("expected 2 to {} folds, a row each or more, got {}", n, k), site);
  const Tensor& targets = all.targets;
  if (options.stratified && (!targets.defined() || targets.dtype() != int64 || targets.rank() != 1))
    fail<ArgumentError>("folds", "expected classes (int64 [N]) to stratify by, got other targets", site);

  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (options.shuffle) order = permutation(n, generator).to_vector<std::int64_t>();
  if (options.stratified) {  // then dealing them out one by one gives each fold its share of each class
    const auto classes = targets.to_vector<std::int64_t>();
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return classes[static_cast<std::size_t>(a)] < classes[static_cast<std::size_t>(b)];
    });
  }
  std::vector<std::int64_t> fold_of(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    fold_of[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i) % k;

  std::vector<Fold> list;
  for (std::int64_t fold = 0; fold < k; ++fold) {
    std::vector<std::int64_t> train, held_out;
    for (std::int64_t row = 0; row < n; ++row)
      (fold_of[static_cast<std::size_t>(row)] == fold ? held_out : train).push_back(row);
    list.push_back({from_vector(train), from_vector(held_out)});
  }
  return list;
}

CrossValidation mean_and_spread(std::vector<double> values) {
  CrossValidation result{std::move(values), 0, 0};
  const auto n = static_cast<double>(result.values.size());
  result.mean = std::accumulate(result.values.begin(), result.values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : result.values) squares += (v - result.mean) * (v - result.mean);
  result.spread = std::sqrt(squares / (n - 1));
  return result;
}

std::optional<std::size_t> CrossValidation::outlier(bool maximize) const {
  if (values.size() < 3 || values.size() - 3 >= kGrubbs.size()) return {};
  const auto best =
      maximize ? std::max_element(values.begin(), values.end()) : std::min_element(values.begin(), values.end());
  const double distance = std::fabs(*best - mean);
  if (!(distance > kGrubbs[values.size() - 3] * spread) || spread == 0) return {};
  return static_cast<std::size_t>(best - values.begin());
}

CrossValidation cross_validate(const data::Dataset& all,
                               const FoldOptions& options,
                               const std::function<double(const data::Splits&)>& f,
                               Generator& generator,
                               CallSite site) {
  std::vector<double> values;
  for (const Fold& fold : folds(all, options, generator, site))
    values.push_back(f({.train = all.subset(fold.train, site), .validation = all.subset(fold.held_out, site)}));
  return mean_and_spread(std::move(values));
}

}  // namespace gradus::train
