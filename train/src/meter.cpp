#include "meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace gradus::train {
namespace {

constexpr double kInterval = 0.1;  // seconds between two states of the bar

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Whether standard output is a terminal that moves its cursor when told.
bool shows_escape_codes() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

/// A reader that went away is no reason to stop.
void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

std::string in_words(const Score& score) {
  std::string text = fmt::format("loss {:.4f}", score.loss);
  if (!std::isnan(score.accuracy)) text += fmt::format(" acc {:.4f}", score.accuracy);
  return text;
}

std::string clock(double seconds) {
  const auto s = static_cast<std::int64_t>(std::lround(std::min(seconds, 1e9)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

Meter::Meter(Progress progress, int epochs) : progress_(progress), epochs_(epochs) {
  if (progress_ == Progress::automatic) progress_ = shows_escape_codes() ? Progress::bar : Progress::lines;
}

Meter::~Meter() {
  if (dirty_) show("");
}

void Meter::show(const std::string& text) {
  say("\r\x1b[K" + text);
  dirty_ = !text.empty();
}

void Meter::after_step(const Step& at) {
  if (progress_ != Progress::bar) return;
  const Clock::time_point now = Clock::now();
  if (dirty_ && std::chrono::duration<double>(now - shown_).count() < kInterval) return;
  shown_ = now;
  const double passed = seconds_since(start_);
  const double left =
      passed / static_cast<double>(at.step) * static_cast<double>(at.steps - at.step + at.steps * (epochs_ - at.epoch));
  const std::string head = fmt::format("epoch {}/{} ", at.epoch, epochs_);
  const double rate = static_cast<double>(at.step * at.batch.inputs.size(0)) / passed;  // a resumed epoch's is too high
  std::string tail =
      fmt::format(" {}/{}  {}  {:.0f} rows/s  ETA {}", at.step, at.steps, in_words(at.so_far), rate, clock(left));
  const std::size_t width = terminal_width() - 1, used = head.size() + tail.size() + 2;
  std::string bar;
  if (width >= used + 4) {
    const std::size_t length = std::min<std::size_t>(width - used, 30);
    const auto full = static_cast<std::size_t>(static_cast<double>(length) * static_cast<double>(at.step) /
                                               static_cast<double>(at.steps));
    bar = fmt::format("[{:<{}}]", std::string(full, '='), length);
  }
  show((head + bar + tail).substr(0, width));
}

bool Meter::after_epoch(const EpochRecord& record) {
  start_ = Clock::now();
  if (progress_ == Progress::none) return true;
  if (dirty_) show("");
  std::string line = fmt::format("epoch {}/{}  train {}", record.epoch, epochs_, in_words(record.train));
  if (!std::isnan(record.validation.loss)) line += "  validation " + in_words(record.validation);
  if (!std::isnan(record.test.loss)) line += "  test " + in_words(record.test);
  say(fmt::format("{}  {:.1f} s\n", line, record.seconds));
  return true;
}

}  // namespace gradus::train
