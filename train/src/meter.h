#pragma once

#include "clock.h"

#include "gradus/train/fit.h"

#include <string>

namespace gradus::train {

/// What a run says on standard output: on a terminal a bar that becomes a line at the end of each
/// epoch, elsewhere the line alone.
class Meter final : public Observer {
 public:
  Meter(Progress progress, int epochs);
  /// Wipes out a bar that did not become a line.
  ~Meter() override;
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void after_step(const Step& step) override;
  bool after_epoch(const EpochRecord& record) override;

 private:
  void show(const std::string& text);

  Progress progress_;
  int epochs_;
  Clock::time_point start_ = Clock::now(), shown_{};  // of the epoch; the bar
  bool dirty_ = false;                                // the cursor stands behind a bar
};

}  // namespace gradus::train
