#include "gradus/train/babysitter.h"

#include "gradus/autograd/backward.h"
#include "gradus/data/generated.h"
#include "gradus/graph/node.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/shape.h"
#include "gradus/train/find_rate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gradus::train {
namespace {

namespace fs = std::filesystem;

data::Splits spiral() {
  Generator generator(5);
  return data::split(data::spiral({.points = 100}, generator), {.validation = 0.2, .test = 0}, generator);
}
nn::Sequential spiral_net(const char* text = "fc 32, relu, dropout 0.1, fc 3") {
  Generator generator(1);
  return nn::model_from_text(text, {2}, generator);
}
template <class M>
std::vector<Tensor> copies(const M& net) {
  std::vector<Tensor> list;
  for (const auto& p : nn::parameters(net)) list.push_back(clone(p));
  for (const auto& b : nn::buffers(net)) list.push_back(clone(b));
  return list;
}
void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(equal(a[i], b[i])) << i;
}
std::set<std::string> rules(const std::vector<Finding>& findings) {
  std::set<std::string> names;
  for (const Finding& finding : findings) names.insert(finding.rule);
  return names;
}
const Finding* find(const std::vector<Finding>& findings, const std::string& rule) {
  const auto at = std::find_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.rule == rule; });
  return at == findings.end() ? nullptr : &*at;
}
std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
/// The lines of a file, each of which is to be one JSON object.
std::vector<std::string> lines(const fs::path& path) {
  const std::string text = content(path);
  EXPECT_TRUE(text.empty() || text.back() == '\n') << path;
  std::vector<std::string> list;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    list.push_back(text.substr(at, end - at));
    EXPECT_TRUE(list.back().starts_with('{') && list.back().ends_with('}')) << list.back();
    at = end + 1;
  }
  return list;
}

BabysitterOptions quiet() { return {.print = false}; }

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "gradus-watch-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

/// Five epochs by fit, watched or not.
std::vector<Tensor> trained(bool watched) {
  nn::Sequential net = spiral_net();
  std::optional<Babysitter> sitter;
  FitOptions options{.epochs = 5, .seed = 3, .progress = Progress::none};
  if (watched) options.observer = sitter.emplace(net, BabysitterOptions{.every = 1, .print = false});
  fit(net, spiral(), options);
  return copies(net);
}

TEST(Babysitter, ChangesNothing) { expect_same(trained(true), trained(false)); }

TEST(Babysitter, CheckLeavesAllAsItWas) {
  nn::Sequential net = spiral_net("fc 32, bn, relu, dropout 0.1, fc 3");
  Babysitter sitter(net, quiet());
  nn::eval(net);
  const auto first = nn::parameters(net).front();
  set_gradient(first, full(first.shape(), 2));
  const std::vector<Tensor> before = copies(net);
  const Generator generator = default_generator();
  sitter.check(spiral());
  expect_same(copies(net), before);
  Generator now = default_generator(), then = generator;
  EXPECT_EQ(now.next(), then.next());
  EXPECT_TRUE(equal(gradient(first), full(first.shape(), 2)));
  for (const nn::NamedModule& named : nn::named_modules(net))
    EXPECT_FALSE(named.module.has_training_mode() && named.module.is_training()) << named.name;
  EXPECT_GT(sitter.measurements().data.heart_first, sitter.measurements().data.heart_last);
}

TEST(Babysitter, CheckLooksAtTheData) {
  nn::Sequential net = spiral_net();
  data::Splits data = spiral();
  data.train.targets.mutable_data<std::int64_t>()[7] = 3;
  data.validation = data.train.slice(0, 40);
  Babysitter sitter(net, quiet());
  const std::vector<Finding>& found = sitter.check(data);
  const Finding *label = find(found, "label-out-of-range"), *leak = find(found, "rows-leak");
  ASSERT_NE(label, nullptr);
  EXPECT_EQ(label->value, 3);
  EXPECT_NE(label->text.find("row 7"), std::string::npos) << label->text;
  EXPECT_EQ(label->severity, Severity::error);
  EXPECT_EQ(label->step, 0);
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->value, 1);
}

/// log(0) in the second line of forward.
struct Log : nn::Module<Log> {
  nn::Linear fc1{2, 32}, fc2{32, 3};
  Tensor forward(const Tensor& x) {
    const Tensor h = relu(fc1(x));
    return fc2(log(h));  // the line that is to be named
  }
};
constexpr std::uint32_t kLogLine = __LINE__ - 3;

TEST(Babysitter, NamesOpAndLineOfTheFirstNan) {
  Log net;
  const data::Splits data = spiral();
  Babysitter sitter(net, quiet());
  EXPECT_THROW(fit(net, data, {.observer = sitter, .progress = Progress::none}), ArgumentError);
  const Finding* const nan = find(sitter.findings(), "nan");
  ASSERT_NE(nan, nullptr);
  EXPECT_EQ(nan->severity, Severity::error);
  EXPECT_NE(nan->text.find("log"), std::string::npos) << nan->text;
  EXPECT_EQ(nan->site.line, kLogLine);
  EXPECT_EQ(fs::path(nan->site.file).filename(), "babysitter_test.cpp");
  EXPECT_EQ(nan->step, 1);
}

TEST(Babysitter, SaysEachThingOnceAndWithWhatToDo) {
  nn::Sequential net = spiral_net("fc 16, fc 16, fc 3");
  Babysitter sitter(net, {.every = 1, .print = false});
  fit(net, spiral(), {.epochs = 4, .observer = sitter, .progress = Progress::none});
  std::map<std::pair<std::string, std::string>, Severity> seen;
  for (const Finding& finding : sitter.findings()) {
    const auto [at, is_new] = seen.try_emplace({finding.rule, finding.layer}, finding.severity);
    EXPECT_TRUE(is_new || at->second < finding.severity) << finding.rule << ' ' << finding.layer;
    at->second = finding.severity;
    EXPECT_TRUE(std::any_of(finding.text.begin(), finding.text.end(), [](char c) { return c >= '0' && c <= '9'; }))
        << finding.text;
    EXPECT_NE(finding.text.find("; "), std::string::npos) << finding.text;
  }
  EXPECT_TRUE(seen.contains({"linear-after-linear", "1"})) << seen.size();
  EXPECT_TRUE(seen.contains({"linear-after-linear", "2"}));
}

TEST(Babysitter, TakesRulesOfOnesOwn) {
  nn::Sequential net = spiral_net();
  Babysitter sitter(net, quiet());
  sitter.add({.name = "large-weights",
              .measures = "the norm of a parameter",
              .threshold = 0.5,
              .advice = "raise the weight decay",
              .judge = [](const Measurements& seen, const Report& report) {
                for (const ParameterSeen& p : seen.parameters)
                  if (p.is_weight && p.samples.back().weight > report.threshold())
                    report(p, p.samples.back().weight, "1 weight is large");
              }});
  fit(net, spiral(), {.epochs = 1, .observer = sitter, .progress = Progress::none});
  const Finding* const own = find(sitter.findings(), "large-weights");
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->threshold, 0.5);
  EXPECT_GT(own->value, 0.5);
  EXPECT_EQ(own->text, "1 weight is large; raise the weight decay");
  EXPECT_EQ(own->severity, Severity::warning);
  EXPECT_THROW(sitter.add({.name = "empty", .measures = "nothing"}), ArgumentError);
}

TEST(Babysitter, TakesOtherThresholds) {
  const auto found = [](std::map<std::string, double> thresholds) {
    nn::Sequential net = spiral_net("fc 16, fc 3");
    Babysitter sitter(net, {.print = false, .thresholds = std::move(thresholds)});
    fit(net, spiral(), {.epochs = 1, .observer = sitter, .progress = Progress::none});
    return rules(sitter.findings());
  };
  EXPECT_TRUE(found({}).contains("linear-after-linear"));
  EXPECT_FALSE(
      found({{"linear-after-linear", std::numeric_limits<double>::infinity()}}).contains("linear-after-linear"));
  EXPECT_FALSE(found({}).contains("initial-loss"));
  EXPECT_TRUE(found({{"initial-loss", 0.1}}).contains("initial-loss"));
  EXPECT_THROW(found({{"initial-los", 1}}), ArgumentError);
}

TEST(Babysitter, PutsFindingsIntoWordsAndJson) {
  const Finding finding{.severity = Severity::warning,
                        .rule = "dead-units",
                        .layer = "fc1",
                        .site = {"/somewhere/train.cpp", 31},
                        .epoch = 2,
                        .step = 80,
                        .value = std::numeric_limits<double>::quiet_NaN(),
                        .threshold = 0.4,
                        .text = "50 % are dead"};
  EXPECT_EQ(to_string(finding), "warning: dead-units in fc1 at train.cpp:31, epoch 2, step 80: 50 % are dead");
  EXPECT_EQ(to_json(finding),
            R"({"severity":"warning","rule":"dead-units","layer":"fc1","site":"train.cpp:31","epoch":2,"step":80,)"
            R"("value":null,"threshold":0.4,"text":"50 % are dead"})");
}

TEST_F(Folder, HasWhatWasMeasured) {
  nn::Sequential net = spiral_net("fc 16, fc 16, fc 3");
  Babysitter sitter(net, quiet());
  fit(net, spiral(), {.epochs = 2, .observer = sitter, .out = (root_ / "run").string(), .progress = Progress::none});
  EXPECT_EQ(lines(root_ / "run" / "findings.jsonl").size(), sitter.findings().size());
  const std::vector<std::string> steps = lines(root_ / "run" / "steps.jsonl");
  ASSERT_EQ(steps.size(), 5U);  // of 8
  EXPECT_TRUE(steps[1].starts_with(R"({"epoch":1,"step":2,"loss":)")) << steps[1];
  for (const char* key :
       {R"("lr":)", R"("0.weight":{"weight":)", R"("gradient":)", R"("update":)", R"("activations":[)"})
    EXPECT_NE(steps[0].find(key), std::string::npos) << key << ' ' << steps[0];
  EXPECT_TRUE(fs::exists(root_ / "run" / "summary.json"));
}

TEST_F(Folder, HasItOfARunThatDiverges) {
  Log net;
  Babysitter sitter(net, quiet());
  EXPECT_THROW(fit(net, spiral(), {.observer = sitter, .out = (root_ / "run").string(), .progress = Progress::none}),
               ArgumentError);
  const std::vector<std::string> found = lines(root_ / "run" / "findings.jsonl");
  EXPECT_TRUE(std::any_of(
      found.begin(), found.end(), [](const std::string& line) { return line.find("\"nan\"") != std::string::npos; }));
  EXPECT_EQ(lines(root_ / "run" / "steps.jsonl").size(), 1U);
  EXPECT_NE(content(root_ / "run" / "summary.json").find("diverged"), std::string::npos);
}

/// A sitter that stops the run at a step.
struct Stopper : Babysitter {
  using Babysitter::Babysitter;
  void after_step(const Step& step) override {
    Babysitter::after_step(step);
    if (step.step == at) throw Stopped();
  }
  std::int64_t at = 0;
};

TEST_F(Folder, HasItOfARunThatIsStoppedAndGoesOn) {
  const data::Splits data = spiral();
  const fs::path run = root_ / "run";
  FitOptions options{.epochs = 1, .seed = 1, .out = run.string(), .progress = Progress::none};
  nn::Sequential net = spiral_net();
  {
    Stopper stopper(net, BabysitterOptions{.every = 1, .print = false});
    stopper.at = 2;
    options.observer = stopper;
    EXPECT_THROW(fit(net, data, options), Stopped);
  }
  EXPECT_EQ(lines(run / "steps.jsonl").size(), 2U);
  nn::Sequential other = spiral_net();
  Babysitter sitter(other, {.every = 1, .print = false});
  options.observer = sitter;
  options.resume = (run / "checkpoint.safetensors").string();
  fit(other, data, options);
  const std::vector<std::string> steps = lines(run / "steps.jsonl");
  ASSERT_EQ(steps.size(), 4U);
  for (std::size_t i = 0; i < steps.size(); ++i)
    EXPECT_NE(steps[i].find("\"step\":" + std::to_string(i + 1) + ","), std::string::npos) << steps[i];
  EXPECT_FALSE(fs::exists(run / "checkpoint.safetensors"));
}

TEST_F(Folder, OfASecondRunHasWhatIsOfIt) {
  nn::Sequential net = spiral_net("fc 16, fc 16, fc 3");
  Babysitter sitter(net, quiet());
  for (const char* run : {"first", "second"}) {
    fit(net, spiral(), {.observer = sitter, .out = (root_ / run).string(), .progress = Progress::none});
    EXPECT_NE(content(root_ / run / "findings.jsonl").find("linear-after-linear"), std::string::npos) << run;
    EXPECT_TRUE(lines(root_ / run / "steps.jsonl").at(0).starts_with(R"({"epoch":1,"step":1,)")) << run;
  }
  EXPECT_EQ(lines(root_ / "first" / "findings.jsonl").size(), lines(root_ / "second" / "findings.jsonl").size());
}

TEST_F(Folder, HasTheUpdatesOfEveryOptimizer) {
  nn::Sequential net = spiral_net("fc 16, relu, fc 3");
  const data::Splits data = spiral();
  Babysitter sitter(net, {.every = 1, .print = false, .folder = (root_ / "mine").string()});
  const std::vector<Parameter> all = nn::parameters(net);
  optim::Adam one({all[0], all[1]}), other({all[2], all[3]});
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const auto& [x, y] : data::Loader(data.train, {.batch = 60})) {
      one.zero_grad(), other.zero_grad();
      const Tensor loss = cross_entropy(net(x), y);
      backward(loss);
      sitter.after_backward(loss);
      for (optim::Adam* adam : {&one, &other}) {
        adam->step();
        sitter.after_step(*adam);
      }
    }
  sitter.after_epoch({});
  EXPECT_FALSE(rules(sitter.findings()).contains("parameter-unchanged"));
  for (const ParameterSeen& p : sitter.measurements().parameters) {
    EXPECT_TRUE(p.optimized) << p.name;
    EXPECT_EQ(p.moved, 8) << p.name;
    EXPECT_EQ(p.samples.size(), 8U) << p.name;
  }
  const std::vector<std::string> steps = lines(root_ / "mine" / "steps.jsonl");
  ASSERT_EQ(steps.size(), 8U);
  for (std::size_t i = 1; i < steps.size(); ++i)  // in the first step nobody knows that a second optimizer comes
    EXPECT_EQ(steps[i].find("\"update\":0.0}"), std::string::npos) << steps[i];
}

TEST(Babysitter, LooksAtWeightsWhenTrainingBegins) {
  nn::Sequential net = spiral_net("fc 16, relu, fc 3");
  const std::vector<Parameter> all = nn::parameters(net);
  std::vector<Tensor> drawn;
  for (Tensor p : all) {
    drawn.push_back(clone(p));
    copy_into(p, zeros(p.shape()));
  }
  Babysitter sitter(net, quiet());
  for (std::size_t i = 0; i < all.size(); ++i) {
    Tensor p = all[i];
    copy_into(p, drawn[i]);
  }
  fit(net, spiral(), {.observer = sitter, .progress = Progress::none});
  EXPECT_FALSE(rules(sitter.findings()).contains("equal-weights"));
  EXPECT_GT(sitter.measurements().parameters[0].first_weight, 0.1);
}

TEST(Babysitter, SaysThatAPenaltyOutweighsTheLoss) {
  for (const auto& [strength, found] : {std::pair{1e-4, false}, {10.0, true}}) {
    nn::Sequential net = spiral_net("fc 16, relu, fc 3");
    Babysitter sitter(net, quiet());
    const Loss loss = [&, k = strength](const Tensor& y, const Tensor& t) {
      return cross_entropy(y, t) + nn::l2(net, k);
    };
    sitter.check(spiral(), loss);
    EXPECT_EQ(rules(sitter.findings()).contains("penalty-outweighs"), found) << strength;
    const Measurements& seen = sitter.measurements();
    EXPECT_NEAR(seen.first_loss - seen.loss_op.value, nn::l2(net, strength).item<double>(), 1e-4 * seen.first_loss);
  }
}

TEST(Babysitter, SaysWhichChannelsAreStill) {
  // Units with a bias of -9 are dead: behind them there is nothing to normalise.
  nn::Sequential net = spiral_net("fc 16, relu, bn, fc 3");
  Tensor bias = nn::parameters(net)[1];
  for (int unit = 0; unit < 12; ++unit) bias.mutable_data<float>()[unit] = -9;
  Babysitter sitter(net, quiet());
  fit(net, spiral(), {.epochs = 60, .observer = sitter, .progress = Progress::none});
  const Finding* const still = find(sitter.findings(), "channel-still");
  ASSERT_NE(still, nullptr);
  EXPECT_EQ(still->severity, Severity::warning);
  EXPECT_EQ(still->layer, "2");
  EXPECT_NEAR(still->value, 0.75, 0.25);
}

TEST(Babysitter, TakesATeacherForNoEvaluation) {
  nn::Sequential net = spiral_net(), teacher = spiral_net();
  const data::Splits data = spiral();
  Babysitter sitter(net, quiet());
  optim::Adam adam(nn::parameters(net));
  for (const auto& [x, y] : data::Loader(data.train, {.batch = 60})) {
    adam.zero_grad();
    Tensor wanted;
    {
      const NoGrad guard;
      wanted = teacher(x);
    }
    const Tensor loss = mse_loss(net(x), wanted);
    backward(loss);
    sitter.after_backward(loss);
    adam.step();
    sitter.after_step(adam);
  }
  sitter.after_epoch({});
  EXPECT_EQ(sitter.measurements().train_evaluations, 0);
}

TEST(Babysitter, CountsStepsOnlyWhereHeldOutRowsDiverge) {
  nn::Sequential net = spiral_net("fc 16, relu, fc 3");
  data::Splits data = spiral();
  data.validation.inputs = full(data.validation.inputs.shape(), std::numeric_limits<float>::infinity());
  Babysitter sitter(net, quiet());
  EXPECT_THROW(fit(net, data, {.observer = sitter, .progress = Progress::none}), ArgumentError);
  EXPECT_EQ(sitter.measurements().step, 4);
  EXPECT_TRUE(sitter.measurements().diverged);
  EXPECT_TRUE(rules(sitter.findings()).contains("nan"));
}

TEST_F(Folder, IsItsOwnInALoopOfOnesOwn) {
  nn::Sequential net = spiral_net();
  const data::Splits data = spiral();
  Babysitter sitter(net, {.every = 1, .print = false, .folder = (root_ / "mine").string()});
  optim::Adam adam(nn::parameters(net));
  for (const auto& [x, y] : data::Loader(data.train, {.batch = 60})) {
    const Tensor loss = cross_entropy(net(x), y);
    backward(loss);
    sitter.after_backward(loss);
    adam.step();
    sitter.after_step(adam);
  }
  EXPECT_EQ(lines(root_ / "mine" / "steps.jsonl").size(), 4U);  // readable while the run goes on
  EXPECT_EQ(sitter.measurements().stale_gradients, 3);
  EXPECT_TRUE(rules(sitter.findings()).contains("zero-grad-forgotten"));
  EXPECT_THROW(Babysitter(net, {.folder = "/dev/null/nowhere"}), IoError);
}

TEST(FindRate, LeavesAllAsItWas) {
  nn::Sequential net = spiral_net("fc 32, bn, relu, dropout 0.1, fc 3");
  optim::Sgd sgd(nn::parameters(net), {.lr = 0.05, .momentum = 0.9});
  const std::vector<Tensor> before = copies(net);
  Generator generator = default_generator();
  const RateRange range = find_rate(net, spiral().train, {.optimizer = sgd});
  expect_same(copies(net), before);
  EXPECT_EQ(default_generator().next(), generator.next());
  EXPECT_EQ(sgd.lr(), 0.05);
  EXPECT_EQ(sgd.steps(), 0);
  EXPECT_FALSE(gradient(nn::parameters(net).front()).defined());
  EXPECT_FALSE(range.curve.empty());
}

TEST(FindRate, SaysBetweenWhichRatesTheLossFalls) {
  nn::Sequential net = spiral_net("fc 32, relu, fc 3");
  optim::Sgd sgd(nn::parameters(net));
  const RateRange range = find_rate(net, spiral().train, {.low = 1e-5, .high = 1e4, .optimizer = sgd});
  EXPECT_LT(range.low, range.high);
  EXPECT_GE(range.suggested, range.low);
  EXPECT_LE(range.suggested, range.high);
  EXPECT_GT(range.suggested, 1e-3);
  EXPECT_LT(range.suggested, 10);
  EXPECT_GT(range.too_high, range.high);
  EXPECT_TRUE(std::isfinite(range.too_high));
  EXPECT_NE(range.verdict.find("too low"), std::string::npos) << range.verdict;
  EXPECT_NE(range.verdict.find("too high"), std::string::npos) << range.verdict;
  for (std::size_t i = 1; i < range.curve.size(); ++i)
    EXPECT_NEAR(std::log(range.curve[i].lr / range.curve[i - 1].lr), std::log(1e9) / 99, 1e-9);
}

TEST(FindRate, SaysWhereItFallsNowhere) {
  nn::Sequential net = spiral_net("fc 32, relu, fc 3");
  const RateRange range = find_rate(net, spiral().train, {.low = 1e-9, .high = 1e-8});
  EXPECT_TRUE(std::isnan(range.suggested));
  EXPECT_NE(range.verdict.find("falls at none"), std::string::npos) << range.verdict;
  EXPECT_THROW(find_rate(net, spiral().train, {.low = 1, .high = 0.1}), ArgumentError);
  EXPECT_THROW(find_rate(net, {}, {}), ArgumentError);
}

TEST(Rules, AreThoseOfThePage) {
  const char* const root = std::getenv("GRADUS_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "GRADUS_SOURCE_DIR is not set";
  const std::string page = content(fs::path(root) / "docs" / "findings.md");
  const std::string sections = rules_as_markdown();
  if (const char* const to = std::getenv("GRADUS_WRITE_FINDINGS")) std::ofstream(to) << sections;
  EXPECT_TRUE(page.ends_with(sections)) << "docs/findings.md does not end with rules_as_markdown()";
}

}  // namespace
}  // namespace gradus::train
