#pragma once

#include "gradus/train/observer.h"

#include <csignal>
#include <utility>
#include <vector>

namespace gradus::cli {

/// The last signal that a SignalGuard noted; 0: none.
extern volatile std::sig_atomic_t caught_signal;

/// While it lives, a signal to end is noted instead of obeyed; a second one is obeyed. Signals are handled on a stack
/// of their own: oneDNN's products (up to version 3.11) have the stack pointer point into the heap meanwhile, and what
/// the system writes there for a handler destroys it (github.com/uxlfoundation/oneDNN, issue 4845).
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  std::vector<char> stack_;
  stack_t stack_before_{};
  std::vector<std::pair<int, struct sigaction>> before_;
};

/// Ends a run by Stopped once a signal is noted.
class StopOnSignal : public train::Observer {
 public:
  static void stop() {
    if (caught_signal != 0) throw train::Stopped();
  }
  void after_step(const train::Step&) override { stop(); }
  bool after_epoch(const train::EpochRecord&) override {
    stop();
    return true;
  }
};

}  // namespace gradus::cli
