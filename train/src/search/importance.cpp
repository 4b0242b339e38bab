#include "gradus/train/search_results.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace gradus::train {
namespace {

constexpr std::size_t kFewest = 10;  // trials
constexpr std::size_t kMostGroups = 5;
constexpr std::size_t kGroupSize = 4;  // trials at least, where there is a choice

/// How well a trial did: small is good. First how far it came, as the negative of its last step, -infinity for the
/// whole way; then its value there.
using Standing = std::pair<double, double>;

Standing standing(const TrialResult& trial, bool maximize) {
  const double infinity = std::numeric_limits<double>::infinity(), sign = maximize ? -1 : 1;
  if (trial.status == TrialStatus::finished) return {-infinity, sign * trial.value};
  if (trial.curve.empty() || !std::isfinite(trial.curve.back().second)) return {infinity, 0};
  return {-static_cast<double>(trial.curve.back().first), sign * trial.curve.back().second};
}

/// Where a trial stands on a parameter's scale, and among the others.
struct Point {
  double coordinate;
  Standing value;
};

/// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks(const std::vector<Point>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return points[a].value < points[b].value; });
  std::vector<double> result(points.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && points[order[end]].value == points[order[begin]].value) ++end;
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + 1 + end) / 2;
  }
  return result;
}

/// The group of each of the points, which are sorted by coordinate: equal ones are in one group.
std::vector<std::size_t> groups(const std::vector<Point>& points, bool words) {
  std::vector<std::size_t> distinct(points.size());
  for (std::size_t i = 1; i < points.size(); ++i)
    distinct[i] = distinct[i - 1] + (points[i].coordinate != points[i - 1].coordinate);
  if (words || distinct.back() < kMostGroups) return distinct;
  const std::size_t wanted = std::clamp(points.size() / kGroupSize, std::size_t{2}, kMostGroups);
  std::vector<std::size_t> result(points.size());
  for (std::size_t i = 0; i < points.size(); ++i)
    result[i] = i > 0 && distinct[i] == distinct[i - 1] ? result[i - 1] : i * wanted / points.size();
  return result;
}

/// (H - g + 1) / (n - g), with H = (n - 1) times the share of the variance of ranks that lies between groups.
double effect(std::vector<Point> points, bool words) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (points.size() < kFewest) return nan;
  std::stable_sort(points.begin(), points.end(), [](auto& a, auto& b) { return a.coordinate < b.coordinate; });
  const std::vector<double> rank = ranks(points);
  const std::vector<std::size_t> group = groups(points, words);
  const auto n = static_cast<double>(points.size());
  const double mean = (n + 1) / 2;
  std::map<std::size_t, std::pair<double, double>> sums;  // of each group: count, sum of (rank - mean)
  double total = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto& [count, sum] = sums[group[i]];
    count += 1, sum += rank[i] - mean;
    total += (rank[i] - mean) * (rank[i] - mean);
  }
  const auto g = static_cast<double>(sums.size());
  if (total == 0 || g < 2 || g >= n) return g < 2 || total == 0 ? 0 : nan;
  double between = 0;
  for (const auto& [key, sum] : sums) between += sum.second * sum.second / sum.first;
  const double h = (n - 1) * between / total;
  return std::max(0.0, (h - g + 1) / (n - g));
}

/// Whether its values were drawn from the whole space: not near the best, nor because they had done well before.
bool is_drawn(const TrialResult& trial) { return !trial.fine && trial.number == trial.configuration; }

/// The budget that most of these trials had.
double usual_budget(const std::vector<TrialResult>& trials) {
  std::map<double, int> counts;
  for (const TrialResult& trial : trials)
    if (is_drawn(trial)) ++counts[trial.budget];
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? 0 : most->first;
}

}  // namespace

std::vector<Importance> SearchResults::importances() const {
  const double budget = usual_budget(trials);
  std::vector<Importance> list;
  for (std::size_t p = 0; p < space.size(); ++p) {
    std::vector<Point> points;
    for (const TrialResult& trial : trials) {
      const auto& value = trial.values.entries()[p].second;
      if (!value || trial.budget != budget || trial.status == TrialStatus::failed || !is_drawn(trial)) continue;
      points.push_back({space.coordinate(p, *value), standing(trial, maximize)});
    }
    const Hyperparameter& parameter = space.parameters()[p];
    const auto n = static_cast<std::int64_t>(points.size());
    list.push_back({parameter.name, effect(std::move(points), std::holds_alternative<Choice>(parameter.domain)), n});
  }
  return list;
}

}  // namespace gradus::train
