#include "signals.h"

#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <unistd.h>

namespace gradus::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

/// Leaves signals to the calling thread: the others, which compute, no longer take any.
void block_in_other_threads() {
  sigset_t all, before;
  sigemptyset(&all);
  for (const int signal : kSignals) sigaddset(&all, signal);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  gradus::detail::parallel_for(
      num_threads(), 1, [&](std::int64_t, std::int64_t) { pthread_sigmask(SIG_BLOCK, &all, nullptr); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

volatile std::sig_atomic_t caught_signal = 0;

SignalGuard::SignalGuard() : stack_(static_cast<std::size_t>(std::max(sysconf(_SC_SIGSTKSZ), 1L << 16))) {
  block_in_other_threads();
  stack_t stack{};
  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  sigaltstack(&stack, &stack_before_);
  struct sigaction note{};
  note.sa_handler = [](int signal) { caught_signal = signal; };
  note.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
  for (const int signal : kSignals) {
    struct sigaction before{};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;  // as nohup wants it
    sigaction(signal, &note, nullptr);
    before_.emplace_back(signal, before);
  }
}

SignalGuard::~SignalGuard() {
  for (const auto& [signal, action] : before_) sigaction(signal, &action, nullptr);
  sigaltstack(&stack_before_, nullptr);
}

}  // namespace gradus::cli
