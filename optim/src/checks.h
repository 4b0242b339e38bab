#pragma once

#include "gradus/tensor/error.h"

#include <fmt/format.h>

namespace gradus::optim {

/// ArgumentError unless `ok`: "sgd: expected momentum of 0 or more, got -1".
inline void check_range(
    const char* op, const char* name, double value, bool ok, const char* range) {
  if (!ok)
    gradus::detail::fail<ArgumentError>(op,
                                        fmt::format("expected {} {}, got {}", name, range, value));
}

}  // namespace gradus::optim
