#include "watch/noise.h"

#include "watch/numbers.h"

#include "gradus/graph/node.h"

#include <cmath>
#include <limits>

namespace gradus::train {
namespace {

constexpr std::size_t kFewPairs = 10, kPairs = 20;

double square_of(double x) { return x * x; }

}  // namespace

void GradientNoise::see(const std::vector<nn::NamedParameter>& parameters, std::int64_t rows, bool keep) {
  if (!last_.empty() && rows > 0 && rows == rows_) {
    double apart = 0, squares = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Tensor g = gradient(parameters[i].parameter), &h = last_[i];
      if (!g.defined() || !h.defined() || g.shape() != h.shape() || g.dtype() != h.dtype()) continue;
      apart += square_of(distance(g, h));
      squares += (square_of(norm_of(g)) + square_of(norm_of(h))) / 2;
    }
    if (std::isfinite(squares)) pairs_.push_back({static_cast<double>(rows) * apart / 2, squares - apart / 2});
    if (pairs_.size() > kPairs) pairs_.erase(pairs_.begin());
  }
  last_.clear();
  rows_ = rows;
  if (!keep) return;
  for (const nn::NamedParameter& named : parameters) {
    const Tensor g = gradient(named.parameter);
    last_.push_back(g.defined() ? clone(g) : g);
  }
}

double GradientNoise::scale() const {
  Pair sum;
  for (const Pair& pair : pairs_) sum = {sum.trace + pair.trace, sum.square + pair.square};
  return pairs_.size() < kFewPairs || !(sum.square > 0) ? std::numeric_limits<double>::quiet_NaN()
                                                        : sum.trace / sum.square;
}

}  // namespace gradus::train
