#pragma once

#include "gradus/nn/keep_modes.h"
#include "gradus/optim/optimizer.h"
#include "gradus/tensor/random.h"

#include <utility>
#include <vector>

/// What is put back when training or measuring is over, by whatever way.
namespace gradus::train {

/// Calls a function when it dies.
template <class F>
class [[nodiscard]] AtEnd {
 public:
  explicit AtEnd(F f) : f_(std::move(f)) {}
  ~AtEnd() { f_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  F f_;
};

/// The rates of an optimizer.
inline auto keep_rates(optim::Optimizer& optimizer) {
  std::vector<double> rates;
  for (int group = 0; group < optimizer.groups(); ++group) rates.push_back(optimizer.lr(group));
  return AtEnd([&optimizer, rates = std::move(rates)] {
    for (int group = 0; const double rate : rates) optimizer.set_lr(rate, group++);
  });
}

/// The default generator, while another takes its place.
inline auto with_generator(const Generator& generator) {
  return AtEnd([before = std::exchange(default_generator(), generator)] { default_generator() = before; });
}

}  // namespace gradus::train
