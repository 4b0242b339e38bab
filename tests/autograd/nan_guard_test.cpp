#include "gradus/autograd/nan_guard.h"

#include "gradus/autograd/backward.h"
#include "gradus/autograd/checkpoint.h"
#include "gradus/graph/scope.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/reduce.h"

#include <gtest/gtest.h>

#include <exception>
#include <limits>
#include <string>

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor vector(std::initializer_list<detail::Nested> values) { return tensor(values, float64); }

/// Op, message, scope and line of an error.
template <class E, class F>
std::string account(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.op() + ": " + e.message() + " | " + e.scope() + " | " + to_string(e.site());
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}
std::string here(int line) { return "nan_guard_test.cpp:" + std::to_string(line); }

TEST(NanGuard, NamesTheOpThatMadeIt) {
  const NanGuard guard;
  const graph::ScopeGuard net("net"), fc("fc");
  const Tensor x = vector({{1.0, 2.0}, {-1.0, 0.0}});
  const int line = __LINE__ + 1;
  const auto f = [](const Tensor& t) { return exp(log(t) * 2.0); };
  EXPECT_EQ(account<ArgumentError>([&] { f(x); }),
            "log: expected a finite result of finite inputs, got nan at [1, 0] | net.fc | " + here(line));
  EXPECT_EQ(account<ArgumentError>([&] { f(vector({3.0, 0.0})); }),
            "log: expected a finite result of finite inputs, got -inf at [1] | net.fc | " + here(line));
  EXPECT_EQ(account<ArgumentError>([&] { sum(x, {1}) / 0.0; }).substr(0, 10), "div_scalar");
}

TEST(NanGuard, NamesTheRuleThatMadeIt) {
  const Tensor x = leaf(vector({4.0, 0.0}));
  const NanGuard guard;
  const graph::ScopeGuard net("net");
  const Tensor y = sqrt(x);
  const int line = __LINE__ - 1;
  const Tensor loss = sum(y * 3.0);
  EXPECT_EQ(account<GradientError>([&] { backward(loss); }),
            "sqrt: expected its rule to give finite cotangents, got inf at [1] in that of input 0 "
            "| net | " +
                here(line));
  EXPECT_FALSE(gradient(x).defined());
}

TEST(NanGuard, LeavesAloneWhatWasNotFiniteBefore) {
  const Tensor x = leaf(vector({1.0, kInf}));
  const NanGuard guard;
  EXPECT_EQ(account<Error>([&] { backward(sum(x * 0.0)); }), "no error");
  EXPECT_EQ(account<Error>([&] { backward(sum(x), scalar(kInf, float64)); }), "no error");
  EXPECT_EQ(account<Error>([&] { log(zeros({0})) + 1.0; }), "no error");
  // A lambda's derivative, computed along with its value, is none of the results.
  const auto root = elementwise("root", [](auto v) { return sqrt(v); });
  EXPECT_EQ(account<Error>([&] { root(leaf(vector({0.0}))); }), "no error");
}

TEST(NanGuard, MayLetInfinitiesPass) {
  const NanGuard guard({.infinity = false});
  const Tensor x = vector({0.0, 1.0});
  EXPECT_EQ(account<Error>([&] { log(x); }), "no error");
  const Tensor y = log(x);
  EXPECT_EQ(account<Error>([&] { y - y; }).substr(0, 4), "sub:") << "-inf - -inf, made here";
}

TEST(NanGuard, EndsAndNests) {
  const Tensor x = vector({-1.0});
  {
    const NanGuard outer;
    {
      const NanGuard inner;
      EXPECT_THROW(log(x), ArgumentError);
      EXPECT_THROW(log(x), ArgumentError) << "still on after an error";
    }
    EXPECT_THROW(log(x), ArgumentError);
  }
  EXPECT_NO_THROW(log(x));
}

TEST(NanGuard, LooksIntoACheckpoint) {
  const Tensor x = leaf(vector({4.0, 0.0}));
  const NanGuard guard;
  const Tensor y = checkpoint([](const Tensor& a) { return sqrt(a) * 3.0; }, x);
  const int line = __LINE__ - 1;
  const std::string text = account<GradientError>([&] { backward(sum(y)); });
  EXPECT_EQ(text.substr(0, 5), "sqrt:") << text;
  EXPECT_NE(text.find(here(line)), std::string::npos) << text;
}

}  // namespace
}  // namespace gradus
