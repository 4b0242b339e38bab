#pragma once

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::optim {

/// ArgumentError unless `ok`: "sgd: expected momentum of 0 or more, got -1".
inline void check_range(const char* op,
                        const char* name,
                        double value,
                        bool ok,
                        const char* range,
                        CallSite site = {}) {
  if (!ok)
    gradus::detail::fail<ArgumentError>(
        op, fmt::format("expected {} {}, got {}", name, range, value), site);
}

template <class Options>
void check_common(const char* op, const Options& o) {
  check_range(op, "lr", o.lr, o.lr >= 0 && std::isfinite(o.lr), "of 0 or more");
  check_range(op, "weight_decay", o.weight_decay, o.weight_decay >= 0, "of 0 or more");
  if constexpr (requires { o.eps; }) check_range(op, "eps", o.eps, o.eps >= 0, "of 0 or more");
}

inline void check_share(const char* op, const char* name, double value) {
  check_range(op, name, value, value >= 0 && value < 1, "in [0, 1)");
}

template <class Options>
void check_adam(const char* op, const Options& o) {
  check_common(op, o);
  check_share(op, "beta1", o.beta1);
  check_share(op, "beta2", o.beta2);
}

}  // namespace gradus::optim
