#include "run_checkpoint.h"

#include <utility>

namespace gradus::train {

RunCheckpoint::RunCheckpoint(
    const FitOptions& options, RunFolder& folder, Fingerprint given, const std::vector<Part>& parts, CallSite site)
    : options_(options), folder_(folder), given_(std::move(given)), parts_{{"options", given_}}, site_(site) {
  parts_.insert(parts_.end(), parts.begin(), parts.end());
}

void RunCheckpoint::resume() {
  if (options_.resume.empty()) return;
  given_.check(options_.resume, site_);
  load_checkpoint(options_.resume, parts_, site_);
}

void RunCheckpoint::after_step(std::int64_t steps) const {
  const std::int64_t every = options_.checkpoint_every;
  if (every > 0 && steps % every == 0) save_checkpoint(options_.checkpoint, parts_, site_);
}

void RunCheckpoint::after_epoch() const {
  if (options_.checkpoint_every == 0 && !options_.checkpoint.empty())
    save_checkpoint(options_.checkpoint, parts_, site_);
}

void RunCheckpoint::keep(Stopped& stopped) {
  stopped.checkpoint = options_.checkpoint;
  if (stopped.checkpoint.empty() && folder_.exists()) stopped.checkpoint = folder_.keep();
  if (!stopped.checkpoint.empty()) save_checkpoint(stopped.checkpoint, parts_, site_);
  folder_.keep_observed();
}

}  // namespace gradus::train
