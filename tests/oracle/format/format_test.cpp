#include "oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

// What the format of oracle folders allows and the folder at hand need not have: attributes left out have
// PyTorch 1.13's defaults. Values by closed forms.

namespace oracle {
namespace {

using namespace gradus;
using Named = std::vector<std::pair<std::string, Tensor>>;

/// A folder of cases.
class Cases : public testing::Test {
 protected:
  Cases() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gradus_oracle_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Cases() override { std::filesystem::remove_all(folder_); }

  /// A case, with cotangents of ones; `more` are further fields.
  void add(const std::string& kind,
           const std::string& op,
           const Json& attrs,
           const Named& inputs,
           const Named& outputs,
           const Named& grads = {},
           const Json& more = Json::object()) {
    const std::string name = op + "." + std::to_string(cases_.size());
    Json c{{"name", name}, {"kind", kind}, {"op", op}, {"attrs", attrs}, {"file", "all.npz"}};
    c["inputs"] = c["outputs"] = Json::array();
    const auto put = [&](const std::string& key, const Tensor& x) { arrays_[name + "/" + key] = x; };
    for (const auto& [key, x] : inputs) c["inputs"].push_back(key), put(key, x);
    for (const auto& [key, x] : outputs) c["outputs"].push_back(key), put(key, x);
    if (kind == "op" || kind == "loss" || kind == "program") {
      c["grads"] = c["cotangents"] = Json::object();
      for (const auto& [key, x] : outputs)
        if (is_floating(x.dtype())) c["cotangents"][key] = "cot." + key, put("cot." + key, ones_like(x));
      for (const auto& [key, x] : grads) c["grads"][key] = "grad." + key, put("grad." + key, x);
    }
    c.update(more);
    cases_.push_back(c);
  }
  /// A case of one input x and one output y.
  void add_op(const std::string& op,
              const Json& attrs,
              const Tensor& x,
              const Tensor& y,
              const Tensor& grad,
              const Json& more = Json::object()) {
    add("op", op, attrs, {{"x", x}}, {{"y", y}}, {{"x", grad}}, more);
  }

  Outcome run() {
    std::ofstream(folder_ + "/index.json") << Json{{"format", 1}, {"cases", cases_}};
    data::write_npz(folder_ + "/all.npz", arrays_);
    return oracle::run(folder_);
  }
  void expect_all_right() {
    const Outcome outcome = run();
    EXPECT_EQ(outcome.ran, static_cast<int>(cases_.size()));
    for (const auto& [what, names] : outcome.skipped) ADD_FAILURE() << "skipped, no " << what;
    for (const std::string& text : outcome.failed) ADD_FAILURE() << text;
  }

  std::string folder_;
  Json cases_ = Json::array();
  Arrays arrays_;
};

Tensor number(double value) { return scalar(value, float64); }
Tensor f64(std::initializer_list<double> values) { return from_vector(std::vector<double>(values)); }

TEST_F(Cases, DropoutWithoutChance) {
  const Tensor x = f64({1, -2, 3});
  add_op("dropout", {{"p", 0}, {"training", true}}, x, x, ones_like(x));
  add_op("dropout", {{"p", 1.0}, {"training", true}}, x, zeros_like(x), zeros_like(x));
  add_op("dropout", {{"p", 1.0}, {"training", false}}, x, x, ones_like(x));
  add_op("dropout", {{"p", 0}}, x, x, ones_like(x));
  expect_all_right();
  add_op("dropout", Json::object(), x, x, ones_like(x));
  EXPECT_EQ(run().skipped.size(), 1U);
}

TEST_F(Cases, AnyNumberOfOperands) {
  const Tensor x = f64({1, 2});
  add_op("concat", {{"dim", 0}}, x, x, ones_like(x));
  add_op("concat", Json::object(), x, x, ones_like(x));
  add_op("concat",
         {{"dim", 0}},
         x,
         f64({1, 2, 2, 4, 1, 2}),
         f64({4, 4}),
         {{"note", "concat of x, 2x, x: the gradients add up"}});
  add("op",
      "concat",
      {{"dim", 0}},
      {{"x0", x}, {"x1", x}, {"x2", x}, {"x3", x}},
      {{"y", f64({1, 2, 1, 2, 1, 2, 1, 2})}},
      {{"x3", ones_like(x)}});
  add("op", "stack", Json::object(), {{"x0", x}}, {{"y", unsqueeze(x, 0)}}, {{"x0", ones_like(x)}});
  add("program",
      "program",
      {{"result", "v"}},
      {{"x0", x}},
      {{"y", x}},
      {{"x0", ones_like(x)}},
      {{"program", {{{"op", "concat"}, {"in", {"x0"}}, {"out", "v"}, {"attrs", {{"dim", 0}}}}}}});
  expect_all_right();
}

TEST_F(Cases, ProgramsNameInputsByOrder) {
  const Tensor x = f64({3, 4}), index = tensor({1, 1, 0});
  const auto program = [](const char* op, const std::vector<std::string>& in, const Json& attrs) {
    return Json{{"program", Json::array({{{"op", op}, {"in", in}, {"out", "v"}, {"attrs", attrs}}})}};
  };
  const auto one = [&](const char* op,
                       const Named& inputs,
                       const Tensor& y,
                       const Named& grads,
                       const Json& attrs = Json::object()) {
    std::vector<std::string> in;
    for (const auto& [name, array] : inputs) in.push_back(name);
    add("program", "program", {{"result", "v"}}, inputs, {{"y", y}}, grads, program(op, in, attrs));
  };
  one("gather", {{"x0", x}, {"x1", index}}, f64({4, 4, 3}), {{"x0", f64({1, 2})}}, {{"dim", 0}});
  one("index_select", {{"x0", x}, {"x1", index}}, f64({4, 4, 3}), {{"x0", f64({1, 2})}}, {{"dim", 0}});
  one("where", {{"x0", tensor({true, false})}, {"x1", x}, {"x2", x}}, x, {{"x1", f64({1, 0})}, {"x2", f64({0, 1})}});
  one("linear", {{"x0", x}, {"x1", tensor({{1.0, 2.0}}, float64)}}, f64({11}), {{"x0", f64({1, 2})}});
  one("mse_loss", {{"x0", x}, {"x1", f64({1, 1})}}, number(6.5), {{"x0", f64({2, 3})}});
  expect_all_right();
}

TEST_F(Cases, AttributesHavePyTorchsDefaults) {
  const double e = std::exp(1.0);
  const Tensor x = tensor({{0.0, 1.0}, {1.0, 0.0}}, float64);
  const double a = 1 / (1 + e), b = e / (1 + e);
  add_op("softmax", Json::object(), x, tensor({{a, b}, {b, a}}, float64),
         zeros_like(x));  // dim 1 of 2
  add_op("softmin", {{"dim", nullptr}}, x, tensor({{b, a}, {a, b}}, float64), zeros_like(x));
  const Tensor cube = reshape(f64({0, 1, 1, 0}), {2, 1, 2});
  add_op("log_softmax",
         Json::object(),
         cube,
         reshape(f64({std::log(a), std::log(b), std::log(b), std::log(a)}), {2, 1, 2}),
         reshape(f64({1 - 2 * a, 1 - 2 * b, 1 - 2 * b, 1 - 2 * a}), {2, 1, 2}));  // dim 0 of 3
  add_op("norm", {{"p", "fro"}}, f64({3, 4}), number(5.0), f64({0.6, 0.8}));
  add_op("norm", {{"p", "inf"}}, f64({3, -4}), number(4.0), f64({0, -1}));
  add_op("norm", Json::object(), f64({3, 4}), number(5.0), f64({0.6, 0.8}));
  add_op("repeat_interleave",
         {{"repeats", 2}},
         tensor({{1.0}, {2.0}}, float64),
         f64({1, 1, 2, 2}),
         tensor({{2.0}, {2.0}}, float64));
  add("op", "split", {{"sizes", 1}}, {{"x", f64({1, 2})}}, {{"y0", f64({1})}, {"y1", f64({2})}}, {{"x", f64({1, 1})}});
  add("op",
      "chunk",
      {{"chunks", 2}},
      {{"x", f64({1, 2, 3})}},
      {{"y0", f64({1, 2})}, {"y1", f64({3})}},
      {{"x", f64({1, 1, 1})}});
  add_op("slice", {{"ranges", {{1, nullptr, 1}}}}, f64({1, 2, 3}), f64({2, 3}), f64({0, 1, 1}));
  add_op("elu", Json::object(), f64({-1, 2}), f64({1 / e - 1, 2}), f64({1 / e, 1}));
  add_op("leaky_relu", Json::object(), f64({-1, 2}), f64({-0.01, 2}), f64({0.01, 1}));
  add_op("hardtanh", Json::object(), f64({-3, 0.5}), f64({-1, 0.5}), f64({0, 1}));
  add_op("hardshrink", {{"lambda", 1}}, f64({0.75, 2}), f64({0, 2}), f64({0, 1}));
  add("op",
      "batch_norm",
      Json::object(),
      {{"x", tensor({{1.0}, {3.0}}, float64)}, {"running_mean", f64({1})}, {"running_var", f64({4})}},
      {{"y", tensor({{0.0}, {2 / std::sqrt(4 + 1e-5)}}, float64)}},
      {{"x", full({2, 1}, 1 / std::sqrt(4 + 1e-5), float64)}});
  expect_all_right();
}

TEST_F(Cases, LossesIgnoreMinus100UnlessToldOtherwise) {
  const Tensor x = tensor({{-1.0, -2.0}, {-3.0, -4.0}}, float64);
  const Tensor target = tensor({1, -100});
  const Tensor gradient = tensor({{0.0, -1.0}, {0.0, 0.0}}, float64);
  add("loss", "nll_loss", Json::object(), {{"x", x}, {"target", target}}, {{"y", number(2.0)}}, {{"x", gradient}});
  const Tensor flat = zeros({2, 2}, float64);
  add("loss",
      "cross_entropy",
      Json::object(),
      {{"x", flat}, {"target", target}},
      {{"y", number(std::log(2.0))}},
      {{"x", tensor({{0.5, -0.5}, {0.0, 0.0}}, float64)}});
  expect_all_right();
}

TEST_F(Cases, TolerancesOfTheCase) {
  const Tensor x = f64({2}), wrong = f64({2 + 1e-4});
  const auto with = [&](const Json& more) { add_op("neg", Json::object(), x, neg(wrong), f64({-1}), more); };
  with({{"rel_tol", 1e-3}});
  with({{"rtol", 1e-3}});
  with({{"abs_tol", 1e-3}});
  with({{"tolerance", 1e-3}});
  with({{"tolerance", {{"atol", 1e-3}}}});
  with({{"tolerance", {{"y", 1e-3}}}});
  with({{"note", "compare to 1e-3"}});
  with({{"note", "values of low precision: tolerance 1e-3"}});
  expect_all_right();
  with(Json::object());
  with({{"rel_tol", 1e-6}});
  with({{"note", "y = -x, to be sure, 1e-3 times"}});
  EXPECT_EQ(run().failed.size(), 3U);
}

TEST_F(Cases, ViewsMayHaveOpenEnds) {
  add_op(
      "square",
      Json::object(),
      f64({3, 5}),
      f64({9, 25}),
      f64({6, 10}),
      Json::parse(R"({"views": {"x": {"base": "base", "steps": [["slice", [[1, null, 2]]]], "grad": "gradbase.x"}}})"));
  arrays_["square.0/base"] = f64({2, 3, 4, 5});
  arrays_["square.0/gradbase.x"] = f64({0, 6, 0, 10});
  expect_all_right();
}

TEST_F(Cases, BatchNormInSteps) {
  const double eval = 1 / std::sqrt(1.1 + 1e-5), y = 1 / std::sqrt(1 + 1e-5);
  arrays_["batch_norm_steps.0/cot.y_eval"] = full({1, 1}, 3, float64);
  add("module",
      "batch_norm_steps",
      {{"num_features", 1}},
      {{"x", reshape(f64({0, 2}), {1, 2, 1})}, {"x_eval", full({1, 1}, 1.1, float64)}},
      {{"y", reshape(f64({-y, y}), {1, 2, 1})},
       {"running_mean", full({1, 1}, 0.1, float64)},
       {"running_var", full({1, 1}, 1.1, float64)},
       {"y_eval", full({1, 1}, eval, float64)},
       {"grad.x_eval", full({1, 1}, 3 * eval, float64)}});
  expect_all_right();
}

TEST_F(Cases, TheNormToClipByIsTheSecond) {
  add("clip",
      "clip_grad_norm",
      {{"max_norm", 1}},
      {{"grad0", f64({3, 4})}},
      {{"clipped0", f64({3 / (5 + 1e-6), 4 / (5 + 1e-6)})}, {"total_norm", number(5.0)}});
  expect_all_right();
}

/// The weight w of y = w x, trained on x = 1, y = 0 by the square of the difference: w <- w (1 - 2 rate).
TEST_F(Cases, TrainingFollowsItsSchedule) {
  const int steps = 6;
  const auto train = [&](const Json& schedule, auto rate) {
    std::vector<double> losses, norms;
    double w = 1;
    for (int t = 0; t < steps; ++t) {
      losses.push_back(w * w);
      norms.push_back(std::abs(2 * w));
      w *= 1 - 2 * rate(t);
    }
    const Json layer{{"type", "Linear"}, {"in_features", 1}, {"out_features", 1}, {"bias", false}};
    add("train",
        "train",
        {{"layers", Json::array({layer})},
         {"loss", "mse_loss"},
         {"optimizer", {{"type", "sgd"}, {"lr", 0.1}}},
         {"schedule", schedule},
         {"steps", steps}},
        {{"X", ones({1, 1}, float64)},
         {"Y", zeros({1, 1}, float64)},
         {"batches", zeros({steps, 1}, int64)},
         {"init.0.weight", ones({1, 1}, float64)}},
        {{"final.0.weight", full({1, 1}, w, float64)},
         {"loss", from_vector(losses)},
         {"grad_norm", from_vector(norms)},
         {"eval_output", full({1, 1}, w, float64)}});
  };
  train(nullptr, [](int) { return 0.1; });
  train({{"type", "step_lr"}, {"step_size", 2}, {"gamma", 0.5}}, [](int t) { return 0.1 * std::pow(0.5, t / 2); });
  train({{"type", "step_lr"}, {"step_size", 2}}, [](int t) { return 0.1 * std::pow(0.1, t / 2); });
  train({{"type", "multi_step_lr"}, {"milestones", {1, 4}}, {"gamma", 0.5}}, [](int t) {
    return 0.1 * (t < 1 ? 1 : t < 4 ? 0.5 : 0.25);
  });
  train({{"type", "exponential_lr"}, {"gamma", 0.9}}, [](int t) { return 0.1 * std::pow(0.9, t); });
  train({{"type", "cosine_annealing_lr"}, {"T_max", 6}},
        [](int t) { return 0.05 * (1 + std::cos(std::acos(-1.0) * t / 6)); });
  train({{"type", "linear_lr"}, {"total_iters", 4}, {"start_factor", 0.5}, {"end_factor", nullptr}},
        [](int t) { return 0.1 * (0.5 + 0.5 * std::min(t, 4) / 4); });
  expect_all_right();
}

}  // namespace
}  // namespace oracle
