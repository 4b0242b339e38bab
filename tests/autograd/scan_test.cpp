#include "gradus/autograd/scan.h"

#include "errors.h"
#include "scan.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/autograd/gradcheck.h"
#include "gradus/autograd/nan_guard.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/memory.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

using namespace tests;

/// The numbers of nodes behind results, by name.
std::multiset<std::string> tape_of(const List& results) {
  std::set<const Node*> seen;
  std::vector<const Node*> open;
  for (const Tensor& y : results)
    if (requires_grad(y)) open.push_back(node_of(y));
  std::multiset<std::string> names;
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    names.insert(node->name());
    for (const Edge& edge : node->inputs())
      if (edge.node != nullptr) open.push_back(edge.node);
  }
  return names;
}

/// A layer of long short-term memory written by hand.
struct Lstm {
  std::int64_t inputs, hidden, batch;
  Tensor w = leaf(draw({4 * hidden, inputs})), u = leaf(draw({4 * hidden, hidden})), b = leaf(draw({4 * hidden}));
  Tensor h = leaf(draw({batch, hidden})), c = leaf(draw({batch, hidden}));

  Scanned operator()(Span carry, Span x) const {
    const List parts = split(linear(x[0], w, b) + linear(carry[0], u), hidden, -1);
    const Tensor next = sigmoid(parts[1]) * carry[1] + sigmoid(parts[0]) * tanh(parts[2]);
    const Tensor y = sigmoid(parts[3]) * tanh(next);
    return {{y, next}, {y}};
  }
  List carry() const { return {h, c}; }
  List all(const Tensor& xs) const { return {w, u, b, h, c, xs}; }
};

TEST(Scan, IsTheLoopOfAnLstm) {
  const Lstm lstm{3, 2, 4};
  const Tensor xs = leaf(draw({7, 4, 3}));
  expect_like_loop([&] { return lstm; }, lstm.carry(), {xs}, lstm.all(xs));
}

TEST(Scan, IsOneNodeHoweverManySteps) {
  const Lstm lstm{3, 2, 4};
  const auto nodes = [&](std::int64_t steps) {
    const Scanned all = scan(lstm, lstm.carry(), List{draw({steps, 4, 3})});
    const auto tape = tape_of(all.ys);
    EXPECT_EQ(tape.count("scan"), 1U);
    return tape.size();
  };
  EXPECT_EQ(nodes(50), nodes(3));
}

TEST(Scan, OfFloatsIsTheLoopToRounding) {
  const auto to_float = [](const Tensor& x) { return leaf(detach(to(x, float32))); };
  Lstm lstm{16, 8, 3};
  for (Tensor* x : {&lstm.w, &lstm.u, &lstm.b, &lstm.h, &lstm.c}) *x = to_float(*x);
  const Tensor xs = to_float(draw({20, 3, 16}));
  const auto run = [&](const Scanned& all) { return grad(sum(square(all.ys[0])), lstm.all(xs)); };
  const List got = run(scan(lstm, lstm.carry(), List{xs})), expected = run(loop(lstm, lstm.carry(), {xs}));
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(all_close(got[i], expected[i], 1e-4, 1e-5)) << i;
}

TEST(Scan, PassesGradientChecks) {
  const Lstm at{2, 2, 2};
  const auto f = [](Span in) {
    Lstm lstm{2, 2, 2, in[0], in[1], in[2], in[3], in[4]};
    const Scanned all = scan(lstm, lstm.carry(), in.subspan(5));
    return List{all.carry[0], all.carry[1], all.ys[0]};
  };
  const List xs = at.all(draw({4, 2, 2}));
  EXPECT_TRUE(gradcheck(f, xs));
  EXPECT_TRUE(gradgradcheck(f, xs));
}

/// One step of each op that runs on plain memory; layouts of all kinds.
Scanned many_ops(Span carry, Span x, const Tensor& w, const Tensor& v, const Tensor& s) {
  const Tensor h = carry[0];                               // [2, 3]
  const Tensor a = matmul(h, w) + s;                       // a number for all
  const Tensor t = matmul(transpose(x[0]), transpose(w));  // of columns that lie together
  const Tensor r = matmul(w, select(a, 0, 0));             // a matrix and a vector
  const Tensor positive = exp(-square(a)) + 0.5;
  const Tensor q = sqrt(positive) / (1.0 + positive) - log(positive) / 2.0;
  const Tensor z = tanh(q * v + relu(a - 0.1)) + 0.1 * broadcast_to(unsqueeze(r, 0), {2, 3});
  const Tensor p = squeeze(permute(reshape(z, {1, 2, 3}), {2, 1, 0}), 2);  // [3, 2], rows lie apart
  const Tensor y = reciprocal(positive) * transpose(p * transpose(a)) + 1.0 / (2.0 + z * z);
  return {{sigmoid(y) - 0.3 * h + 0.1 * t + 0.1 * x[1]}, {y, slice(z, 1, 0, 3, 2), a}};
}

TEST(Scan, OfEachOpThatRunsOnPlainMemory) {
  const Tensor h = leaf(draw({2, 3})), w = leaf(draw({3, 3})), v = leaf(draw({3})), s = leaf(draw({}));
  const List xs = {leaf(draw({6, 3, 3})), leaf(draw({6, 2, 3}))};
  const Tensor t = leaf(draw({6, 3, 2}));
  const auto body = [&](Span c, Span x) { return many_ops(c, x, w, v, s); };
  const List both = {t, xs[1]};
  expect_like_loop([&] { return body; }, {h}, both, {h, w, v, s, t, xs[1]});
  EXPECT_EQ(tape_of(scan(body, List{h}, both).ys).count("scan"), 1U);
}

// ---- around it -----------------------------------------------------------------------------------

TEST(Scan, TakesAnyNumberOfCarriesXsAndYs) {
  const Tensor h = leaf(draw({3})), w = leaf(draw({3, 3}));
  const auto power = [&](Span c, Span) -> Scanned { return {{tanh(matmul(w, c[0]))}, {}}; };
  expect_like_loop([&] { return power; }, {h}, {}, {h, w}, 5);
  const Tensor xs = leaf(draw({5, 3}));
  expect_like_loop(
      [&] { return [&](Span, Span x) -> Scanned { return {{}, {x[0] * h, matmul(w, x[0])}}; }; }, {}, {xs}, {h, w, xs});
  const Tensor i = arange(0, 3);
  const auto counted = [&](Span c, Span x) -> Scanned { return {{c[0] * x[0], c[1] + 1}, {c[1]}}; };
  const Scanned got = scan(counted, List{h, i}, List{xs}), expected = loop(counted, {h, i}, {xs});
  expect_close(with_gradients(got, {h, xs}), with_gradients(expected, {h, xs}));
  expect_like_loop(
      [&] { return [&](Span c, Span x) -> Scanned { return {{c[1], c[0] + x[0]}, {c[0]}}; }; }, {h, h}, {xs}, {h, xs});
}

TEST(Scan, TakesOneOfEach) {
  const Tensor h = leaf(draw({3})), xs = leaf(draw({4, 3}));
  const auto [last, all] = scan(
      [](const Tensor& c, const Tensor& x) {
        const Tensor y = sin(c) * x;
        return std::pair(y, y);
      },
      h,
      xs);
  EXPECT_TRUE(equal(last, select(all, 0, 3)));
  EXPECT_EQ(all.shape(), (Shape{4, 3}));
}

TEST(Scan, TakesInputsOfAnyLayout) {
  const Lstm lstm{3, 2, 4};
  const Tensor xs = leaf(draw({4, 7, 3})), h = leaf(draw({2, 1}));
  const List carry = {broadcast_to(transpose(h), {4, 2}), transpose(leaf(draw({2, 4})))};
  const List by = {xs, h, lstm.w, lstm.u};
  expect_like_loop([&] { return lstm; }, carry, {transpose(xs, 0, 1)}, by);
  Lstm other = lstm;
  other.u = transpose(leaf(draw({2, 8})));
  other.w = slice(leaf(draw({16, 3})), 0, 0, 16, 2);
  expect_like_loop([&] { return other; }, carry, {transpose(xs, 0, 1)}, {xs, h, other.w, other.u});
}

TEST(Scan, OfNoStepsAndOfOne) {
  const Lstm lstm{3, 2, 4};
  const Scanned none = scan(lstm, lstm.carry(), List{draw({0, 4, 3})});
  expect_close(none.carry, lstm.carry());
  EXPECT_EQ(none.ys.at(0).shape(), (Shape{0, 4, 2}));
  EXPECT_EQ(none.ys.at(0).dtype(), float64);
  const Tensor xs = leaf(draw({1, 4, 3}));
  expect_like_loop([&] { return lstm; }, lstm.carry(), {xs}, lstm.all(xs));
}

TEST(Scan, RecordsNothingWhereNothingIs) {
  const Lstm lstm{3, 2, 4};
  const List xs{draw({50, 4, 3})};
  const Scanned expected = loop(lstm, lstm.carry(), xs);
  const Scanned got = no_grad([&] { return scan(lstm, lstm.carry(), xs); });
  EXPECT_FALSE(requires_grad(got.ys[0]));
  expect_close({got.carry[0], got.carry[1], got.ys[0]}, {expected.carry[0], expected.carry[1], expected.ys[0]});
}

TEST(Scan, IsWatched) {
  const Lstm lstm{3, 2, 4};
  const Tensor xs = leaf(draw({7, 4, 3}));
  const auto run = [&](const Tensor& x) { return scan(lstm, lstm.carry(), List{x}).ys[0]; };
  const List by = lstm.all(xs);
  expect_close(grad(sum(checkpoint(run, xs)), by), grad(sum(run(xs)), by));
  const NanGuard guard;
  expect_close(grad(sum(run(xs)), by), grad(sum(loop(lstm, lstm.carry(), {xs}).ys[0]), by));
  const auto inverse = [](const Tensor& c, const Tensor& x) { return std::pair(1.0 / x, c); };
  const Tensor zero_at_4 = from_vector(std::vector<double>{1, 2, 3, 4, 0, 5});
  EXPECT_NE(tests::message_of<ArgumentError>([&] { scan(inverse, scalar(0, float64), zero_at_4); }).find("div_into"),
            std::string::npos);
}

TEST(Scan, GoesBackAsOftenAsAGraphDoes) {
  const Lstm lstm{3, 2, 4};
  const Tensor xs = leaf(draw({5, 4, 3})), y = sum(scan(lstm, lstm.carry(), List{xs}).ys[0]);
  const List first = grad(y, lstm.all(xs), {}, {.retain_graph = true});
  expect_close(grad(y, lstm.all(xs)), first);
  EXPECT_NE(tests::message_of<GradientError>([&] { grad(y, lstm.all(xs)); }).find("retain_graph"), std::string::npos);
}

TEST(Scan, CheckpointsTakeLessMemory) {
  const Lstm lstm{8, 16, 32};
  const Tensor xs = leaf(draw({256, 32, 8}));
  const auto run = [&](std::int64_t every) {
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    const Scanned all = scan(lstm, lstm.carry(), List{xs}, {.checkpoint_every = every});
    const List gradients = grad(sum(all.carry[0]), lstm.all(xs));
    return std::pair(gradients, memory_stats().peak - before);
  };
  const auto [plain, most] = run(0);
  const auto [checkpointed, less] = run(16);
  expect_close(checkpointed, plain);
  EXPECT_GE(most, 4 * less) << most << " bytes at most without, " << less << " with";
}

TEST(Scan, CallsABodyThatIsComparedSeldomAsOften) {
  const Lstm lstm{3, 2, 4};
  const Tensor xs = leaf(draw({20, 4, 3}));
  for (const bool reverse : {false, true}) {
    const ScanOptions often{.reverse = reverse, .checkpoint_every = 8};
    ScanOptions seldom = often;
    seldom.compare_every = 6;
    int calls = 0;
    const auto counted = [&](Span carry, Span x) {
      ++calls;
      return lstm(carry, x);
    };
    const List expected = with_gradients(scan(lstm, lstm.carry(), List{xs}, often), lstm.all(xs));
    expect_close(with_gradients(scan(counted, lstm.carry(), List{xs}, seldom), lstm.all(xs)), expected, 0);
    EXPECT_EQ(calls, 1 + 19 / 6 + 1);  // the first, every sixth of the others, the last
  }
  const auto changes_at = [&](int step) {
    return [&, step, n = 0](Span carry, Span x) mutable -> Scanned {
      const Scanned result = lstm(carry, x);
      return ++n > step ? Scanned{{result.carry[0] * 2.0, result.carry[1]}, {}} : Scanned{result.carry, {}};
    };
  };
  const auto message = [&](int step) {
    return tests::message_of<ArgumentError>(
        [&] { scan(changes_at(step), lstm.carry(), List{xs}, {.compare_every = 6}); });
  };
  EXPECT_EQ(message(2).find("scan: expected a body that does the same at each step, as it is called for one in 6, got "
                            "another op, number, tensor or result at step 12"),
            0U)
      << message(2);
  EXPECT_NE(message(4).find("at step 19"), std::string::npos) << message(4);
}

TEST(Scan, MistakesAreNamed) {
  const Tensor h = leaf(draw({3})), xs = draw({4, 3});
  const auto body = [](Span c, Span x) -> Scanned { return {{c[0] * x[0]}, {}}; };
  const auto text = [&](const Body& f, const List& carry, const List& all, const ScanOptions& options = {}) {
    return tests::message_of([&] { scan(f, carry, all, options); });
  };
  EXPECT_EQ(text(body, {h}, {}).find("scan: expected xs, or a length, got neither"), 0U);
  EXPECT_EQ(text(body, {h}, {xs}, {.length = 5}).find("scan: expected a length of 4, that of the xs, got 5"), 0U);
  EXPECT_EQ(text(body, {h}, {xs, draw({5, 3})}).find("scan: expected xs of one T, got [4, 3] and [5, 3]"), 0U);
  EXPECT_EQ(text(body, {h}, {scalar(1)}).find("scan: expected xs [T, ...], got []"), 0U);
  EXPECT_EQ(text(body, {h}, {xs}, {.checkpoint_every = -1}).find("scan: expected checkpoint_every of 0 or more"), 0U);
  EXPECT_EQ(text(body, {h}, {xs}, {.compare_every = 0}).find("scan: expected compare_every of 1 or more, got 0"), 0U);
  const auto wider = [](Span c, Span) -> Scanned { return {{concat({c[0], c[0]})}, {}}; };
  EXPECT_EQ(
      text(wider, {h}, {xs}).find("scan: expected the body to give carry 0 as float64 [3], got float64 [6] at step 0"),
      0U);
  const auto later = [n = 0](Span c, Span x) mutable -> Scanned {
    return {{c[0] * x[0]}, n++ < 2 ? List{x[0]} : List{}};
  };
  EXPECT_EQ(text(later, {h}, {xs}).find("scan: expected the body to give 1 ys, got 0 at step 2"), 0U);
  const auto cast_at = [n = 0](Span c, Span x) mutable -> Scanned {
    return {{c[0] * x[0]}, {n++ < 2 ? x[0] : to(x[0], float32)}};
  };
  EXPECT_EQ(
      text(cast_at, {h}, {xs}).find("scan: expected the body to give y 0 as float64 [3], got float32 [3] at step 2"),
      0U);
  unsigned line = __LINE__ + 1;
  EXPECT_EQ(tests::line_of([&] { scan(wider, List{h}, List{xs}); }), line);
}

}  // namespace
}  // namespace gradus
