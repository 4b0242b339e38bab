#pragma once

#include "fingerprint.h"
#include "run_folder.h"

#include "gradus/train/checkpoint.h"
#include "gradus/train/fit.h"

#include <cstdint>
#include <vector>

namespace gradus::train {

/// The checkpoint of a run: when it is written, where, and how the run goes on from another's.
class RunCheckpoint {
 public:
  /// `given` is what a run has to share with the one it goes on from, `parts` all that changes.
  RunCheckpoint(
      const FitOptions& options, RunFolder& folder, Fingerprint given, const std::vector<Part>& parts, CallSite site);
  RunCheckpoint(const RunCheckpoint&) = delete;
  RunCheckpoint& operator=(const RunCheckpoint&) = delete;

  /// Goes on from the checkpoint that `resume` names, if any.
  void resume();
  /// After so many steps of the run.
  void after_step(std::int64_t steps) const;
  void after_epoch() const;
  /// observe(); if that throws Stopped, the run can be gone on with from here.
  template <class F>
  auto keep_if_stopped(F observe) {
    try {
      return observe();
    } catch (Stopped& stopped) {
      keep(stopped);
      throw;
    }
  }

 private:
  void keep(Stopped& stopped);

  const FitOptions& options_;
  RunFolder& folder_;
  Fingerprint given_;
  std::vector<Part> parts_;
  CallSite site_;
};

}  // namespace gradus::train
