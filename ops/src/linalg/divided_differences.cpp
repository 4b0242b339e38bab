#include "linalg/divided_differences.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus::detail {
namespace {

using lane::Taylor;
constexpr int N = Taylor::kTerms;

std::size_t at(int k) { return static_cast<std::size_t>(k); }

/// [n][k]: n over k.
const auto kBinomial = [] {
  std::array<std::array<double, N>, N> b{};
  for (std::size_t n = 0; n < N; ++n) {
    b[n][0] = 1;
    for (std::size_t k = 1; k <= n; ++k) b[n][k] = b[n - 1][k - 1] + (k < n ? b[n - 1][k] : 0);
  }
  return b;
}();

/// True if the terms of the k-th derivative's series die away within `distance` of its centre.
bool converges(const Taylor& f, int k, double distance) {
  double largest = 0, last = 0, power = 1;
  for (int l = 0; k + l < N; ++l, power *= distance) {
    const double term = std::abs(f.c[at(k + l)]) * kBinomial[at(k + l)][at(k)] * power;
    if (!std::isfinite(term)) return false;
    largest = std::max(largest, term);
    if (k + l >= N - 4) last = std::max(last, term);
  }
  return last <= std::numeric_limits<double>::epsilon() / 4 * largest;
}

/// True if both series, `step` apart, say much the same of the first derivatives; `unit` is that of the second one.
bool agree(const Taylor& from, const Taylor& to, double step, double unit, int order) {
  for (int k = 0; k <= order; ++k) {
    const double there = to.c[at(k)] / std::pow(unit, k);
    double sum = 0, size = std::abs(there), power = 1;
    for (int l = 0; k + l < N; ++l, power *= step) {
      const double term = from.c[at(k + l)] * kBinomial[at(k + l)][at(k)] * power;
      sum += term;
      size += std::abs(term);
    }
    if (!(std::abs(sum - there) <= 1e-6 * size)) return false;
  }
  return true;
}

}  // namespace

DividedDifferences::DividedDifferences(const std::function<Taylor(const Taylor&)>& f,
                                       std::span<const double> points,
                                       int order)
    : points_(points.begin(), points.end()) {
  if (order > kMaxOrder)
    fail<GradientError>("spectral",
                        fmt::format("expected derivatives up to order {}, got one of order {}", kMaxOrder, order));
  const std::size_t n = points_.size();
  double largest = 0;
  for (double x : points_) largest = std::max(largest, std::abs(x));
  for (double x : points_) {
    scale_.push_back(x != 0 ? std::abs(x) : largest != 0 ? largest : 1);
    series_.push_back(f(Taylor::variable(x, scale_.back())));
  }
  near_.resize(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) {
      const double gap = (points_[j] - points_[i]) / scale_[j];
      near_[i * n + j] = gap == 0 || (converges(series_[j], 1, gap) &&
                                      agree(series_[j], series_[i], -gap, scale_[i] / scale_[j], order));
    }
  for (int k = 0; k <= order; ++k) {
    std::vector<std::size_t>& row = choices_.emplace_back(n + 1);
    for (std::size_t i = 1; i <= n; ++i) row[i] = row[i - 1] + (k == 0 ? 1 : choices_[at(k - 1)][i]);
  }
  for (int k = 0; k <= order; ++k) fill(k);
}

double DividedDifferences::operator()(std::span<const int> places) const {
  std::array<int, kMaxOrder + 1> sorted{};
  std::copy(places.begin(), places.end(), sorted.begin());
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(places.size()));
  return values_[rank({sorted.data(), places.size()})];
}

/// The number of choices before this one, with the last point as the most significant.
std::size_t DividedDifferences::rank(std::span<const int> sorted) const {
  std::size_t r = 0;
  for (std::size_t k = 0; k < sorted.size(); ++k) r += choices_[k][at(sorted[k])];
  return r;
}

void DividedDifferences::fill(int order) {
  below_ = std::move(values_);
  values_.assign(choices_[at(order)].back(), 0);
  std::array<int, kMaxOrder + 1> chosen{};
  const std::span<int> sorted(chosen.data(), at(order) + 1);
  const auto n = static_cast<int>(points_.size());
  for (std::size_t r = 0; r < values_.size(); ++r) {
    values_[r] = of(sorted);
    std::size_t k = 0;  // the next choice
    while (k + 1 < sorted.size() && sorted[k] == sorted[k + 1]) sorted[k++] = 0;
    if (++sorted[k] == n) return;
  }
}

bool DividedDifferences::is_near(int low, int high) const { return near_[at(low) * points_.size() + at(high)] != 0; }

double DividedDifferences::of(std::span<const int> sorted) const {
  const int k = static_cast<int>(sorted.size()) - 1, low = sorted.front(), high = sorted.back();
  const double first = points_[at(low)], last = points_[at(high)];
  if (low == high || first == last)  // (NaN is not equal to itself.)
    return series_[at(low)].c[at(k)] / std::pow(scale_[at(low)], k);
  const int middle = sorted[at((k + 1) / 2)];
  const double centre = points_[at(middle)], scale = scale_[at(middle)];
  const Taylor& f = series_[at(middle)];
  if (!is_near(low, high) || !converges(f, k, std::max(last - centre, centre - first) / scale))
    return (below_[rank(sorted.subspan(1))] - below_[rank(sorted.first(at(k)))]) / (last - first);
  std::array<double, N> h{1};
  for (const int i : sorted)
    for (std::size_t l = 1; l < at(N - k); ++l) h[l] += (points_[at(i)] - centre) / scale * h[l - 1];
  double sum = 0;
  for (int l = N - k - 1; l >= 0; --l) sum += f.c[at(k + l)] * h[at(l)];
  return sum / std::pow(scale, k);
}

}  // namespace gradus::detail
