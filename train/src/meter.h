#pragma once

#include "gradus/train/fit.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace gradus::train {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What a run says on standard output: on a terminal a bar that becomes a line at the end of each
/// epoch, elsewhere the line alone.
class Meter {
 public:
  Meter(Progress progress, int epochs, std::int64_t steps);
  /// Wipes out a bar that did not become a line.
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void start_epoch(int epoch);
  /// After a batch; `so_far` over the epoch.
  void update(std::int64_t step, const Score& so_far);
  void finish_epoch(const EpochRecord& record);

 private:
  void show(const std::string& text);

  Progress progress_;
  int epochs_, epoch_ = 0;
  std::int64_t steps_;
  Clock::time_point start_{}, shown_{};
  bool dirty_ = false;  // the cursor stands behind a bar
};

}  // namespace gradus::train
