#include "signals.h"

#include <gtest/gtest.h>

namespace gradus::cli {
namespace {

struct sigaction action_of(int signal) {
  struct sigaction now{};
  sigaction(signal, nullptr, &now);
  return now;
}
stack_t stack_of_handlers() {
  stack_t stack{};
  sigaltstack(nullptr, &stack);
  return stack;
}

TEST(Signals, AreHandledOnAStackOfTheirOwn) {
  const stack_t before = stack_of_handlers();
  {
    const SignalGuard guard;
    EXPECT_FALSE(stack_of_handlers().ss_flags & SS_DISABLE);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
      EXPECT_TRUE(action_of(signal).sa_flags & SA_ONSTACK) << signal;
    raise(SIGTERM);
    EXPECT_EQ(caught_signal, SIGTERM);
    EXPECT_THROW(StopOnSignal::stop(), train::Stopped);
    EXPECT_EQ(action_of(SIGTERM).sa_handler, SIG_DFL);  // a second one is obeyed
  }
  EXPECT_EQ(stack_of_handlers().ss_sp, before.ss_sp);
  EXPECT_EQ(stack_of_handlers().ss_flags, before.ss_flags);
}

}  // namespace
}  // namespace gradus::cli
