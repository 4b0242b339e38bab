#pragma once

// What the tests of kernels share.

#include <gradus/kernels/lines.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus::kernels {

using Numbers = std::vector<double>;
using Places = std::vector<std::int64_t>;

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

inline Numbers draw(std::int64_t n, std::uint64_t seed) {
  Generator generator(seed);
  return normal({n}, 0, 1, float64, generator).to_vector();
}

template <class T>
std::vector<T> as(const Numbers& x) {
  return std::vector<T>(x.begin(), x.end());
}

/// Off by at most `absolute` + `relative` |want|; NaN is NaN.
template <class T>
void expect_near(const std::vector<T>& got, const Numbers& want, double absolute = 1e-12, double relative = 1e-12) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto v = static_cast<double>(got[i]);
    if (v == want[i] || (std::isnan(v) && std::isnan(want[i]))) continue;
    ASSERT_NEAR(v, want[i], absolute + relative * std::abs(want[i])) << "at " << i;
  }
}

inline Lines lines_of(std::int64_t outer, std::int64_t size, std::int64_t inner) {
  Lines lines;
  lines.outer = outer;
  lines.size = size;
  lines.inner = inner;
  return lines;
}

}  // namespace gradus::kernels
