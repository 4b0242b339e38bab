#pragma once

#include <gradus/graph/node.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace gradus::ops_test {

inline Tensor draw(const Shape& shape, std::uint64_t seed = 3, DType dtype = float64) {
  Generator generator(seed);
  return normal(shape, 0, 1, dtype, generator);
}

/// Checks that `f`, written within a few lines of the call, throws an E that says so.
template <class E>
void expect_error(const std::string& op,
                  const std::string& message,
                  const std::function<void()>& f,
                  CallSite here = CallSite::here()) {
  try {
    f();
    ADD_FAILURE() << "no error: " << op << ": " << message << " at line " << here.line;
  } catch (const E& e) {
    EXPECT_EQ(e.op(), op);
    EXPECT_EQ(e.message(), message);
    EXPECT_EQ(std::string_view(e.site().file), here.file);
    EXPECT_LE(e.site().line - here.line, 5U) << e.what();
  }
}

/// What the rule of the op that made `y` gives: as in an ordinary backward pass, or while recording.
inline Cotangents run_rule(const Tensor& y, const Tensor& g, bool recording) {
  Node& node = *node_of(y);
  const RecordingGuard guard(recording);
  return node.op().vjp(node.attributes(), Pullback(node, {&g, 1}));
}

/// Ops with a fused gradient give another one, of public ops, while recording: both must agree.
inline void expect_rules_agree(const Tensor& y, const Tensor& g, double tolerance = 1e-12) {
  const Cotangents fused = run_rule(y, g, false), composed = run_rule(y, g, true);
  ASSERT_EQ(fused.size(), composed.size());
  for (std::size_t i = 0; i < fused.size(); ++i) {
    if (node_of(y)->inputs()[i].node == nullptr) continue;
    ASSERT_TRUE(fused[i].defined() && composed[i].defined()) << "input " << i;
    EXPECT_EQ(fused[i].shape(), composed[i].shape()) << "input " << i;
    EXPECT_TRUE(all_close(fused[i], composed[i], tolerance, tolerance)) << "input " << i;
  }
}

inline void expect_near(const Tensor& got, const Tensor& want, double tolerance = 1e-12) {
  EXPECT_EQ(got.shape(), want.shape());
  EXPECT_TRUE(all_close(got, want, tolerance, tolerance)) << "got\n" << got << "\nwant\n" << want;
}

}  // namespace gradus::ops_test
