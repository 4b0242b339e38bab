#pragma once

#include "gradus/testing/op_suite.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::op_suite::detail {

/// Registers one test a property. The subjects are made when the tests run, after all static objects.
bool register_tests(const char* text, std::function<std::vector<Subject>()> make, const char* file, int line);

}  // namespace gradus::op_suite::detail
GRADUS_EXPORT_END

#define GRADUS_TEST_JOIN_(a, b) a##b
#define GRADUS_TEST_NAME_(a, b) GRADUS_TEST_JOIN_(a, b)

/// The whole op suite for an op of one's own, one test a property, from one line at namespace scope, in a program
/// that links to gradus::testing: find_package(gradus REQUIRED COMPONENTS testing).
///   GRADUS_TEST_OP(mish, domain(-5, 5));                   an elementwise lambda; or a domain an input
///   GRADUS_TEST_OP(outer, Sample{{3}}, Sample{{4}});       an op made by make_op, with the shapes it takes
/// The tests are called `mish.gradient`, `mish.second_order`, …
#define GRADUS_TEST_OP(function, ...)                                                             \
  [[maybe_unused]] static const bool GRADUS_TEST_NAME_(gradus_test_op_, __COUNTER__) =            \
      ::gradus::op_suite::detail::register_tests(                                                 \
          #function,                                                                              \
          [] {                                                                                    \
            const auto& gradus_op = function;                                                     \
            using ::gradus::domain;                                                               \
            using ::gradus::Sample;                                                               \
            return ::gradus::op_suite::subjects(#function, gradus_op __VA_OPT__(, ) __VA_ARGS__); \
          },                                                                                      \
          __FILE__,                                                                               \
          __LINE__)
