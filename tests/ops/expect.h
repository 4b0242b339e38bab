#pragma once

// What the tests of elementwise ops share.

#include "checks.h"

#include <gradus/tensor/tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace gradus {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using ops_test::expect_error;

/// Checks dtype, shape and each element: infinities and NaN exactly, zeros with their sign, the rest to rtol.
inline void expect_tensor(const Tensor& got,
                          DType dtype,
                          const Shape& shape,
                          const std::vector<double>& want,
                          double rtol = 0,
                          CallSite here = CallSite::here()) {
  SCOPED_TRACE(to_string(here));
  EXPECT_EQ(got.dtype(), dtype);
  ASSERT_EQ(got.shape(), shape);
  const std::vector<double> values = got.to_vector();
  ASSERT_EQ(values.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(values[i])) << "element " << i << " is " << values[i];
    else if (std::isinf(want[i]) || want[i] == 0)
      EXPECT_TRUE(values[i] == want[i] && std::signbit(values[i]) == std::signbit(want[i]))
          << "element " << i << " is " << values[i] << ", not " << want[i];
    else
      EXPECT_NEAR(values[i], want[i], rtol * std::fabs(want[i])) << "element " << i;
  }
}

/// Values as a vector of one floating dtype.
inline Tensor values(const std::vector<double>& x, DType dtype = float64) { return cast(from_vector(x), dtype); }

/// The cotangents that the rule of the op which made `y` gives for the cotangent `g`.
inline Cotangents pull(const Tensor& y, const Tensor& g) { return ops_test::run_rule(y, g, false); }

}  // namespace gradus
