#pragma once

// Numbers that tests of gradients begin with, and how near to others they end.

#include <gradus/tensor/tensor.h>

#include <gtest/gtest.h>

#include <initializer_list>

namespace gradus::tests {

inline Tensor vector(std::initializer_list<detail::Nested> values) { return tensor(values, float64); }
inline Tensor number(double x) { return scalar(x, float64); }

inline void expect_close(const Tensor& got, const Tensor& expected) {
  ASSERT_TRUE(got.defined());
  EXPECT_EQ(got.shape(), expected.shape());
  EXPECT_TRUE(all_close(got, expected, 1e-13, 1e-13)) << got << " instead of " << expected;
}

}  // namespace gradus::tests
