#pragma once

#include "clock.h"
#include "measure.h"

#include "gradus/optim/base.h"
#include "gradus/train/fit.h"

#include <cstdint>
#include <optional>

namespace gradus::train {

/// Where a run is, and what came of it so far. A part of its checkpoint.
struct RunState {
  int epoch = 1;          // under way
  std::int64_t step = 0;  // the last of it that is done
  Tally tally = {};       // of its steps
  std::optional<double> first_loss = {};
  Record record = {};
  Divergence divergence = {};
  std::optional<std::uint64_t> seed = {};  // that was asked for
  double seconds_before = 0;               // before the run was resumed
  Clock::time_point start = Clock::now();
  CallSite site = {};

  double seconds() const { return seconds_before + seconds_since(start); }
  /// The epoch is over; if it is the best, that is the run's result so far.
  void finish_epoch(const EpochRecord& now, bool is_best);

  optim::State state() const;
  /// ArgumentError unless it is that of a run with this seed.
  void set_state(const optim::State& state);
};

}  // namespace gradus::train
