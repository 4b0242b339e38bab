#include "gradus/optim/average.h"

#include "checks.h"
#include "state.h"
#include "sweep.h"

#include <algorithm>
#include <utility>

namespace gradus::optim {
Average::Average(std::vector<Parameter> parameters, Share share)
    : parameters_(std::move(parameters)), share_(std::move(share)) {
  for (const Parameter& p : parameters_) {
    if (!p.defined()) gradus::detail::fail<ArgumentError>("average", "expected parameters, got an undefined one");
    values_.push_back(clone(p));
  }
}

void Average::refuse_swapped(const char* what) const {
  if (swapped_)
    gradus::detail::fail<ArgumentError>("average",
                                        fmt::format("expected {} of averages not swapped in, got swapped ones", what));
}

void Average::update() {
  refuse_swapped("an update");
  const double share = share_(updates_ + 1);
  check_range("average", "share", share, share >= 0 && share <= 1, "in [0, 1]");
  ++updates_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor p = contiguous(parameters_[i]);
    sweep(ready(values_[i], p), p, [&]<class T>() {
      // A share of 1 takes the value itself, without rounding.
      return [share = T(share), keep = T(1 - share)](T& a, T x) { a = keep * a + share * x; };
    });
  }
}

void Average::swap() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor before = clone(parameters_[i]);
    copy_into(parameters_[i], values_[i]);
    values_[i] = before;
  }
  swapped_ = !swapped_;
}

State Average::state() const {
  refuse_swapped("the state");
  State state{{"updates", number(updates_)}};
  for (std::size_t i = 0; i < values_.size(); ++i) state[fmt::format("{}", i)] = clone(values_[i]);
  return state;
}

void Average::set_state(const State& state) {
  refuse_swapped("a change");
  StateReader in("average", state);
  const auto updates = in.get<std::int64_t>("updates");
  std::vector<Tensor> values;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    values.push_back(in.like(fmt::format("{}", i), parameters_[i], true));
  }
  in.finish();
  values_ = std::move(values);
  updates_ = updates;
}

Average ema(std::vector<Parameter> parameters, double decay, bool warm, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_share("ema", "decay", decay);
  return {std::move(parameters), [=](std::int64_t n) {
            if (n == 1) return 1.0;
            const auto k = static_cast<double>(n);
            return 1 - (warm ? std::min(decay, (1 + k) / (10 + k)) : decay);
          }};
}

Average swa(std::vector<Parameter> parameters, CallSite site) {
  const gradus::detail::SitePin pin(site);
  return {std::move(parameters), [](std::int64_t n) { return 1 / static_cast<double>(n); }};
}

}  // namespace gradus::optim
