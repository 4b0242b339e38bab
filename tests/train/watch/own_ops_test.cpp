#include "rule_table.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/data/generated.h"
#include "gradus/graph/plain_op.h"
#include "gradus/nn/attention.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/norm.h"
#include "gradus/nn/recurrent.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/train/babysitter.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

// Ops of one's own, whose rules `check` compares with differences of their values.

namespace gradus::train {
namespace table {

std::vector<Row> rows_of_ops() {
  const auto off = [](double by) {
    return OwnOpSeen{.op = "cubed", .layer = "fc2", .error = by, .entry = "d result / d input", .analytic = 2};
  };
  return {
      {.rule = "op-gradient",
       .layer = "fc2",
       .fires = [=](M& m, double t) { m.own_ops = {off(1.05 * t)}; },
       .value = 1.05,
       .still = {{"a lesser one in the layer", [=](M& m, double t) { m.own_ops.push_back(off(1.01 * t)); }},
                 {"one as wrong in the layer", [=](M& m, double t) { m.own_ops.push_back(off(1.05 * t)); }},
                 {"not finite", [](M& m, double) { m.own_ops[0].error = kInfinity; }}},
       .quiet = {{"less", [](M& m, double t) { m.own_ops[0].error = 0.95 * t; }},
                 {"none", [](M& m, double) { m.own_ops.clear(); }}}},
  };
}

}  // namespace table

namespace {

using Function = std::function<Tensor(const Tensor&)>;

/// A net of two layers with a function of its own between them.
struct Bent : nn::Module<Bent> {
  nn::Linear fc;
  Function f;
  Bent(Function f_, Generator& g) : fc(2, 12, {}, g), f(std::move(f_)) {}
  Tensor forward(const Tensor& x) { return f(fc(x)); }
  auto fields() { return nn::fields("fc", fc); }
};
struct Net : nn::Module<Net> {
  Bent bent;
  nn::BatchNorm norm;
  nn::Linear out;
  explicit Net(Function f, Generator g = Generator(1)) : bent(std::move(f), g), norm(12), out(12, 3, {}, g) {}
  Tensor forward(const Tensor& x) { return out(norm(bent(x))); }
  auto fields() { return nn::fields("bent", bent, "norm", norm, "out", out); }
};

data::Splits spiral() {
  Generator generator(5);
  return data::split(data::spiral({.points = 100}, generator), {.validation = 0.2, .test = 0}, generator);
}
BabysitterOptions quick() { return {.print = false, .heart_rows = 0}; }

struct Result {
  std::vector<OwnOpSeen> seen;
  std::vector<Finding> findings;  // of the rule
};
Result check(const Function& f,
             const BabysitterOptions& options = quick(),
             const Loss& loss = nullptr,
             std::uint64_t seed = 1) {
  Net net(f, Generator(seed));
  Babysitter sitter(net, options);
  Result result;
  for (const Finding& finding : sitter.check(spiral(), loss))
    if (finding.rule == "op-gradient") result.findings.push_back(finding);
  result.seen = sitter.measurements().own_ops;
  return result;
}
/// It was looked at, and is right.
void expect_right(const Function& f, const char* op) {
  const Result result = check(f);
  ASSERT_EQ(result.seen.size(), 1U);
  EXPECT_EQ(result.seen[0].op, op);
  EXPECT_EQ(result.seen[0].layer, "bent");
  EXPECT_LT(result.seen[0].error, 1e-6) << result.seen[0].entry;
  for (const Finding& finding : result.findings) ADD_FAILURE() << finding.text;
}
void expect_wrong(const Function& f, const char* op) {
  const Result result = check(f);
  ASSERT_EQ(result.findings.size(), 1U) << result.seen.size();
  EXPECT_NE(result.findings[0].text.find(std::string("rule of ") + op), std::string::npos) << result.findings[0].text;
}
void expect_left_out(const Function& f) {
  const Result result = check(f);
  EXPECT_TRUE(result.seen.empty()) << result.seen[0].op;
  for (const Finding& finding : result.findings) ADD_FAILURE() << finding.text;
}

const auto cubed = make_op(
    "cubed",
    [](const Tensor& x) { return x * x * x; },
    [](const Pullback& p) -> Cotangents { return {p.g * 3.0 * p.in(0) * p.in(0)}; });
const auto miscubed = make_op(
    "miscubed",
    [](const Tensor& x) { return x * x * x; },
    [](const Pullback& p) -> Cotangents { return {p.g * 2.0 * p.in(0) * p.in(0)}; });

TEST(OwnOps, AWrongRuleIsFound) {
  const auto line = __LINE__ + 1;
  const Result result = check([](const Tensor& x) { return miscubed(x); });
  ASSERT_EQ(result.findings.size(), 1U);
  const Finding& finding = result.findings[0];
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.layer, "bent");
  EXPECT_EQ(finding.site.line, line);
  EXPECT_TRUE(std::string(finding.site.file).ends_with("own_ops_test.cpp")) << finding.site.file;
  EXPECT_NEAR(finding.value, 1.0 / 3, 1e-4);
  ASSERT_EQ(result.seen.size(), 1U);
  EXPECT_NEAR(result.seen[0].analytic / result.seen[0].numeric, 2.0 / 3, 1e-4);
  EXPECT_EQ(finding.text.find("the rule of miscubed is off by 0.33"), 0U) << finding.text;
  EXPECT_NE(finding.text.find("d result["), std::string::npos) << finding.text;
  EXPECT_NE(finding.text.find("/ d input["), std::string::npos) << finding.text;
}

TEST(OwnOps, ARightRuleIsNot) { expect_right(cubed, "cubed"); }

TEST(OwnOps, LambdasAreRight) {
  expect_right(elementwise("softened", [](auto x) { return where(x > 0.0, x, 0.1 * x) + exp(x); }), "softened");
}

TEST(OwnOps, InTheLossToo) {
  const auto loss_with = [](const auto& op) {
    return [&op](const Tensor& y, const Tensor& t) { return cross_entropy(y, t) + mean(op(y)); };
  };
  const Result wrong = check(relu, quick(), loss_with(miscubed)), right = check(relu, quick(), loss_with(cubed));
  EXPECT_EQ(wrong.findings.size(), 1U);
  EXPECT_EQ(right.seen.size(), 1U);
  EXPECT_TRUE(right.findings.empty());
  EXPECT_EQ(check(miscubed, quick(), loss_with(miscubed)).findings.size(), 2U);  // in a layer, and in none
}

TEST(OwnOps, OneFindingALayerNamesAll) {
  const auto square = make_op(
      "missquared",
      [](const Tensor& x) { return x * x; },
      [](const Pullback& p) -> Cotangents { return {p.g * p.in(0)}; });
  const Result result = check([&](const Tensor& x) { return miscubed(miscubed(x)) + square(x); });
  EXPECT_EQ(result.seen.size(), 2U);
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings[0].text.find("the rule of missquared"), 0U) << result.findings[0].text;
  EXPECT_NE(result.findings[0].text.find("as well: miscubed"), std::string::npos) << result.findings[0].text;
}

// ---- kinks ---------------------------------------------------------------------------------------

/// 0 where x < 0; of a wrong one the rule forgets that.
const auto bend = [](bool wrong) {
  return make_op(
      "bend",
      [](const Tensor& x) { return relu(x); },
      [=](const Pullback& p) -> Cotangents { return {wrong ? p.g : where(p.in(0) > 0, p.g, 0.0)}; });
};

TEST(OwnOps, KinksAreNoMistakes) {
  expect_right([](const Tensor& x) { return bend(false)(relu(x)); }, "bend");         // at 0
  expect_right([](const Tensor& x) { return bend(false)(x * 0); }, "bend");           // all of them
  expect_right([](const Tensor& x) { return bend(false)(x * 1e-6); }, "bend");        // near it
  expect_right([](const Tensor& x) { return bend(false)(relu(x) - 1e-9); }, "bend");  // nearer than differences go
  const auto most = make_op(
      "most",
      [](const Tensor& x) { return amax(x, 1, true); },
      [](const Pullback& p) -> Cotangents {
        const Tensor at = to(equal_to(p.in(0), p.out()), p.dtype());
        return {p.g * at / sum(at, 1, true)};
      },
      {.saves = Saves::input0 | Saves::output});
  expect_right([&](const Tensor& x) { return x + most(relu(x - 1)); }, "most");  // ties
}

TEST(OwnOps, MistakesBesideKinksAreFound) {
  expect_wrong(bend(true), "bend");
  expect_wrong([](const Tensor& x) { return bend(true)(relu(x) - 1e-3); }, "bend");
}

/// Of numbers above 0, from 0, and between 0 and 1.
TEST(OwnOps, StayWhereTheyHaveValues) {
  const auto with_rule = [](const char* name, Tensor (*f)(Arg), const Function& derivative, double factor) {
    return make_op(
        name,
        [=](const Tensor& x) { return f(x); },
        [=](const Pullback& p) -> Cotangents { return {factor * p.g * derivative(p.in(0))}; });
  };
  const auto logs = [&](double by) {
    return with_rule(
        "logs",
        [](Arg x) { return log(x.tensor) + log(1 - x.tensor); },
        [](const Tensor& x) { return 1 / x - 1 / (1 - x); },
        by);
  };
  expect_right([&](const Tensor& x) { return logs(1)(sigmoid(4 * x)); }, "logs");
  expect_wrong([&](const Tensor& x) { return logs(2)(sigmoid(4 * x)); }, "logs");
  const auto ln = [&](double by) {
    return with_rule("ln", [](Arg x) { return log(x.tensor); }, [](const Tensor& x) { return 1 / x; }, by);
  };
  expect_right([&](const Tensor& x) { return ln(1)(exp(4 * x)); }, "ln");
  expect_wrong([&](const Tensor& x) { return ln(2)(exp(4 * x)); }, "ln");
  const auto root = [&](double by) {
    return with_rule("root", [](Arg x) { return sqrt(x.tensor); }, [](const Tensor& x) { return 0.5 / sqrt(x); }, by);
  };
  expect_right([&](const Tensor& x) { return root(1)(relu(x)); }, "root");
  expect_wrong([&](const Tensor& x) { return root(2)(relu(x)); }, "root");
}

/// Differences don't tell.
TEST(OwnOps, RoughOnesAreNotSaidToBeWrong) {
  const auto quiet = [](const auto& op) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
      for (const Finding& finding : check(op, quick(), nullptr, seed).findings)
        ADD_FAILURE() << seed << ": " << finding.text;
  };
  quiet(make_op(
      "single_inside",
      [](const Tensor& x) { return to(exp(to(x, float32)), x.dtype()); },
      [](const Pullback& p) -> Cotangents { return {p.g * exp(p.in(0))}; }));
  quiet(make_op(
      "waves",
      [](const Tensor& x) { return x + 1e-6 * sin(1e6 * x); },
      [](const Pullback& p) -> Cotangents { return {p.g * (1 + cos(1e6 * p.in(0)))}; }));
}

// ---- inputs and options --------------------------------------------------------------------------

/// factor times the columns named, plus a shift.
struct Picked : Op {
  static constexpr OpInfo info{.name = "picked", .arity = 3, .saves = Saves::inputs};
  double factor = 1;
  bool wrong = false;
  std::vector<double> more;  // not trivially copied
  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& shift) const {
    return (factor + more[0]) * index_select(x, 1, index) + shift;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor gx = index_add(zeros(p.shape(0), p.dtype(0)), 1, p.in(1), p.g * (wrong ? factor : factor + more[0]));
    return {gx, Tensor(), p.needs(2) ? sum_to(p.g, p.shape(2)) : Tensor()};
  }
  template <class V>
  void visit(V&& v) const {
    v("factor", factor);
  }
};

Function picked(bool wrong) {
  return [=](const Tensor& x) {
    Picked op;
    op.factor = 3, op.more = {0.5}, op.wrong = wrong;
    Tensor index = zeros({12}, int64);
    for (std::int64_t i = 0; i < 12; ++i) index.mutable_data<std::int64_t>()[i] = 11 - i;
    return apply(op, x, index, full({1}, 2));  // no gradient reaches the shift
  };
}

TEST(OwnOps, OptionsAndWholeNumbersAreKept) {
  expect_right(picked(false), "picked");
  expect_wrong(picked(true), "picked");
}

/// A rule may leave out what no gradient reaches; those that it does reach have the numbers of the call.
TEST(OwnOps, WhatNoGradientReachesIsHeld) {
  const auto scaled = [](double by) {
    return make_op(
        "scaled",
        [](const Tensor& by_, const Tensor& x) { return by_ * x; },
        [=](const Pullback& p) -> Cotangents { return {Tensor(), by * p.g * p.in(0)}; });
  };
  expect_right([&](const Tensor& x) { return scaled(1)(full(x.shape(), 2), x); }, "scaled");
  const Result wrong = check([&](const Tensor& x) { return scaled(1.5)(full(x.shape(), 2), x); });
  ASSERT_EQ(wrong.findings.size(), 1U);
  EXPECT_NE(wrong.findings[0].text.find("/ d input 1["), std::string::npos) << wrong.findings[0].text;
}

/// Of many numbers it is said for which input the rule is wrong.
TEST(OwnOps, ManyWeights) {
  Generator g(1);
  const Parameter w(normal({12, 1200}, 0, 0.3, float32, g));
  const auto product = [&](double by) {
    const auto op = make_op(
        "product",
        [](const Tensor& x, const Tensor& v) { return matmul(x, v); },
        [=](const Pullback& p) -> Cotangents {
          return {matmul(p.g, transpose(p.in(1), 0, 1)), by * matmul(transpose(p.in(0), 0, 1), p.g)};
        });
    return [=, &w](const Tensor& x) { return matmul(op(x, w), transpose(w, 0, 1)); };
  };
  expect_right(product(1), "product");
  const Result wrong = check(product(1.05));
  ASSERT_EQ(wrong.findings.size(), 1U);
  EXPECT_NE(wrong.findings[0].text.find("/ d input 1 along a random direction is"), std::string::npos)
      << wrong.findings[0].text;
}

TEST(OwnOps, ListsAndSeveralResults) {
  const auto both = [](double factor) {
    return make_op(
        "both",
        [](std::span<const Tensor> xs) { return Tensors{xs[0] + xs[1], xs[0] * xs[1], to(xs[0], int64)}; },
        [=](const Pullback& p) -> Cotangents {
          const auto g = [&](int k) { return p.all[k].defined() ? p.all[k] : zeros_like(p.in(0)); };
          return {g(0) + g(1) * p.in(1), g(0) + factor * g(1) * p.in(0)};
        },
        {.saves = Saves::inputs, .outputs = 2});
  };
  const auto called = [&](double factor) {
    return [op = both(factor)](const Tensor& x) {
      const std::vector<Tensor> xs{x, x + 1};
      const Tensors ys = op(std::span<const Tensor>(xs));
      return ys[0] + ys[1];
    };
  };
  expect_right(called(1), "both");
  expect_wrong(called(1.01), "both");
}

// ---- what is left out ----------------------------------------------------------------------------

TEST(OwnOps, OfWhichNothingCanBeSaidAreLeftOut) {
  const auto passes = [](const Pullback& p) -> Cotangents { return {p.g * 5.0}; };
  expect_left_out(make_op("noisy", [](const Tensor& x) { return x + uniform(x.shape(), 0, 1, x.dtype()); }, passes));
  expect_left_out(make_op("stepped", [](const Tensor& x) { return round(x); }, passes));
  expect_left_out(make_op(
      "single",
      [](const Tensor& x) {
        if (x.dtype() != float32) throw std::runtime_error("float32 only");
        return x * 2;
      },
      passes));
  expect_left_out(
      make_op("other_in_double", [](const Tensor& x) { return x * (x.dtype() == float32 ? 2 : 3); }, passes));
  expect_left_out([](const Tensor& x) { return tanh(relu(x)); });  // the library's
}

/// Those that only layers and passes use, which the table of ops does not have.
TEST(OwnOps, TheLibrarysAreNotMeant) {
  Generator g(3);
  const nn::LSTM lstm(4, 4, {}, g);
  const nn::GRU gru(4, 4, {}, g);
  const nn::RNN rnn(4, 4, {}, g);
  const nn::MultiheadAttention attention(4, 2, {}, g);
  const nn::LayerNorm norm({4});
  expect_left_out([&](const Tensor& x) {
    const Tensor steps = reshape(x, {-1, 3, 4});
    const Tensor read = gru(lstm(steps).y).y + rnn(steps).y;
    const Tensor seen = checkpoint([&](const Tensor& r) { return norm(attention(r, nn::AttentionMask()).y); }, read);
    return reshape(seen, x.shape());
  });
}

TEST(OwnOps, CanBeSwitchedOff) {
  BabysitterOptions options = quick();
  options.thresholds = {{"op-gradient", table::kInfinity}};
  const Result off = check(miscubed, options);
  EXPECT_TRUE(off.seen.empty());
  EXPECT_TRUE(off.findings.empty());
  options.thresholds = {{"op-gradient", 0.5}};
  EXPECT_TRUE(check(miscubed, options).findings.empty());
}

TEST(OwnOps, ChangesNothing) {
  Net net([](const Tensor& x) { return miscubed(x) + uniform(x.shape()); });
  Babysitter sitter(net, quick());
  nn::eval(net);
  const auto copies = [&] {
    std::vector<Tensor> list;
    for (const auto& p : nn::parameters(net)) list.push_back(clone(p));
    for (const auto& b : nn::buffers(net)) list.push_back(clone(b));
    return list;
  };
  const Parameter first = nn::parameters(net).front();
  set_gradient(first, full(first.shape(), 2));
  const std::vector<Tensor> before = copies();
  Generator generator = default_generator();
  sitter.check(spiral());
  EXPECT_FALSE(sitter.measurements().own_ops.empty());
  const std::vector<Tensor> after = copies();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(equal(before[i], after[i])) << i;
  EXPECT_EQ(default_generator().next(), generator.next());
  EXPECT_TRUE(equal(gradient(first), full(first.shape(), 2)));
  for (const nn::NamedModule& named : nn::named_modules(net))
    if (named.module.has_training_mode()) {
      EXPECT_FALSE(named.module.is_training());
    }
}

}  // namespace
}  // namespace gradus::train
