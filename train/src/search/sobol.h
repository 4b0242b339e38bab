#pragma once

#include <cstdint>
#include <vector>

namespace gradus::train {

/// Dimensions that sobol_point knows.
constexpr std::size_t kSobolDimensions = 21;

/// Point `index` (from 0) of Sobol's sequence in `dimensions` <= kSobolDimensions dimensions, 32 bits a coordinate: of
/// any 2^k points from a multiple of 2^k on, each interval [i, i + 1) / 2^k holds one, in each dimension. Each
/// coordinate is combined by exclusive or with a word drawn from `seed` (a digital shift), which keeps that.
///   source    Joe & Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci.
///             Comput. 30: the numbers of the file new-joe-kuo-6
std::vector<double> sobol_point(std::uint32_t index, std::size_t dimensions, std::uint64_t seed);
/// The same without the shift, as whole numbers of 2^-32.
std::uint32_t sobol_word(std::uint32_t index, std::size_t dimension);

}  // namespace gradus::train
