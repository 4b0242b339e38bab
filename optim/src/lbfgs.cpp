#include "gradus/optim/lbfgs.h"

#include "checks.h"
#include "state.h"

#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"

#include <algorithm>
#include <cmath>

namespace gradus::optim {
namespace {

constexpr double kDecrease = 1e-4, kCurvature = 0.9;

double inner(const Tensor& a, const Tensor& b) { return dot(a, b).item(); }
double largest(const Tensor& x) { return x.numel() == 0 ? 0 : max(abs(x)).item(); }

/// A point on the way: its distance, its loss, the slope of the loss along the way, the gradient.
struct Point {
  double t, loss, slope;
  Tensor gradient;
};

/// The minimum of the cubic with these losses and slopes, kept away from the ends of [low, high] by `margin`
/// of its length; the middle where there is none.
double cubic_minimum(const Point& a, const Point& b, double low, double high, double margin) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double d2 = std::copysign(std::sqrt(d1 * d1 - a.slope * b.slope), b.t - a.t);
  const double t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  const double gap = margin * (high - low);
  return std::isfinite(t) ? std::clamp(t, low + gap, high - gap) : (low + high) / 2;
}

}  // namespace

void check(const LbfgsOptions& o) {
  const char* const op = "lbfgs";
  check_range(op, "lr", o.lr, o.lr >= 0 && std::isfinite(o.lr), ">= 0");
  check_range(op, "max_iterations", o.max_iterations, o.max_iterations >= 1, ">= 1");
  check_range(op, "max_evaluations", o.max_evaluations, o.max_evaluations >= 1, ">= 1");
  check_range(op, "tolerance_grad", o.tolerance_grad, o.tolerance_grad >= 0, ">= 0");
  check_range(op, "tolerance_change", o.tolerance_change, o.tolerance_change >= 0, ">= 0");
  check_range(op, "history", o.history, o.history >= 1, ">= 1");
}

/// The loss along a direction from where the parameters are.
class Lbfgs::Search {
 public:
  Search(const std::vector<Parameter>& parameters, const Closure& closure)
      : parameters_(parameters), closure_(closure) {
    for (const Parameter& p : parameters) size_ += p.numel();
  }

  int evaluations() const { return evaluations_; }

  /// The loss and gradient where the parameters are now.
  Point here() {
    ++evaluations_;
    Point point{0, 0, 0, zeros({size_}, float64)};
    {
      const RecordingGuard recording(true);
      point.loss = closure_();
    }
    for_each_part(point.gradient, [](const Parameter& p, Tensor part) {
      if (const Tensor g = gradient(p); g.defined()) copy_into(part, g);
    });
    return point;
  }

  void start(Tensor direction) {
    direction_ = std::move(direction);
    for_each_part(direction_, [](const Parameter& p, Tensor part) {
      if (!requires_grad(p)) copy_into(part, zeros_like(part));
    });
    origin_ = empty({size_}, float64);
    for_each_part(origin_, [](const Parameter& p, Tensor part) { copy_into(part, p); });
  }

  void go(double t) {
    Tensor x = origin_ + direction_ * t;
    for_each_part(x, [](Parameter p, const Tensor& part) {
      if (requires_grad(p)) copy_into(p, part);
    });
  }

  Point at(double t) {
    go(t);
    Point point = here();
    point.t = t;
    point.slope = inner(point.gradient, direction_);
    return point;
  }

  /// A point that satisfies the strong Wolfe conditions, or, where `limit` evaluations do not suffice, the
  /// best one seen.
  Point wolfe(const Point& origin, double t, double tolerance, int limit) {
    const auto too_high = [&](const Point& p, const Point& low) {
      return !(p.loss <= origin.loss + kDecrease * p.t * origin.slope && std::isfinite(p.slope)) || p.loss >= low.loss;
    };
    const auto flat = [&](const Point& p) { return std::abs(p.slope) <= -kCurvature * origin.slope; };
    Point low = origin, high = origin;
    for (bool bracketed = false; !bracketed;) {
      if (evaluations_ >= limit) return low;
      Point now = at(t);
      if (too_high(now, low)) {
        high = std::move(now);
        bracketed = true;
      } else if (flat(now)) {
        return now;
      } else if (now.slope >= 0) {
        high = std::exchange(low, std::move(now));
        bracketed = true;
      } else {
        t = cubic_minimum(low, now, now.t + 0.01 * (now.t - low.t), 10 * now.t, 0);
        low = std::move(now);
      }
    }
    const double length = largest(direction_);
    while (evaluations_ < limit && std::abs(high.t - low.t) * length >= tolerance) {
      const auto [from, to] = std::minmax(low.t, high.t);
      Point now = at(cubic_minimum(low, high, from, to, 0.1));
      if (too_high(now, low)) {
        high = std::move(now);
      } else {
        if (flat(now)) return now;
        if (now.slope * (high.t - low.t) >= 0) high = low;
        low = std::move(now);
      }
    }
    return low;
  }

 private:
  /// f(parameter, its part of a vector of all).
  template <class F>
  void for_each_part(const Tensor& vector, F f) const {
    std::int64_t at = 0;
    for (const Parameter& p : parameters_) {
      f(p, view_as(vector, p.shape(), contiguous_strides(p.shape()), at));
      at += p.numel();
    }
  }

  const std::vector<Parameter>& parameters_;
  const Closure& closure_;
  std::int64_t size_ = 0;
  int evaluations_ = 0;
  Tensor direction_, origin_;
};

void Lbfgs::step() { gradus::detail::fail<ArgumentError>("lbfgs", "expected step(closure), got step()"); }

/// Algorithm 7.4: minus the approximate inverse Hessian times the gradient.
Tensor Lbfgs::direction(const Tensor& gradient) const {
  Tensor d = -gradient;
  if (pairs_.empty()) return d;
  std::vector<double> alphas;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
    alphas.push_back(inner(pair->s, d) / inner(pair->s, pair->y));
    d = d - pair->y * alphas.back();
  }
  const Pair& last = pairs_.back();
  d = d * (inner(last.s, last.y) / inner(last.y, last.y));
  for (const Pair& pair : pairs_) {
    const double beta = inner(pair.y, d) / inner(pair.s, pair.y);
    d = d + pair.s * (alphas.back() - beta);
    alphas.pop_back();
  }
  return d;
}

double Lbfgs::step(const Closure& closure) {
  const LbfgsOptions& o = options();
  const NoGrad guard;
  Search search(parameters(), closure);
  Point now = search.here();
  const double first_loss = now.loss;
  count_step();
  for (int i = 0; i < o.max_iterations && search.evaluations() < o.max_evaluations; ++i) {
    if (largest(now.gradient) <= o.tolerance_grad) break;
    const Tensor d = direction(now.gradient);
    now.t = 0;
    now.slope = inner(now.gradient, d);
    if (!(now.slope <= -o.tolerance_change)) break;
    // Without a history the gradient says nothing of the scale.
    const double t = pairs_.empty() ? std::min(1.0, 1 / sum(abs(now.gradient)).item()) * o.lr : o.lr;
    search.start(d);
    Point next = o.strong_wolfe ? search.wolfe(now, t, o.tolerance_change, o.max_evaluations) : search.at(t);
    search.go(next.t);
    if (next.t == 0) break;
    Pair pair{d * next.t, next.gradient - now.gradient};
    if (inner(pair.s, pair.y) > 1e-10 * inner(pair.y, pair.y)) {
      if (static_cast<int>(pairs_.size()) == o.history) pairs_.erase(pairs_.begin());
      pairs_.push_back(pair);
    }
    const bool still = largest(pair.s) <= o.tolerance_change || std::abs(next.loss - now.loss) < o.tolerance_change;
    now = std::move(next);
    if (still) break;
  }
  return first_loss;
}

State Lbfgs::state() const {
  State state = OptimizerOf::state();
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    state[fmt::format("pairs.{}.s", i)] = clone(pairs_[i].s);
    state[fmt::format("pairs.{}.y", i)] = clone(pairs_[i].y);
  }
  return state;
}

void Lbfgs::set_state(const State& state) {
  std::int64_t size = 0;
  for (const Parameter& p : parameters()) size += p.numel();
  const Tensor model = empty({size}, float64);
  StateReader in("lbfgs", state);
  std::vector<Pair> pairs;
  for (int i = 0; in.has(fmt::format("pairs.{}.s", i)); ++i)
    pairs.push_back({in.like(fmt::format("pairs.{}.s", i), model), in.like(fmt::format("pairs.{}.y", i), model, true)});
  State rest = state;
  std::erase_if(rest, [](const auto& item) { return item.first.starts_with("pairs."); });
  OptimizerOf::set_state(rest);
  pairs_ = std::move(pairs);
}

template class OptimizerOf<LbfgsOptions>;

}  // namespace gradus::optim
