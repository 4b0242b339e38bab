#include "small_ops.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <thread>

namespace gradus {
namespace {

using small::Makers;
using small::makers;
using small::one;
using small::slots;

// ---- results -------------------------------------------------------------------------------------

TEST(Results, SeveralFromOneNode) {
  const Tensor x = leaf(tensor({1.0, 2.0, 3.0}));
  const Tensors both = small::halves(x);
  const Node* node = node_of(both[0]);
  EXPECT_EQ(node_of(both[1]), node);
  EXPECT_EQ(node->output_count(), 2);
  EXPECT_EQ(node->shape(0), (Shape{1}));
  EXPECT_EQ(node->shape(1), (Shape{2}));
  const Tensor y = small::exp(both[1]);
  EXPECT_EQ(node_of(y)->inputs()[0].node, node);
  EXPECT_EQ(node_of(y)->inputs()[0].output, 1U);
  EXPECT_EQ(node_of(small::exp(both[0]))->inputs()[0].output, 0U);
}

TEST(Results, TheLastHandleFreesThem) {
  const Tensor x = leaf(tensor({1.0, 2.0}));
  const std::int64_t live = memory_stats().live;
  for (std::size_t keep : {0U, 1U}) {
    Tensor kept = small::halves(x)[keep];
    EXPECT_EQ(node_of(kept)->output_count(), 2);
  }
  {
    const Tensor y = small::exp(x);
  }  // keeps its own output
  {
    const Tensor y = small::largest(x)[0];
  }
  EXPECT_EQ(memory_stats().live, live);
}

TEST(Results, BehindTheDifferentiableOnes) {
  const Tensor x = leaf(tensor({1.0, 5.0, 3.0}));
  const Tensors y = small::largest(x);
  EXPECT_EQ(y[0].item(), 5);
  EXPECT_EQ(y[1].item(), 1);
  EXPECT_FALSE(requires_grad(y[1]));
  EXPECT_EQ(node_of(y[0])->output_count(), 1);
  EXPECT_EQ(slots(y[0]), (std::vector<int>{-2}));
  EXPECT_EQ(node_of(y[0])->saved()[0].tensor.item(), 1);
}

struct Many : Op {
  static constexpr OpInfo info{.name = "many", .outputs = 100000};
  int count = 0;
  Tensors forward(const Tensor& x) const {
    Tensors all;
    for (int i = 0; i < count; ++i) all.push_back(view_as(x, {1, 1, 1}, {1, 1, 1}));
    return all;
  }
};

TEST(Results, AsManyAsANodeCanHold) {
  const Tensor x = one(4);
  const Tensors y = apply(Many{{}, 65535}, x);
  const Node* node = node_of(y[65534]);
  EXPECT_EQ(node->output_count(), 65535);
  EXPECT_EQ(node->shape(65534), (Shape{1, 1, 1}));
  EXPECT_EQ(node->dtype(65534), float32);
  EXPECT_EQ(y[65534].raw()->output, 65534);
  EXPECT_THROW(apply(Many{{}, 65536}, x), ArgumentError);
}

TEST(Inputs, AnyNumberInAList) {
  const Tensor w = one(2);
  for (std::size_t n : {1U, 3U, 16U, 17U, 1000U, 70000U}) {
    const std::vector<Tensor> xs(n, w);
    const Tensor y = small::join(xs);
    EXPECT_EQ(node_of(y)->inputs().size(), n);
    EXPECT_EQ(node_of(y)->saved().size(), n);
    EXPECT_EQ(node_of(y)->saved()[n - 1].slot, static_cast<int>(n) - 1);
    EXPECT_EQ(node_of(y)->shape(), (Shape{static_cast<std::int64_t>(n)}));
  }
  const std::vector<Tensor> constants(3, ones({1}));
  EXPECT_FALSE(requires_grad(small::join(constants)));
}

struct Affine : Op {
  static constexpr OpInfo info{.name = "affine", .arity = 3, .saves = Saves::inputs};
  Tensor forward(const Tensor& x, const Tensor& w, const Tensor& b) const {
    const Tensor y = small::mul(x, w);
    return b.defined() ? small::add(y, b) : y;
  }
};

/// The sum of nine.
struct Nine : Op {
  static constexpr OpInfo info{.name = "nine", .arity = 9, .saves = Saves::inputs};
  template <class... Rest>
  Tensor forward(const Tensor& x, const Rest&... rest) const {
    Tensor y = x;
    ((y = small::add(y, rest)), ...);
    return y;
  }
};

TEST(Inputs, AreAllSavedWhereAllAreAskedFor) {
  const Tensor w = one(2);
  const Tensor y = apply(Nine{}, w, w, w, w, w, w, w, w, w);
  EXPECT_EQ(node_of(y)->saved().size(), 9U);
  const Tensor g = one();
  EXPECT_EQ(Pullback(*node_of(y), {&g, 1}).in(8).item(), 2);
}

TEST(Inputs, CanBeLeftOut) {
  const Tensor x = one(2), w = one(3);
  const Tensor y = apply(Affine{}, x, w, Tensor());
  EXPECT_EQ(y.item(), 6);
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(x), node_of(w), nullptr}));
  EXPECT_EQ(slots(y), (std::vector<int>{0, 1}));
}

// ---- attributes ----------------------------------------------------------------------------------

struct Reader final : AttributeVisitor {
  using AttributeVisitor::operator();
  void operator()(std::string_view name, double v) override { add(name, "double", std::to_string(v)); }
  void operator()(std::string_view name, std::int64_t v) override { add(name, "int", std::to_string(v)); }
  void operator()(std::string_view name, bool v) override { add(name, "bool", v ? "true" : "false"); }
  void operator()(std::string_view name, std::string_view v) override { add(name, "text", std::string(v)); }
  void operator()(std::string_view name, const Shape& v) override { add(name, "shape", to_string(v)); }
  void add(std::string_view name, const char* type, const std::string& value) {
    text += std::string(name) + ":" + type + "=" + value + " ";
  }
  std::string text;
};

struct Others : Op {
  static constexpr OpInfo info{.name = "others"};
  Tensor forward(const Tensor& x) const { return clone(x); }
  int count = 3;
  template <class V>
  void visit(V&& v) const {
    v("count", count);
    v("word", "text");
    v("dtype", float64);
  }
};

TEST(Attributes, AreKeptAndVisited) {
  Tensor y;
  {
    small::Scale op;
    op.alpha = 0.5;
    op.sizes = {2, 3};
    op.mode = "a text that is too long to stand inside of the string object";
    y = apply(op, one(4));
  }
  Node& node = *node_of(y);
  Reader reader;
  node.op().visit(node.attributes(), reader);
  EXPECT_EQ(reader.text,
            "alpha:double=0.500000 axis:int=0 keep:bool=false sizes:shape=[2, 3] mode:text=a text "
            "that is too long "
            "to stand inside of the string object ");
  // The forward can be run again with nothing but the node.
  const Tensor again = full({1}, 10);
  EXPECT_EQ(node.op().forward(node.attributes(), std::span(&again, 1))[0].item(), 5);

  const Tensor z = apply(Others{}, y);
  Reader others;
  node_of(z)->op().visit(node_of(z)->attributes(), others);
  EXPECT_EQ(others.text, "count:int=3 word:text=text dtype:text=float64 ");
  EXPECT_EQ(node_of(small::exp(y))->attributes(), nullptr);
  EXPECT_EQ(node_of(small::exp(y))->op().visit, nullptr);
}

TEST(Attributes, DescribeTheOp) {
  const OpClass& op = op_class<small::Mul>;
  EXPECT_STREQ(op.info.name, "mul");
  EXPECT_EQ(op.info.arity, 2);
  EXPECT_NE(op.vjp, nullptr);
  EXPECT_EQ(op_class<small::Halves>.vjp, nullptr);
  EXPECT_EQ(&node_of(small::mul(one(), one()))->op(), &op_class<small::Mul>);
  const Domain d = domain(-1, 2, {0, 1});
  EXPECT_EQ(d.kinks[1], 1);
  EXPECT_TRUE(std::isnan(d.kinks[2]));
}

// ---- size and depth ------------------------------------------------------------------------------

TEST(Tape, ANodeWithItsResultIsSmall) {
  const Tensor w = one();
  constexpr int n = 1000;
  const auto cost = [&](auto&& op) {
    std::vector<Tensor> kept(n);
    const std::int64_t before = memory_stats().live;
    Tensor y = w;
    for (Tensor& place : kept) place = y = op(y);
    return static_cast<double>(memory_stats().live - before) / n;
  };
  // The result takes 80; the node the rest.
  EXPECT_LE(cost([&](const Tensor& y) { return small::add(y, w); }), 176);
  EXPECT_LE(cost([&](const Tensor& y) { return small::mul(y, w); }), 200);
  EXPECT_LE(cost([&](const Tensor& y) { return small::mul(w, y); }), 200);
}

/// Runs `f` on a thread with a stack of 256 KiB.
void on_small_stack(void (*f)()) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread{};
  const auto run = [](void* body) -> void* {
    reinterpret_cast<void (*)()>(body)();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, reinterpret_cast<void*>(f)), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST(Tape, AMillionNodesAreFreedOnASmallStack) {
  const std::int64_t live = memory_stats().live;
  on_small_stack([] {
    const Tensor w = one();
    Tensor y = w;
    for (int i = 0; i < 1'000'000; ++i) y = i % 3 == 0 ? small::exp(small::scale(y, 0.1)) : small::mul(y, w);
    y.reset();
    // And where the chain ends in the middle of another's destruction.
    std::vector<Tensor> both(2, w);
    for (int i = 0; i < 100'000; ++i) both[0] = small::mul(both[0], w), both[1] = small::mul(both[1], both[0]);
    Tensor end = small::join(both);
    both.clear();
    end.reset();
  });
  EXPECT_EQ(memory_stats().live, live);
}

TEST(Tape, SeveralThreadsRecordOnSharedLeaves) {
  const Tensor w = one(1);
  const std::int64_t live = memory_stats().live;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        Tensor y = w;
        for (int i = 0; i < 200; ++i) y = small::mul(y, w);
        EXPECT_EQ(y.item(), 1);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(memory_stats().live, live);
}

// ---- short lists ---------------------------------------------------------------------------------

TEST(TensorLists, GrowCopyAndMove) {
  const std::int64_t live = memory_stats().live;
  {
    Tensors a;
    EXPECT_TRUE(a.empty());
    for (int i = 0; i < 20; ++i) a.push_back(full({1}, i));
    ASSERT_EQ(a.size(), 20U);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(a[i].item(), static_cast<double>(i));
    Tensors b = a;
    EXPECT_TRUE(b[19].is_same(a[19]));
    const Tensors c = std::move(a);
    EXPECT_EQ(c.size(), 20U);
    b.resize(2);
    EXPECT_EQ(b.size(), 2U);
    b.resize(6);
    EXPECT_FALSE(b[5].defined());
    Tensors few{full({1}, 1), full({1}, 2)};
    few = b;
    EXPECT_EQ(few.size(), 6U);
    EXPECT_EQ(std::span<const Tensor>(few).size(), 6U);
    EXPECT_EQ(Tensors(3).size(), 3U);
  }
  EXPECT_EQ(memory_stats().live, live);
}

}  // namespace
}  // namespace gradus
