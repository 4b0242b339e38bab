#include "gradus/optim/schedule.h"

#include "checks.h"
#include "state.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus::optim {
namespace {

using gradus::detail::SitePin;

/// From 1 at 0 to -1 at 1.
double half_cosine(double share) { return std::cos(std::numbers::pi * share); }

void check_length(const char* op, const char* name, double value) {
  check_range(op, name, value, value > 0 && std::isfinite(value), "above 0");
}

}  // namespace

Curve::Curve() : Curve([](double) { return 1.0; }) {}

Curve operator*(Curve a, Curve b) {
  return [a = std::move(a), b = std::move(b)](double t) { return a(t) * b(t); };
}

Curve Curve::then(double start, Curve next, CallSite site) const {
  const SitePin pin(site);
  check_length("then", "start", start);
  return [first = *this, start, next = std::move(next)](double t) { return t < start ? first(t) : next(t - start); };
}

Curve constant(double factor, double length, CallSite site) {
  const SitePin pin(site);
  check_factor("constant", "factor", factor);
  check_length("constant", "length", length);
  return [=](double t) { return t < length ? factor : 1.0; };
}

Curve linear(double start, double end, double length, CallSite site) {
  const SitePin pin(site);
  check_factor("linear", "start", start);
  check_factor("linear", "end", end);
  check_length("linear", "length", length);
  return [=](double t) { return std::lerp(start, end, std::min(1.0, t / length)); };
}

Curve warmup(double length, double start, CallSite site) { return linear(start, 1, length, site); }

Curve step_decay(double size, double gamma, CallSite site) {
  const SitePin pin(site);
  check_length("step_decay", "size", size);
  check_factor("step_decay", "gamma", gamma);
  return [=](double t) { return std::pow(gamma, std::floor(t / size)); };
}

Curve multi_step(std::vector<double> milestones, double gamma, CallSite site) {
  const SitePin pin(site);
  check_factor("multi_step", "gamma", gamma);
  for (double milestone : milestones) check_factor("multi_step", "milestones", milestone);
  std::sort(milestones.begin(), milestones.end());
  return [milestones = std::move(milestones), gamma](double t) {
    const auto after = std::upper_bound(milestones.begin(), milestones.end(), t);
    return std::pow(gamma, static_cast<double>(after - milestones.begin()));
  };
}

Curve exponential(double gamma, CallSite site) {
  const SitePin pin(site);
  check_factor("exponential", "gamma", gamma);
  return [=](double t) { return std::pow(gamma, t); };
}

Curve inverse_time(double decay, CallSite site) {
  const SitePin pin(site);
  check_factor("inverse_time", "decay", decay);
  return [=](double t) { return 1 / (1 + decay * t); };
}

Curve polynomial(double length, double power, CallSite site) {
  const SitePin pin(site);
  check_length("polynomial", "length", length);
  check_factor("polynomial", "power", power);
  return [=](double t) { return t < length ? std::pow(1 - t / length, power) : 0.0; };
}

Curve cosine_annealing(double length, double floor, CallSite site) {
  const SitePin pin(site);
  check_length("cosine_annealing", "length", length);
  check_factor("cosine_annealing", "floor", floor);
  return [=](double t) { return std::lerp(floor, 1.0, (1 + half_cosine(t / length)) / 2); };
}

Curve cosine_warm_restarts(double length, double growth, double floor, CallSite site) {
  const SitePin pin(site);
  const char* const op = "cosine_warm_restarts";
  check_length(op, "length", length);
  check_range(op, "growth", growth, growth >= 1 && std::isfinite(growth), ">= 1");
  check_factor(op, "floor", floor);
  return [=](double t) {
    double period = length, begin = 0;
    if (growth == 1) begin = std::floor(t / length) * length;
    for (; t - begin >= period; period *= growth) begin += period;
    return std::lerp(floor, 1.0, (1 + half_cosine((t - begin) / period)) / 2);
  };
}

RateAndMomentum cyclic(const CyclicOptions& o, CallSite site) {
  const SitePin pin(site);
  check_length("cyclic", "up", o.up);
  check_factor("cyclic", "down", o.down);
  check_factor("cyclic", "peak", o.peak);
  check_factor("cyclic", "decay", o.decay);
  check_factor("cyclic", "gamma", o.gamma);
  check_share("cyclic", "base_momentum", o.base_momentum);
  check_share("cyclic", "max_momentum", o.max_momentum);
  const auto height = [o](double t) {
    const double length = o.up + (o.down > 0 ? o.down : o.up);
    const double cycle = std::floor(t / length), at = t - cycle * length;
    const double share = at <= o.up ? at / o.up : (length - at) / (length - o.up);
    return share * std::pow(o.decay, cycle) * std::pow(o.gamma, t);
  };
  return {[=](double t) { return std::lerp(1.0, o.peak, height(t)); },
          [=](double t) { return std::lerp(o.max_momentum, o.base_momentum, height(t)); }};
}

RateAndMomentum one_cycle(double length, const OneCycleOptions& o, CallSite site) {
  const SitePin pin(site);
  const char* const op = "one_cycle";
  check_range(op, "length", length, length > 1 && std::isfinite(length), "above 1");
  check_range(op,
              "warm",
              o.warm,
              o.warm > 0 && (o.three_phase ? o.warm <= 0.5 : o.warm < 1) && o.warm * length > 1,
              "in (1 / length, 1), and at most 0.5 with three phases");
  check_length(op, "div_factor", o.div_factor);
  check_length(op, "final_div_factor", o.final_div_factor);
  check_share(op, "base_momentum", o.base_momentum);
  check_share(op, "max_momentum", o.max_momentum);
  const double top = o.warm * length - 1, last = length - 1;
  // Through `begin` at 0, `peak` at the top, `begin` again after three phases' second, `end` at last.
  const auto curve = [=](double begin, double peak, double end) -> Curve {
    const auto between = [linear = o.linear](double a, double b, double share) {
      return linear ? std::lerp(a, b, share) : std::lerp(b, a, (1 + half_cosine(share)) / 2);
    };
    return [=, three = o.three_phase](double time) {
      const double t = std::min(time, last);
      if (t <= top) return between(begin, peak, t / top);
      if (!three) return between(peak, end, (t - top) / (last - top));
      if (t <= 2 * top) return between(peak, begin, (t - top) / top);
      return between(begin, end, (t - 2 * top) / (last - 2 * top));
    };
  };
  return {curve(1 / o.div_factor, 1, 1 / (o.div_factor * o.final_div_factor)),
          curve(o.max_momentum, o.base_momentum, o.max_momentum)};
}

Schedule::Schedule(Optimizer& optimizer, Curve rate, CallSite site)
    : optimizer_(&optimizer), curves_{std::move(rate), {}}, moves_momentum_(false) {
  for (int group = 0; group < optimizer.groups(); ++group) bases_.push_back(optimizer.lr(group));
  set_time(0, site);
}

Schedule::Schedule(Optimizer& optimizer, RateAndMomentum curves, CallSite site)
    : optimizer_(&optimizer), curves_(std::move(curves)), moves_momentum_(true) {
  const SitePin pin(site);
  if (!optimizer.has_momentum())
    gradus::detail::fail<ArgumentError>("schedule", "expected an optimizer with momentum, got one without");
  for (int group = 0; group < optimizer.groups(); ++group) bases_.push_back(optimizer.lr(group));
  set_time(0, site);
}

void Schedule::set_time(double t, CallSite site) {
  const SitePin pin(site);
  check_range("schedule", "time", t, t >= 0, ">= 0");
  time_ = t;
  const double factor = curves_.rate(t);
  for (int group = 0; group < static_cast<int>(bases_.size()); ++group)
    optimizer_->set_lr(bases_[static_cast<std::size_t>(group)] * factor, group);
  if (moves_momentum_) optimizer_->set_momentum(curves_.momentum(t));
}

State Schedule::state() const {
  State state{{"time", number(time_)}};
  for (std::size_t i = 0; i < bases_.size(); ++i) state[fmt::format("base.{}", i)] = number(bases_[i]);
  return state;
}

void Schedule::set_state(const State& state) {
  StateReader in("schedule", state);
  const auto time = in.get<double>("time");
  std::vector<double> bases;
  for (std::size_t i = 0; i < bases_.size(); ++i) bases.push_back(in.get<double>(fmt::format("base.{}", i)));
  in.finish();
  bases_ = std::move(bases);
  time_ = time;
}

ReduceOnPlateau::ReduceOnPlateau(Optimizer& optimizer, PlateauOptions options, CallSite site)
    : optimizer_(&optimizer),
      options_(options),
      best_(options.maximize ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity()) {
  const SitePin pin(site);
  const char* const op = "reduce_on_plateau";
  check_share(op, "factor", options.factor);
  for (const auto& [name, value] : {std::pair("patience", static_cast<double>(options.patience)),
                                    std::pair("threshold", options.threshold),
                                    std::pair("cooldown", static_cast<double>(options.cooldown)),
                                    std::pair("min_lr", options.min_lr),
                                    std::pair("eps", options.eps)})
    check_factor(op, name, value);
}

bool ReduceOnPlateau::step(double measure) {
  const PlateauOptions& o = options_;
  const double sign = o.maximize ? 1 : -1;
  const double margin = o.threshold * (o.relative ? std::abs(best_) : 1);
  const double bound = std::isfinite(best_) ? best_ + sign * margin : best_;
  if (o.maximize ? measure > bound : measure < bound) {
    best_ = measure;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= o.patience) return false;
  bad_ = 0;
  cooling_ = o.cooldown;
  bool reduced = false;
  for (int group = 0; group < optimizer_->groups(); ++group) {
    const double old = optimizer_->lr(group), now = std::max(old * o.factor, o.min_lr);
    if (!(old - now > o.eps)) continue;
    optimizer_->set_lr(now, group);
    reduced = true;
  }
  return reduced;
}

State ReduceOnPlateau::state() const {
  return {{"best", number(best_)}, {"bad", number(bad_)}, {"cooling", number(cooling_)}};
}

void ReduceOnPlateau::set_state(const State& state) {
  StateReader in("reduce_on_plateau", state);
  const auto best = in.get<double>("best");
  const auto bad = in.get<std::int64_t>("bad"), cooling = in.get<std::int64_t>("cooling");
  in.finish();
  best_ = best;
  bad_ = bad;
  cooling_ = cooling;
}

}  // namespace gradus::optim
