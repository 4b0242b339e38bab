#pragma once

// Exact values, as long doubles, of the functions that ops compute.

#include "gradus/ops/exact.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace gradus::detail {

using Exact = long double;
using X = const ExactInputs&;

inline constexpr Exact kExactInfinity = std::numeric_limits<Exact>::infinity();
inline constexpr Exact kExactNaN = std::numeric_limits<Exact>::quiet_NaN();
/// Of a result that is rounded once: long doubles, which have 11 bits more than doubles, are so themselves.
inline constexpr double kRounded = 0.501;

/// The rows of arithmetic, comparisons, rounding and activations; of elementary and special functions.
std::vector<ExactOp> exact_arithmetic();
std::vector<ExactOp> exact_choices();
std::vector<ExactOp> exact_activations();
std::vector<ExactOp> exact_functions();

Exact exact_erfinv(Exact x);
Exact exact_digamma(Exact x);
Exact exact_trigamma(Exact x);
Exact exact_tetragamma(Exact x);

}  // namespace gradus::detail
