#include "small_ops.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace gradus {
namespace {

using graph::Scope;
using graph::ScopeGuard;

TEST(Scopes, NestAndEnd) {
  EXPECT_EQ(Scope::current(), nullptr);
  {
    const ScopeGuard net("net");
    EXPECT_EQ(Scope::current()->path(), "net");
    EXPECT_EQ(Scope::current()->parent(), nullptr);
    {
      const ScopeGuard block("block2");
      const ScopeGuard fc("fc", "Linear 784 → 256");
      EXPECT_EQ(Scope::current()->path(), "net.block2.fc");
      EXPECT_EQ(Scope::current()->name(), "fc");
      EXPECT_EQ(Scope::current()->description(), "Linear 784 → 256");
      EXPECT_EQ(Scope::current()->parent()->path(), "net.block2");
    }
    EXPECT_EQ(Scope::current()->path(), "net");
    try {
      const ScopeGuard inner("inner");
      throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
      EXPECT_EQ(Scope::current()->path(), "net");
    }
    const ScopeGuard none(nullptr);
    EXPECT_EQ(Scope::current(), nullptr);
  }
  EXPECT_EQ(Scope::current(), nullptr);
}

TEST(Scopes, AreOneObjectForEachPathAndDescription) {
  const Scope* a = Scope::child(nullptr, "a", "first");
  EXPECT_EQ(Scope::child(nullptr, "a", "first"), a);
  // Two models may have a layer of the same name, but not the same layer.
  EXPECT_NE(Scope::child(nullptr, "a", "second"), a);
  EXPECT_EQ(a->description(), "first");
  const Scope* b = Scope::child(a, "b");
  EXPECT_NE(Scope::child(nullptr, "b"), b);
  for (int i = 0; i < 1000; ++i) Scope::child(a, fmt::format("b{}", i));
  EXPECT_EQ(Scope::child(a, "b"), b);  // where it was, however many came
  EXPECT_EQ(b->path(), "a.b");
}

TEST(Scopes, BelongToAThread) {
  const ScopeGuard outer("outer");
  std::thread([] {
    EXPECT_EQ(Scope::current(), nullptr);
    const ScopeGuard mine("mine");
    EXPECT_EQ(Scope::current()->path(), "mine");
  }).join();
  EXPECT_EQ(Scope::current()->path(), "outer");

  std::vector<std::thread> threads;
  std::vector<const Scope*> found(4);
  for (std::size_t t = 0; t < found.size(); ++t)
    threads.emplace_back([&found, t] {
      for (int i = 0; i < 200; ++i) found[t] = Scope::child(Scope::child(nullptr, "shared"), std::to_string(i));
    });
  for (auto& thread : threads) thread.join();
  for (const Scope* scope : found) EXPECT_EQ(scope, found[0]);
}

TEST(Scopes, StandInErrorsAndNodes) {
  const Tensor x = small::one();
  const ScopeGuard net("net");
  const ScopeGuard fc("fc", "Linear 2 → 3");
  EXPECT_EQ(node_of(small::exp(x))->scope(), Scope::current());
  std::uint32_t line = 0;
  try {
    line = __LINE__ + 1;
    small::mul(x, zeros({2}));
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_EQ(std::string(e.what()),
              "mul: expected equal shapes\n  in net.fc (Linear 2 → 3) at scope_test.cpp:" + std::to_string(line));
    EXPECT_EQ(e.scope(), "net.fc (Linear 2 → 3)");
  }
}

}  // namespace
}  // namespace gradus
