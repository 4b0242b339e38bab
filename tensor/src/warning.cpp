#include "gradus/tensor/warning.h"

#include <fmt/format.h>

#include <cstdio>
#include <mutex>
#include <utility>

namespace gradus {
namespace {

std::mutex mutex;

WarningHandler& handler() {
  static WarningHandler current = [](const std::string& text) { fmt::print(stderr, "gradus: warning: {}\n", text); };
  return current;
}

}  // namespace

WarningHandler on_warning(WarningHandler next) {
  const std::scoped_lock lock(mutex);
  return std::exchange(handler(), std::move(next));
}

void detail::warn(const std::string& text) {
  WarningHandler current;
  {
    const std::scoped_lock lock(mutex);
    current = handler();
  }
  if (current) current(text);
}

}  // namespace gradus
