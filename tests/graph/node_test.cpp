#include "small_ops.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>
#include <thread>

namespace gradus {
namespace {

using small::one;

std::vector<const void*> makers(const Node& node) {
  std::vector<const void*> result;
  for (const Edge& edge : node.inputs()) result.push_back(edge.node);
  return result;
}
using Makers = std::vector<const void*>;

/// What the rule of the op that made `y` gives for a cotangent of ones.
Cotangents pull(const Tensor& y) {
  Node& node = *node_of(y);
  std::vector<Tensor> cotangents(static_cast<std::size_t>(node.output_count()));
  for (int k = 0; k < node.output_count(); ++k)
    cotangents[static_cast<std::size_t>(k)] = ones(node.shape(k), node.dtype(k));
  return node.op().vjp(node.attributes(), Pullback(node, cotangents));
}

/// The slots of what a node saves.
std::vector<int> slots(const Tensor& y) {
  std::vector<int> result;
  for (const SavedTensor& s : node_of(y)->saved()) result.push_back(s.slot);
  return result;
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const GradientError& e) {
    return e.what();
  }
  return "no error";
}

// ---- recording -----------------------------------------------------------------------------------

TEST(Recording, LeavesANodeWhereAGradientIsDue) {
  const Tensor w = one(2), x = full({1}, 3);
  EXPECT_TRUE(requires_grad(w));
  EXPECT_FALSE(requires_grad(x));
  EXPECT_FALSE(requires_grad(small::mul(x, x)));
  const Tensor y = small::mul(w, x);
  EXPECT_EQ(y.item(), 6);
  ASSERT_TRUE(requires_grad(y));
  EXPECT_FALSE(is_leaf(y));
  EXPECT_STREQ(node_of(y)->name(), "mul");
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w), nullptr}));
  EXPECT_FALSE(requires_grad(small::sign(w)));  // not differentiable
}

TEST(Recording, CanBeSwitchedOff) {
  const Tensor w = one();
  EXPECT_TRUE(is_recording());
  {
    const NoGrad off;
    EXPECT_FALSE(is_recording());
    EXPECT_FALSE(requires_grad(small::exp(w)));
    {
      const RecordingGuard on(true);
      EXPECT_TRUE(requires_grad(small::exp(w)));
    }
    EXPECT_FALSE(is_recording());
    std::thread([] { EXPECT_TRUE(is_recording()); }).join();
  }
  EXPECT_FALSE(requires_grad(no_grad([&] { return small::exp(w); })));
  EXPECT_THROW(no_grad([]() -> Tensor { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_TRUE(is_recording());
}

struct Twice : Op {
  static constexpr OpInfo info{.name = "twice"};
  Tensor forward(const Tensor& x) const {
    EXPECT_FALSE(is_recording());
    return small::add(x, x);
  }
};

TEST(Recording, AForwardMadeOfOpsIsOneNode) {
  const Tensor w = one(2);
  const Tensor y = apply(Twice{}, w);
  EXPECT_EQ(y.item(), 4);
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w)}));
  EXPECT_TRUE(is_recording());
}

TEST(Recording, AFailedForwardLeavesNothing) {
  const Tensor w = one();
  const std::int64_t live = memory_stats().live;
  EXPECT_THROW(small::mul(w, zeros({2})), ShapeError);
  EXPECT_TRUE(is_recording());
  EXPECT_EQ(memory_stats().live, live);
  EXPECT_FALSE(detail::context.pinned);
}

TEST(Recording, IdsGrowAlongTheTape) {
  const Tensor a = one(), b = one();
  const Tensor x = small::mul(a, b), y = small::exp(x), z = small::add(y, x);
  const std::uint64_t ids[] = {
      node_of(a)->id(), node_of(b)->id(), node_of(x)->id(), node_of(y)->id(), node_of(z)->id()};
  for (int i = 0; i < 4; ++i) EXPECT_LT(ids[i], ids[i + 1]);
}

struct Same : Op {
  static constexpr OpInfo info{.name = "same"};
  Tensor forward(const Tensor& x) const { return x; }
};

TEST(Recording, AnOpThatReturnsItsInputMakesATensorOfItsOwn) {
  const Tensor w = one(5);
  const Tensor y = apply(Same{}, w);
  EXPECT_FALSE(y.is_same(w));
  EXPECT_TRUE(is_leaf(w));
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w)}));
  EXPECT_EQ(y.data<float>(), w.data<float>());
}

// ---- call sites ----------------------------------------------------------------------------------

TEST(CallSites, NameTheLineOfTheCall) {
  const Tensor w = one();
  const Tensor a = small::exp(w);
  const Tensor b = small::mul(a, w), c = small::scale(b, 2);
  const std::vector<Tensor> all{a, c};
  const Tensor d = small::join(all);
  const std::uint32_t line = __LINE__ - 1;
  EXPECT_EQ(node_of(a)->site().line, line - 3);
  EXPECT_EQ(node_of(b)->site().line, line - 2);
  EXPECT_EQ(node_of(c)->site().line, line - 2);
  EXPECT_EQ(node_of(d)->site().line, line);
  EXPECT_EQ(to_string(node_of(d)->site()), "node_test.cpp:" + std::to_string(line));
}

TEST(CallSites, CanBePinned) {
  const Tensor w = one();
  {
    const detail::SitePin outer({"user.cpp", 7});
    const detail::SitePin inner({"library.cpp", 9});
    EXPECT_EQ(to_string(node_of(small::exp(w))->site()), "user.cpp:7");
    EXPECT_EQ(error_of([&] { gradient(small::exp(w)); }),
              "gradient: expected a leaf, got the result of exp\n  at user.cpp:7");
  }
  EXPECT_EQ(to_string(node_of(small::exp(w))->site()).substr(0, 13), "node_test.cpp");
}

// ---- leaves --------------------------------------------------------------------------------------

TEST(Leaves, HoldAGradient) {
  Tensor x = zeros({2, 3});
  set_requires_grad(x);
  const Node* node = node_of(x);
  set_requires_grad(x);
  EXPECT_EQ(node_of(x), node);
  EXPECT_TRUE(is_leaf(x));
  EXPECT_TRUE(node->is_leaf());
  EXPECT_EQ(node->shape(), (Shape{2, 3}));
  EXPECT_EQ(node->output_count(), 1);
  EXPECT_FALSE(gradient(x).defined());
  set_gradient(x, ones({2, 3}));
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 1));
  static_cast<Leaf*>(node_of(x))->update_gradient([](const Tensor& old) {
    return small::add(old, old);
  });
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 2));
  EXPECT_THROW(set_gradient(x, ones({3, 2})), ShapeError);
  EXPECT_THROW(set_gradient(x, ones({2, 3}, float64)), ShapeError);
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 2));
  zero_grad(x);
  EXPECT_FALSE(gradient(x).defined());
  set_requires_grad(x, false);
  EXPECT_FALSE(requires_grad(x));
}

TEST(Leaves, Refusals) {
  Tensor whole = arange(3);
  EXPECT_THROW(set_requires_grad(whole), DTypeError);
  Tensor y = small::exp(one());
  EXPECT_THROW(set_requires_grad(y), GradientError);
  EXPECT_THROW(set_requires_grad(y, false), GradientError);
  EXPECT_THROW(gradient(zeros({1})), GradientError);
  EXPECT_THROW(set_gradient(y, y), GradientError);
  EXPECT_THROW(on_gradient(zeros({1}), [](const Tensor& g) { return g; }), GradientError);
  EXPECT_THROW(requires_grad(Tensor()), ArgumentError);
}

TEST(Leaves, OutliveTheirTensor) {
  Tensor y;
  {
    Tensor w = one(3);
    static_cast<Leaf*>(node_of(w))->label = "w";
    y = small::exp(w);
  }
  const Node* leaf = node_of(y)->inputs()[0].node;
  EXPECT_TRUE(leaf->is_leaf());
  EXPECT_EQ(static_cast<const Leaf*>(leaf)->label, "w");
}

TEST(Leaves, DetachCutsTheTape) {
  const Tensor w = one(3);
  const Tensor y = small::exp(w), z = detach(y);
  EXPECT_FALSE(requires_grad(z));
  EXPECT_EQ(z.data<float>(), y.data<float>());
}

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
  { const Tensor y = small::exp(x); }  // keeps its own output
  { const Tensor y = small::largest(x)[0]; }
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
  void operator()(std::string_view name, double v) override {
    add(name, "double", std::to_string(v));
  }
  void operator()(std::string_view name, std::int64_t v) override {
    add(name, "int", std::to_string(v));
  }
  void operator()(std::string_view name, bool v) override {
    add(name, "bool", v ? "true" : "false");
  }
  void operator()(std::string_view name, std::string_view v) override {
    add(name, "text", std::string(v));
  }
  void operator()(std::string_view name, const Shape& v) override {
    add(name, "shape", to_string(v));
  }
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

// ---- saved tensors -------------------------------------------------------------------------------

TEST(Saved, WhatTheOpNames) {
  const Tensor w = one(2), v = one(3), x = full({1}, 5);
  EXPECT_EQ(slots(small::add(w, v)), (std::vector<int>{}));
  EXPECT_EQ(slots(small::exp(w)), (std::vector<int>{-1}));
  // A factor is kept only for the gradient of the other.
  EXPECT_EQ(slots(small::mul(w, v)), (std::vector<int>{0, 1}));
  EXPECT_EQ(slots(small::mul(w, x)), (std::vector<int>{1}));
  EXPECT_EQ(slots(small::mul(x, w)), (std::vector<int>{0}));
  EXPECT_EQ(slots(small::mul(w, w)), (std::vector<int>{0, 1}));
}

TEST(Saved, OutputsAreKeptWithoutTheirNode) {
  const Tensor y = small::exp(one());
  EXPECT_FALSE(requires_grad(node_of(y)->saved()[0].tensor));
  EXPECT_EQ(node_of(y)->saved()[0].tensor.data<float>(), y.data<float>());
}

TEST(Saved, RulesReadThem) {
  const Tensor w = one(2), x = full({1}, 5);
  const Cotangents g = pull(small::mul(w, x));
  EXPECT_EQ(g[0].item(), 5);
  EXPECT_FALSE(g[1].defined());
  EXPECT_FLOAT_EQ(pull(small::exp(w))[0].item<float>(), std::exp(2.0F));
}

TEST(Saved, ARulePassesThroughTheOutputOnceMore) {
  const Tensor w = one(2);
  const Tensor y = small::exp(w);
  const Tensor dy = pull(y)[0];
  ASSERT_TRUE(requires_grad(dy));
  EXPECT_EQ(node_of(dy)->inputs()[1].node, node_of(y));  // d/dw of exp(w) sees exp(w)
  EXPECT_FALSE(requires_grad(no_grad([&] { return pull(y)[0]; })));
  const std::int64_t live = memory_stats().live;
  { const Tensor again = pull(y)[0]; }
  EXPECT_EQ(memory_stats().live, live);
}

TEST(Saved, ChangedInPlaceIsAnError) {
  const Tensor w = one(2);
  Tensor x = full({1}, 5);
  graph::ScopeGuard net("net");
  Tensor y = small::mul(w, x), z = small::exp(w);
  const std::string line = std::to_string(__LINE__ - 1);
  pull(y);
  x.mutable_data<float>()[0] = 6;
  EXPECT_EQ(error_of([&] { pull(y); }),
            "mul: expected input 1 as it was when recorded (version 1), got it changed in place "
            "since (version 2)\n"
            "  in net at node_test.cpp:" +
                line);
  z.mutable_data<float>();
  EXPECT_EQ(error_of([&] { pull(z); }).substr(0, 44),
            "exp: expected output 0 as it was when record");
  // Through a view as well; and what was not saved may change.
  Tensor v = small::mul(w, x), part = view_as(x, {1}, {1});
  part.mutable_data<float>();
  EXPECT_NE(error_of([&] { pull(v); }), "no error");
  Tensor s = small::add(w, x);
  x.mutable_data<float>();
  EXPECT_EQ(error_of([&] { pull(s); }), "no error");
}

TEST(Saved, ReleasedIsAnError) {
  const Tensor w = one(2), x = full({1000}, 1);
  const Tensor y = small::exp(w);
  const std::int64_t live = memory_stats().live;
  const Tensor big = small::mul(leaf(clone(x)), clone(x));
  node_of(big)->release_saved();
  EXPECT_TRUE(node_of(big)->is_released());
  EXPECT_LT(memory_stats().live - live, 3 * 4000);
  const std::string line = std::to_string(__LINE__ + 1);
  const Tensor z = small::exp(w);
  node_of(z)->release_saved();
  EXPECT_EQ(error_of([&] { pull(z); }),
            "exp: expected a graph that still has its saved tensors, got one that an earlier "
            "backward pass has used "
            "up (pass retain_graph to go through it again)\n  at node_test.cpp:" +
                line);
}

TEST(Saved, AskingForWhatIsNotSavedIsAnError) {
  const Tensor w = one(2), x = full({1}, 5);
  const Tensor y = small::add(w, x);
  Node& node = *node_of(y);
  const Tensor g = ones({1});
  const Pullback p(node, std::span(&g, 1));
  EXPECT_EQ(error_of([&] { p.in(0); }).substr(0, 76),
            "add: expected input 0 among what the op saves (OpInfo::saves), got none\n  at");
  EXPECT_EQ(error_of([&] { p.out(); }).substr(0, 71),
            "add: expected output 0 among what the op saves (OpInfo::saves), got non");
  EXPECT_TRUE(p.needs(0));
  EXPECT_FALSE(p.needs(1));
  EXPECT_EQ(p.arity(), 2);
  EXPECT_EQ(p.shape(0), (Shape{1}));
  EXPECT_EQ(p.dtype(0), float32);
  EXPECT_NE(error_of([&] { p.shape(1); }), "no error");
}

// ---- hooks ---------------------------------------------------------------------------------------

TEST(Hooks, RunInOrderForTheirResult) {
  const Tensor x = leaf(tensor({1.0, 2.0}));
  const Tensors y = small::halves(x);
  EXPECT_FALSE(node_of(y[0])->has_hooks());
  std::string log;
  on_gradient(y[0], [&](const Tensor&) { return log += "a", Tensor(); });
  on_gradient(y[1], [&](const Tensor&) { return log += "b", Tensor(); });
  on_gradient(y[0], [&](const Tensor& g) { return log += "c", small::add(g, g); });
  EXPECT_TRUE(node_of(y[1])->has_hooks());
  EXPECT_EQ(node_of(y[0])->run_hooks(0, full({1}, 4)).item(), 8);
  EXPECT_EQ(log, "ac");
  EXPECT_EQ(node_of(y[0])->run_hooks(1, full({1}, 4)).item(), 4);
  EXPECT_EQ(log, "acb");
}

TEST(Hooks, AreFreedWithTheNode) {
  const auto token = std::make_shared<int>();
  GradientHook handle;
  handle.remove();
  {
    const Tensor y = small::exp(one());
    handle = on_gradient(y, [token](const Tensor& g) { return g; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
  handle.remove();
}

TEST(Hooks, AreRemovedByTheirHandle) {
  const Tensor x = one(2);
  const auto token = std::make_shared<int>();
  std::string log;
  on_gradient(x, [&](const Tensor&) { log += "a"; });
  GradientHook b = on_gradient(x, [&, token](const Tensor& g) {
    log += "b";
    return small::add(g, g);
  });
  GradientHook itself;
  itself = on_gradient(x, [&, token](const Tensor&) {
    log += "c";
    itself.remove();
    log += token.use_count() == 3 ? "c" : "-";  // what runs is still there
  });
  EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 4)).item(), 8);
  EXPECT_EQ(log, "abcc");
  EXPECT_EQ(token.use_count(), 2);
  const GradientHook same = b;
  b.remove();
  b.remove();
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 4)).item(), 4);
  EXPECT_EQ(log, "abcca");
}

TEST(Hooks, AreGivenTheirTensor) {
  const std::int64_t before = memory_stats().live;
  {
    Tensor x = one(3);
    const Tensor y = small::exp(x);
    const Node* node = node_of(y);
    on_gradient(y, [node](const Tensor& at, const Tensor& g) {
      EXPECT_EQ(node_of(at), node);
      return small::mul(at, g);
    });
    on_gradient(x, [](const Tensor& at, const Tensor& g) { return small::mul(at, g); });
    EXPECT_FLOAT_EQ(node_of(y)->run_hooks(0, full({1}, 2)).item<float>(), 2 * std::exp(3.0f));
    x.mutable_data<float>()[0] = 5;  // as it is then
    EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 2)).item(), 10);
  }
  EXPECT_EQ(memory_stats().live, before) << "a cycle";
}

TEST(Hooks, ThatHoldTheirTensorHoldTheTapeUntilRemoved) {
  const std::int64_t before = memory_stats().live;
  GradientHook handle;
  {
    const Tensor x = one(3);
    handle = on_gradient(x, [x](const Tensor& g) { return small::mul(g, x); });
  }
  EXPECT_GT(memory_stats().live, before);
  handle.remove();
  EXPECT_EQ(memory_stats().live, before);
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
  // The result takes 192; the node the rest.
  EXPECT_LE(cost([&](const Tensor& y) { return small::add(y, w); }), 384);
  EXPECT_LE(cost([&](const Tensor& y) { return small::mul(y, w); }), 384);
  EXPECT_LE(cost([&](const Tensor& y) { return small::mul(w, y); }), 384);
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
    for (int i = 0; i < 1'000'000; ++i)
      y = i % 3 == 0 ? small::exp(small::scale(y, 0.1)) : small::mul(y, w);
    y.reset();
    // And where the chain ends in the middle of another's destruction.
    std::vector<Tensor> both(2, w);
    for (int i = 0; i < 100'000; ++i)
      both[0] = small::mul(both[0], w), both[1] = small::mul(both[1], both[0]);
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
