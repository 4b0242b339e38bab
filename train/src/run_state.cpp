#include "run_state.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace gradus::train {
namespace {

/// The numbers of an epoch, in order.
template <class Epoch, class F>
void each_number(Epoch& e, F f) {
  f(e.epoch);
  f(e.train.loss), f(e.train.accuracy), f(e.train.r2);
  f(e.validation.loss), f(e.validation.accuracy), f(e.validation.r2);
  f(e.test.loss), f(e.test.accuracy), f(e.test.r2);
  f(e.lr), f(e.seconds);
}
constexpr std::int64_t kNumbers = 12;
constexpr double kMostEpochs = 1e9;

/// A tensor of a state; `shape` but for all sizes before the last.
Tensor find(const optim::State& state, const char* name, DType dtype, const Shape& shape, CallSite site) {
  const auto at = state.find(name);
  const bool fits = at != state.end() && at->second.dtype() == dtype && at->second.rank() == shape.rank() &&
                    at->second.size(-1) == shape[shape.rank() - 1];
  if (!fits)
    gradus::detail::fail<ArgumentError>(
        "fit", fmt::format("expected a checkpoint of a run, got one without its {}", name), site);
  return contiguous(at->second);
}

}  // namespace

void RunState::finish_epoch(const EpochRecord& now, bool is_best) {
  record.history.push_back(now);
  if (is_best) {
    record.best_epoch = now.epoch;
    record.train = now.train;
    record.validation = now.validation;
    record.test = now.test;
  }
  ++epoch;
  step = 0;
  tally = {};
}

optim::State RunState::state() const {
  const auto integers = [](std::vector<std::int64_t> values) { return from_vector(values); };
  const auto numbers = [](std::vector<double> values) { return from_vector(values); };
  std::vector<double> history;
  for (const EpochRecord& past : record.history)
    each_number(past, [&](auto value) { history.push_back(static_cast<double>(value)); });
  return {{"place", integers({epoch, step, record.best_epoch, static_cast<std::int64_t>(record.seed)})},
          {"tally", numbers(tally.numbers())},
          {"history", from_vector(history, {static_cast<std::int64_t>(record.history.size()), kNumbers})},
          {"seconds", numbers({seconds(), first_loss.value_or(std::nan(""))})}};
}

void RunState::set_state(const optim::State& state) {
  struct Place {
    std::int64_t epoch, step, best_epoch, seed;
  };
  struct Past {
    double seconds, first_loss;
  };
  const Tensor tallied = find(state, "tally", float64, {Tally::kNumbers}, site),
               spent = find(state, "seconds", float64, {2}, site), places = find(state, "place", int64, {4}, site),
               epochs = find(state, "history", float64, {0, kNumbers}, site);
  const auto* const p = places.data<std::int64_t>();
  const Place place{p[0], p[1], p[2], p[3]};
  const Past past{spent.data<double>()[0], spent.data<double>()[1]};
  for (std::int64_t row = 0; row < epochs.size(0); ++row)
    if (const double number = epochs.data<double>()[row * kNumbers]; !(number >= 0 && number <= kMostEpochs))
      gradus::detail::fail<ArgumentError>(
          "fit", fmt::format("expected the numbers of epochs in a checkpoint of a run, got {}", number), site);
  const auto its_seed = static_cast<std::uint64_t>(place.seed);
  if (seed && its_seed != *seed)
    gradus::detail::fail<ArgumentError>(
        "fit", fmt::format("expected a checkpoint of a run with seed {}, got one with {}", *seed, its_seed), site);
  record.history.clear();
  for (std::int64_t row = 0; row < epochs.size(0); ++row) {
    EpochRecord then;
    const double* value = epochs.data<double>() + row * kNumbers;
    each_number(then, [&](auto& number) { number = static_cast<std::remove_reference_t<decltype(number)>>(*value++); });
    finish_epoch(then, then.epoch == place.best_epoch);
  }
  epoch = static_cast<int>(place.epoch);
  step = place.step;
  record.seed = its_seed;
  tally.set_numbers(tallied.data<double>());
  seconds_before = past.seconds;
  if (!std::isnan(past.first_loss)) first_loss = past.first_loss;
}

}  // namespace gradus::train
