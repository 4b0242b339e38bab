#include "gradus/autograd/backward.h"
#include "gradus/autograd/checkpoint.h"
#include "gradus/graph/saved.h"
#include "gradus/inspect/view.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <any>
#include <map>
#include <stdexcept>
#include <string>

namespace gradus {
namespace {

Tensor draw(const Shape& shape) { return normal(shape, 0, 1, float64); }
Tensor f(const Tensor& x) { return exp(sin(x)) * x; }

/// Keeps tensors under numbers.
struct Store {
  std::map<int, Tensor> kept;
  int unpacked = 0;

  int pack(const Tensor& x) {
    const int key = static_cast<int>(kept.size());
    kept[key] = clone(x);
    return key;
  }
  Tensor unpack(int key) {
    ++unpacked;
    return clone(kept.at(key));
  }
};

TEST(SavedTensorHooks, AreGivenWhatIsSaved) {
  const Tensor x = leaf(draw({3}));
  const Tensor expected = grad(sum(f(x)), x);
  Store store;
  Tensor y;
  {
    const SavedTensorHooks hooks([&](const Tensor& t) { return store.pack(t); },
                                 [&](int key) { return store.unpack(key); });
    y = sum(f(x));
  }
  EXPECT_EQ(store.kept.size(), 2U);  // the result of exp, twice: for exp and for mul; x is a leaf
  sum(f(x));
  EXPECT_EQ(store.kept.size(), 2U) << "the guard is gone";
  EXPECT_EQ(store.unpacked, 0);
  EXPECT_TRUE(equal(grad(y, x), expected)) << "nor is it needed any more";
  EXPECT_EQ(store.unpacked, 2);
  EXPECT_THROW(grad(y, x), GradientError) << "used up";
}

TEST(SavedTensorHooks, DerivativesOfHigherOrderPass) {
  const Tensor x = leaf(draw({3}));
  const auto derivatives = [&](const Tensor& y) {
    const Tensor first = grad(y, x, {}, {.create_graph = true});
    const Tensor second = grad(sum(first), x, {}, {.create_graph = true});
    return grad(sum(second), x);
  };
  const Tensor expected = derivatives(sum(f(x * 2.0)));
  const SavedTensorHooks hooks([](const Tensor& t) { return to(t, float64) + 0.0; },
                               [](const std::any& p) { return std::any_cast<Tensor>(p) * 1.0; });
  EXPECT_TRUE(all_close(derivatives(sum(f(x * 2.0))), expected, 1e-13, 1e-13));
}

TEST(SavedTensorHooks, MaySaveMemory) {
  const Tensor x = leaf(draw({1000}));
  const auto bytes = [&](const Tensor& y) {
    std::int64_t total = 0;
    const graph::View view(y);
    for (const graph::SavedInfo& s : view.saved()) total += s.bytes;
    return total;
  };
  EXPECT_GE(bytes(sin(x * 2.0)), 8000);
  const std::int64_t before = memory_stats().live;
  const SavedTensorHooks hooks([](const Tensor& t) { return to(t, float32); },
                               [](const Tensor& p) { return to(p, float64); });
  const Tensor y = sum(sin(x * 2.0));
  EXPECT_EQ(bytes(y), 0);
  EXPECT_LT(memory_stats().live - before, 6000);
  EXPECT_TRUE(all_close(grad(y, x), 2.0 * cos(detach(x) * 2.0), 1e-5, 1e-5));
  EXPECT_LT(memory_stats().live - before, 1000) << "given back by the pass";
}

TEST(SavedTensorHooks, NestAndRunWithinACheckpoint) {
  const Tensor x = leaf(draw({3})), h = x * 2.0;
  int outer = 0, inner = 0;
  const auto same = [](const Tensor& p) { return p; };
  const auto counting = [](int& count) {
    return [&count](const Tensor& t) {
      ++count;
      return exp(log(t));  // ops within hooks are not packed again
    };
  };
  const Tensor positive = exp(h);
  const SavedTensorHooks a(counting(outer), same);
  sin(positive);
  {
    const SavedTensorHooks b(counting(inner), same);
    sin(positive);
  }
  sin(positive);
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 1);
  const auto g = [&](const Tensor& t) { return exp(t) * positive; };
  const Tensor expected = grad(sum(g(positive)), x, {}, {.retain_graph = true});
  const Tensor y = checkpoint(g, positive);
  const Tensor got = grad(sum(y), x);
  EXPECT_TRUE(all_close(got, expected, 1e-12)) << got << " instead of " << expected;
}

TEST(SavedTensorHooks, ErrorsLeaveEverythingAsItWas) {
  const Tensor x = leaf(draw({3})), h = x * 2.0;
  const std::int64_t before = memory_stats().live;
  {
    const SavedTensorHooks hooks([](const Tensor&) -> Tensor { throw std::runtime_error("disk full"); },
                                 [](const Tensor& p) { return p; });
    EXPECT_THROW(sin(h), std::runtime_error);
    EXPECT_THROW(sin(h), std::runtime_error);
  }
  EXPECT_EQ(memory_stats().live, before);
  Tensor y;
  {
    const SavedTensorHooks hooks([](const Tensor& t) { return to(t, float32); }, [](const Tensor& p) { return p; });
    y = sin(h);
  }
  const int line = __LINE__ - 2;
  try {
    backward(sum(y));
    FAIL() << "no error";
  } catch (const GradientError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("expected unpack to give float64 [3], got float32 [3]"), std::string::npos) << text;
    EXPECT_NE(text.find("backward of sin"), std::string::npos) << text;
    EXPECT_NE(text.find("saved_hooks_test.cpp:" + std::to_string(line)), std::string::npos) << text;
  }
  EXPECT_FALSE(gradient(x).defined());

  // A handle that is the tensor itself keeps its version.
  const auto same = [](const Tensor& t) { return t; };
  Tensor c = x * 2.0;
  const SavedTensorHooks hooks(same, same);
  const Tensor z = sin(c);
  c.mutable_data<double>()[0] = 7;
  EXPECT_THROW(backward(sum(z)), GradientError);
}

}  // namespace
}  // namespace gradus
