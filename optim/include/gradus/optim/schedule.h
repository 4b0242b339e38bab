#pragma once

#include "gradus/optim/base.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// Learning rates that change as training goes on. A curve is a pure function of time; a schedule puts a
/// curve's values into an optimiser:
///
///     optim::Schedule schedule(adam, optim::warmup(500).then(500, optim::cosine_annealing(9500)));
///     …
///     adam.step();
///     schedule.step();
namespace gradus::optim {

/// A factor of the rate that an optimiser had at first, as a function of the time t >= 0: steps, epochs, or
/// whatever the caller counts, and fractions of these. Anything that can be called with a double is one.
class Curve {
 public:
  /// 1 always.
  Curve();
  template <class F>
    requires std::convertible_to<std::invoke_result_t<const F&, double>, double>
  Curve(F f) : f_(std::move(f)) {}

  double operator()(double t) const { return f_(t); }

  /// Itself before `start`, then `next`, whose time begins there.
  Curve then(double start, Curve next, CallSite site = CallSite::here()) const;
  /// Both at once.
  friend Curve operator*(Curve a, Curve b);

 private:
  std::function<double(double)> f_;
};

// Errors: ArgumentError for lengths that are not above 0, and factors that are negative or not finite.

/// `factor` before `length`, then 1.
Curve constant(double factor = 1.0 / 3, double length = 5, CallSite site = CallSite::here());
/// From `start` to `end` in a straight line of that length, then `end`.
Curve linear(double start = 1.0 / 3, double end = 1, double length = 5, CallSite site = CallSite::here());
/// linear(start, 1, length): rates rise to the optimiser's own.
Curve warmup(double length, double start = 0, CallSite site = CallSite::here());
/// gamma^floor(t / size).
Curve step_decay(double size, double gamma = 0.1, CallSite site = CallSite::here());
/// gamma^(milestones up to t, t included).
Curve multi_step(std::vector<double> milestones, double gamma = 0.1, CallSite site = CallSite::here());
/// gamma^t.
Curve exponential(double gamma, CallSite site = CallSite::here());
/// 1 / (1 + decay t).
Curve inverse_time(double decay, CallSite site = CallSite::here());
/// (1 - t / length)^power, then 0.
Curve polynomial(double length, double power = 1, CallSite site = CallSite::here());
/// floor + (1 - floor) (1 + cos(pi t / length)) / 2: down within `length`, and up again, and so on
/// (Loshchilov & Hutter 2016, arXiv:1608.03983, without restarts).
Curve cosine_annealing(double length, double floor = 0, CallSite site = CallSite::here());
/// Half a period of it, begun anew after length, length + growth length, length + growth length + growth^2
/// length … (with restarts). ArgumentError unless growth >= 1.
Curve cosine_warm_restarts(double length, double growth = 1, double floor = 0, CallSite site = CallSite::here());

/// Curves of a rate and of a momentum that moves against it; the momentum's values are absolute.
struct RateAndMomentum {
  Curve rate, momentum;
};

struct CyclicOptions {
  double up = 2000;  // length of the way up
  double down = 0;   // and down; 0: the same
  double peak = 10;  // factor at the top
  double decay = 1;  // of the height above 1, by each cycle: 0.5 is "triangular2"
  double gamma = 1;  // of the height above 1, by each unit of time: "exp_range"
  double base_momentum = 0.8;
  double max_momentum = 0.9;
};
/// Up from 1 to `peak` and down again, in straight lines (Smith 2015, arXiv:1506.01186).
RateAndMomentum cyclic(const CyclicOptions& options, CallSite site = CallSite::here());

struct OneCycleOptions {
  double warm = 0.3;  // part of the time in which the rate rises
  bool linear = false;
  bool three_phase = false;       // down symmetrically first, then to the end
  double div_factor = 25;         // begins at 1 / div_factor
  double final_div_factor = 1e4;  // ends at 1 / (div_factor final_div_factor)
  double base_momentum = 0.85;
  double max_momentum = 0.95;
};
/// One cycle of `length` steps (times 0 … length - 1), whose top is 1: the optimiser's own rate (Smith & Topin
/// 2017, arXiv:1708.07120). ArgumentError unless 0 < warm < 1 (three phases: at most a half).
RateAndMomentum one_cycle(double length, const OneCycleOptions& options = {}, CallSite site = CallSite::here());

/// Sets the rate of each of an optimiser's groups to the one it had when the schedule was made, times a
/// curve. It makes itself felt at once, then with each `step`. The optimiser must outlive it.
class Schedule {
 public:
  Schedule(Optimizer& optimizer, Curve rate, CallSite site = CallSite::here());
  /// The momentum too, in all groups. ArgumentError if the optimiser has none.
  Schedule(Optimizer& optimizer, RateAndMomentum curves, CallSite site = CallSite::here());

  /// One unit of time later.
  void step(CallSite site = CallSite::here()) { set_time(time_ + 1, site); }
  /// ArgumentError unless t >= 0.
  void set_time(double t, CallSite site = CallSite::here());
  double time() const { return time_; }

  State state() const;
  /// Of a schedule with the same curves for an optimiser with as many groups, ArgumentError for another.
  /// Leaves the optimiser alone, whose own state has its rates.
  void set_state(const State& state);

 private:
  Optimizer* optimizer_;
  RateAndMomentum curves_;
  bool moves_momentum_;
  std::vector<double> bases_;
  double time_ = 0;
};

struct PlateauOptions {
  bool maximize = false;  // the measure is to grow, as an accuracy
  double factor = 0.1;
  std::int64_t patience = 10;  // reports without progress that are borne
  double threshold = 1e-4;     // less than that is no progress
  bool relative = true;        // the threshold is a part of the best value so far
  std::int64_t cooldown = 0;   // reports that are let pass after a reduction
  double min_lr = 0;
  double eps = 1e-8;  // smaller reductions are not made
};

/// Multiplies all rates by `factor` when a measure has made no progress for more than `patience` reports. A
/// Schedule of the same optimiser would put the rates back at its next step.
///   errors    ArgumentError unless 0 <= factor < 1 and the other numbers are 0 or more
class ReduceOnPlateau {
 public:
  explicit ReduceOnPlateau(Optimizer& optimizer, PlateauOptions options = {}, CallSite site = CallSite::here());

  /// A report of the measure; NaN is no progress. True if rates were reduced.
  bool step(double measure);
  double best() const { return best_; }

  State state() const;
  void set_state(const State& state);

 private:
  Optimizer* optimizer_;
  PlateauOptions options_;
  double best_;
  std::int64_t bad_ = 0, cooling_ = 0;
};

}  // namespace gradus::optim
GRADUS_EXPORT_END
