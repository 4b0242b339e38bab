// Each class of error names op, layer and the user's line, and leaves everything as it was.
#include "gradus/autograd/backward.h"
#include "gradus/graph/scope.h"
#include "gradus/inspect/dot.h"
#include "gradus/inspect/view.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/memory.h"

#include <gtest/gtest.h>

#include <exception>
#include <string>

namespace gradus {
namespace {

/// "op | scope | line", and the whole text through `text`.
template <class E, class F>
std::string place_of(F f, std::string* text = nullptr) {
  const graph::ScopeGuard net("net"), fc("fc", "Linear");
  const std::int64_t before = memory_stats().live;
  try {
    f();
  } catch (const E& e) {
    EXPECT_EQ(memory_stats().live, before) << e.what();
    if (text != nullptr) *text = e.what();
    return e.op() + " | " + e.scope() + " | " + to_string(e.site());
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}
std::string place(const std::string& op, int line) {
  return op + " | net.fc (Linear) | errors_test.cpp:" + std::to_string(line);
}

TEST(Errors, NameOpLayerAndLine) {
  const Tensor x = leaf(ones({2, 3})), y = leaf(ones({4, 2}));
  std::string text;
  EXPECT_EQ(place_of<ShapeError>([&] { matmul(x, y); }, &text), place("matmul", __LINE__));
  EXPECT_EQ(text.substr(text.find('\n')), "\n  in net.fc (Linear) at errors_test.cpp:" + std::to_string(__LINE__ - 1));
  EXPECT_EQ(text.find("matmul: expected "), 0U) << text;
  EXPECT_NE(text.find(", got "), std::string::npos) << text;
  EXPECT_EQ(place_of<ShapeError>([&] { x + y; }), place("add", __LINE__));
  EXPECT_EQ(place_of<DTypeError>([&] { exp(tensor({1, 2})); }), place("exp", __LINE__));
  EXPECT_EQ(place_of<IndexError>([&] { sum(x, {2}); }), place("sum", __LINE__));
  EXPECT_EQ(place_of<ArgumentError>([&] { clamp(x, 1.0, -1.0); }), place("clamp", __LINE__));
  EXPECT_EQ(place_of<GradientError>([&] { backward(x); }), place("backward", __LINE__));
  const Tensor loss = sum(x * 2.0);
  EXPECT_EQ(place_of<IoError>([&] { write_dot(graph::View(loss), "/no/such/folder/net.dot"); }).substr(0, 9),
            "write_dot");
}

TEST(Errors, InABackwardPassNameTheLineOfTheOp) {
  Tensor x = leaf(ones({2, 3}));
  Tensor y;
  int line = 0;
  {
    const graph::ScopeGuard net("net");
    y = exp(x);
    line = __LINE__ - 1;
  }
  y.mutable_data<float>()[0] = 7;
  try {
    backward(sum(y));
    FAIL() << "no error";
  } catch (const GradientError& e) {
    EXPECT_EQ(e.op(), "exp");
    EXPECT_EQ(e.scope(), "net");
    EXPECT_EQ(to_string(e.site()), "errors_test.cpp:" + std::to_string(line));
  }
  EXPECT_FALSE(gradient(x).defined());
}

}  // namespace
}  // namespace gradus
