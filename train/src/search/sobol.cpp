#include "sobol.h"

#include "gradus/tensor/random.h"

#include <array>

namespace gradus::train {
namespace {

constexpr int kBits = 32;

/// A primitive polynomial over the field of two elements, x^degree + … + 1 with `inner` its coefficients between (the
/// highest power is the highest bit), and the numbers that its recurrence begins with.
struct Polynomial {
  int degree;
  std::uint32_t inner;
  std::array<std::uint32_t, 7> first;
};

// Of dimensions 2 … 21; the first is van der Corput's sequence.
constexpr std::array<Polynomial, kSobolDimensions - 1> kPolynomials = {{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
}};

using Directions = std::array<std::uint32_t, kBits>;

/// Joe & Kuo 2008, equations 2 and 3, with m_k kept as v_k = m_k / 2^k.
Directions directions(std::size_t dimension) {
  Directions v{};
  if (dimension == 0) {
    for (int k = 0; k < kBits; ++k) v[static_cast<std::size_t>(k)] = std::uint32_t{1} << (kBits - 1 - k);
    return v;
  }
  const Polynomial& p = kPolynomials[dimension - 1];
  const auto degree = static_cast<std::size_t>(p.degree);
  for (std::size_t k = 0; k < kBits; ++k) {
    if (k < degree) {
      v[k] = p.first[k] << (kBits - 1 - k);
      continue;
    }
    v[k] = v[k - degree] ^ (v[k - degree] >> degree);
    for (std::size_t i = 1; i < degree; ++i)
      if ((p.inner >> (degree - 1 - i) & 1) != 0) v[k] ^= v[k - i];
  }
  return v;
}

}  // namespace

std::uint32_t sobol_word(std::uint32_t index, std::size_t dimension) {
  static const auto all = [] {
    std::array<Directions, kSobolDimensions> list{};
    for (std::size_t d = 0; d < kSobolDimensions; ++d) list[d] = directions(d);
    return list;
  }();
  std::uint32_t word = 0;
  for (std::size_t k = 0; k < kBits; ++k)
    if ((index >> k & 1) != 0) word ^= all[dimension][k];
  return word;
}

std::vector<double> sobol_point(std::uint32_t index, std::size_t dimensions, std::uint64_t seed) {
  Generator generator(seed);
  std::vector<double> point;
  for (std::size_t d = 0; d < dimensions; ++d) {
    const auto shift = static_cast<std::uint32_t>(generator.next() >> 32);
    point.push_back(static_cast<double>(sobol_word(index, d) ^ shift) * 0x1p-32);
  }
  return point;
}

}  // namespace gradus::train
