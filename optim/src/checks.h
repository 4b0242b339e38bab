#pragma once

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::optim {

/// ArgumentError unless `ok`: "sgd: expected momentum >= 0, got -1".
inline void check_range(
    const char* op, const char* name, double value, bool ok, const char* range, CallSite site = {}) {
  if (!ok) gradus::detail::fail<ArgumentError>(op, fmt::format("expected {} {}, got {}", name, range, value), site);
}

inline void check_share(const char* op, const char* name, double value) {
  check_range(op, name, value, value >= 0 && value < 1, "in [0, 1)");
}
inline void check_factor(const char* op, const char* name, double value) {
  check_range(op, name, value, value >= 0 && std::isfinite(value), ">= 0");
}

template <class Options>
void check_common(const char* op, const Options& o) {
  check_factor(op, "lr", o.lr);
  if constexpr (requires { o.weight_decay; }) check_factor(op, "weight_decay", o.weight_decay);
  if constexpr (requires { o.eps; }) check_factor(op, "eps", o.eps);
  if constexpr (requires { o.momentum; }) check_share(op, "momentum", o.momentum);
}

template <class Options>
void check_adam(const char* op, const Options& o) {
  check_common(op, o);
  check_share(op, "beta1", o.beta1);
  check_share(op, "beta2", o.beta2);
}

}  // namespace gradus::optim
