#include "signals.h"

namespace gradus::cli {

volatile std::sig_atomic_t caught_signal = 0;

SignalGuard::SignalGuard() {
  struct sigaction note{};
  note.sa_handler = [](int signal) { caught_signal = signal; };
  note.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    struct sigaction before{};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;  // as nohup wants it
    sigaction(signal, &note, nullptr);
    before_.emplace_back(signal, before);
  }
}

SignalGuard::~SignalGuard() {
  for (const auto& [signal, action] : before_) sigaction(signal, &action, nullptr);
}

}  // namespace gradus::cli
