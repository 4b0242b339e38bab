#include "setup.h"

#include "gradus/graph/recording.h"
#include "gradus/nn/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace gradus::cli {
namespace {

template <class Method, class MethodOptions>
std::unique_ptr<optim::Optimizer> make(const OptimizerChoice& choice, std::vector<Parameter> parameters) {
  MethodOptions options;
  options.lr = choice.lr;
  if constexpr (requires { options.weight_decay; })
    options.weight_decay = choice.weight_decay;
  else if (choice.weight_decay != 0)
    throw UsageError(
        fmt::format("--weight-decay: expected with another optimizer than {}, which has none", choice.name));
  if constexpr (std::is_same_v<Method, optim::Sgd>) options.momentum = choice.momentum;
  return std::make_unique<Method>(std::move(parameters), options);
}

std::unique_ptr<optim::Optimizer> make_amsgrad(const OptimizerChoice& choice, std::vector<Parameter> parameters) {
  return std::make_unique<optim::Adam>(
      std::move(parameters), optim::AdamOptions{.lr = choice.lr, .weight_decay = choice.weight_decay, .amsgrad = true});
}

/// All but L-BFGS, which asks for the loss several times in a step.
struct Method {
  std::string_view name;
  double lr;  // 0: as suits the data
  std::unique_ptr<optim::Optimizer> (*make)(const OptimizerChoice& choice, std::vector<Parameter> parameters);
};
constexpr Method kMethods[] = {
    {"adam", 0, make<optim::Adam, optim::AdamOptions>},
    {"sgd", 0.05, make<optim::Sgd, optim::SgdOptions>},
    {"adamw", 0, make<optim::AdamW, optim::AdamWOptions>},
    {"amsgrad", 0, make_amsgrad},
    {"nadam", 0, make<optim::NAdam, optim::NAdamOptions>},
    {"radam", 0, make<optim::RAdam, optim::RAdamOptions>},
    {"adamax", 2e-3, make<optim::Adamax, optim::AdamaxOptions>},
    {"adagrad", 0.01, make<optim::Adagrad, optim::AdagradOptions>},
    {"adadelta", 1, make<optim::Adadelta, optim::AdadeltaOptions>},
    {"rmsprop", 1e-3, make<optim::Rmsprop, optim::RmspropOptions>},
    {"rprop", 1e-3, make<optim::Rprop, optim::RpropOptions>},
    {"lion", 1e-4, make<optim::Lion, optim::LionOptions>},
};

/// One of several things that a word and numbers behind it name.
template <class T>
struct Named {
  std::string_view name;
  std::string_view numbers;  // "[GAIN]"
  std::string_view about;
  std::size_t most;  // numbers
  T (*make)(const WordWithNumbers& word);
};

/// The library checks the numbers' ranges.
template <class T, std::size_t n>
T named(const std::string& where, const char* what, const std::string& text, const Named<T> (&known)[n]) {
  const WordWithNumbers word = word_with_numbers(where, text);
  const Named<T>& found = find_word(where, what, word.name, known);
  if (word.numbers.size() > found.most)
    throw UsageError(fmt::format(
        "{}expected '{}{}{}', got '{}'", where, found.name, found.most > 0 ? " " : "", found.numbers, text));
  try {
    return found.make(word);
  } catch (const Error& error) {
    throw UsageError(fmt::format("{}{}", where, error.message()));
  }
}

template <class T, std::size_t n>
std::string help(const char* title, const Named<T> (&known)[n]) {
  std::string text = fmt::format("\n{}\n", title);
  for (const Named<T>& thing : known)
    text += fmt::format("  {:<28}{}\n", fmt::format("{} {}", thing.name, thing.numbers), thing.about);
  return text;
}

using MaybeCurve = std::optional<optim::Curve>;
constexpr Named<MaybeCurve> kSchedules[] = {
    {"constant", "", "the same rate all the time", 0, [](const WordWithNumbers&) -> MaybeCurve { return {}; }},
    {"linear", "", "down to 0", 0, [](const WordWithNumbers&) -> MaybeCurve { return optim::polynomial(1); }},
    {"cosine",
     "",
     "down to 0 along half a wave",
     0,
     [](const WordWithNumbers&) -> MaybeCurve { return optim::cosine_annealing(1); }},
    {"step",
     "[SHARE [FACTOR]]",
     "times FACTOR (0.1) after each SHARE (0.34) of the run",
     2,
     [](const WordWithNumbers& w) -> MaybeCurve { return optim::step_decay(w.at(0, 0.34), w.at(1, 0.1)); }},
    {"exponential",
     "[END]",
     "END^t, where t goes from 0 to 1 (0.01)",
     1,
     [](const WordWithNumbers& w) -> MaybeCurve { return optim::exponential(w.at(0, 0.01)); }},
    {"1/t",
     "[DECAY]",
     "1 / (1 + DECAY t) (9)",
     1,
     [](const WordWithNumbers& w) -> MaybeCurve { return optim::inverse_time(w.at(0, 9)); }},
    {"warmup",
     "[SHARE]",
     "up from 0 in SHARE (0.05) of the run, then a cosine down",
     1,
     [](const WordWithNumbers& w) -> MaybeCurve {
       const double up = w.at(0, 0.05);
       return optim::warmup(up).then(up, optim::cosine_annealing(1 - up));
     }},
};

constexpr Named<init::Policy> kInits[] = {
    {"he", "", "normal, variance 2 / fan in", 0, [](const WordWithNumbers&) { return init::he(); }},
    {"he_uniform", "", "the same, uniform", 0, [](const WordWithNumbers&) { return init::he_uniform(); }},
    {"xavier",
     "[GAIN]",
     "normal, variance 2 GAIN² / (fan in + fan out)",
     1,
     [](const WordWithNumbers& w) { return init::xavier(w.at(0, 1)); }},
    {"xavier_uniform",
     "[GAIN]",
     "the same, uniform",
     1,
     [](const WordWithNumbers& w) { return init::xavier_uniform(w.at(0, 1)); }},
    {"lecun", "", "normal, variance 1 / fan in", 0, [](const WordWithNumbers&) { return init::lecun(); }},
    {"lecun_uniform", "", "the same, uniform", 0, [](const WordWithNumbers&) { return init::lecun_uniform(); }},
    {"normal",
     "[STD]",
     "small random numbers (0.01)",
     1,
     [](const WordWithNumbers& w) { return init::normal(0, w.at(0, 0.01)); }},
    {"truncated_normal",
     "[STD]",
     "the same, none beyond 2 STD",
     1,
     [](const WordWithNumbers& w) {
       const double std = w.at(0, 0.01);
       return init::truncated_normal(0, std, -2 * std, 2 * std);
     }},
    {"uniform",
     "[BOUND]",
     "from -BOUND to BOUND (0.05)",
     1,
     [](const WordWithNumbers& w) { return init::uniform(-w.at(0, 0.05), w.at(0, 0.05)); }},
    {"orthogonal",
     "[GAIN]",
     "orthogonal rows or columns",
     1,
     [](const WordWithNumbers& w) { return init::orthogonal(w.at(0, 1)); }},
    {"sparse",
     "[SHARE]",
     "normal, SHARE (0.9) of each unit's weights 0",
     1,
     [](const WordWithNumbers& w) { return init::sparse(w.at(0, 0.9)); }},
    {"identity", "", "the identity", 0, [](const WordWithNumbers&) { return init::identity(); }},
    {"constant",
     "[VALUE]",
     "all VALUE (0.01)",
     1,
     [](const WordWithNumbers& w) { return init::constant(w.at(0, 0.01)); }},
    {"zeros", "", "all 0: units stay alike", 0, [](const WordWithNumbers&) { return init::zeros(); }},
    {"ones", "", "all 1", 0, [](const WordWithNumbers&) { return init::ones(); }},
};

/// Adds a step to preprocessing.
using AddStep = std::function<void(data::Pipeline& steps)>;
template <class Step>
AddStep adds(Step step) {
  return [step](data::Pipeline& steps) { steps.add(step); };
}
AddStep adds_pca(const WordWithNumbers& word, data::Whiten whiten) {
  const double axes = word.at(0, 0);
  if (axes != std::floor(axes) || axes < 0 || axes > 1e9)
    throw UsageError(fmt::format("--preprocess: expected a whole number of axes, got {}", axes));
  return adds(data::Pca({.components = static_cast<std::int64_t>(axes), .whiten = whiten}));
}
constexpr Named<AddStep> kPreprocessing[] = {
    {"standardise",
     "",
     "mean 0 and deviation 1, of each feature, of images of each channel",
     0,
     [](const WordWithNumbers&) { return adds(data::Standardize()); }},
    {"centre", "", "mean 0", 0, [](const WordWithNumbers&) { return adds(data::Center()); }},
    {"minmax", "", "from 0 to 1", 0, [](const WordWithNumbers&) { return adds(data::MinMax()); }},
    {"pca",
     "[AXES]",
     "coordinates along the AXES longest axes (all)",
     1,
     [](const WordWithNumbers& w) { return adds_pca(w, data::Whiten::no); }},
    {"whiten",
     "[AXES]",
     "the same, each of deviation 1",
     1,
     [](const WordWithNumbers& w) { return adds_pca(w, data::Whiten::pca); }},
    {"zca",
     "[AXES]",
     "whitened and turned back, so that images stay images",
     1,
     [](const WordWithNumbers& w) { return adds_pca(w, data::Whiten::zca); }},
    {"none", "", "inputs as they are", 0, [](const WordWithNumbers&) -> AddStep { return [](data::Pipeline&) {}; }},
};

}  // namespace

void check_optimizer(const std::string& where, const std::string& name) {
  find_word(where, "an optimizer", name, kMethods);
}

std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerChoice& choice, std::vector<Parameter> parameters) {
  return find_word("", "an optimizer", choice.name, kMethods).make(choice, std::move(parameters));
}

double default_rate(const std::string& optimizer, double adam) {
  const double own = find_word("", "an optimizer", optimizer, kMethods).lr;
  return own == 0 ? adam : own;
}

std::string optimizer_names() {
  std::vector<std::string_view> names;
  for (const Method& method : kMethods) names.push_back(method.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::optional<optim::Curve> schedule_named(const std::string& where, const std::string& text) {
  return named(where, "a schedule", text, kSchedules);
}
std::string schedule_help() { return help("schedule: of the learning rate", kSchedules); }

init::Policy init_named(const std::string& where, const std::string& text) {
  return named(where, "a way to draw weights", text, kInits);
}
std::string init_help() { return help("init: how weights are drawn", kInits); }

data::Pipeline preprocessing_named(const std::string& where, const std::string& text, bool impute) {
  data::Pipeline steps;
  if (impute) steps.add(data::Impute());
  named(where, "a kind of preprocessing", text, kPreprocessing)(steps);
  return steps;
}
std::string preprocessing_help() {
  return help("preprocess: measured on the training rows, done to all", kPreprocessing);
}

void check_outputs(nn::Sequential& net, const std::string& model, const data::Dataset& rows, std::int64_t classes) {
  nn::eval(net);
  const Shape got = no_grad([&] { return net(rows.slice(0, 1).inputs); }).shape();
  nn::train(net);
  if (classes == 0) {
    Shape wanted = rows.targets.shape();
    wanted[0] = 1;
    if (got != wanted)
      throw UsageError(fmt::format("--model: expected {} output, as the label is a number, got {} from '{}'",
                                   wanted.numel(),
                                   got.numel(),
                                   model));
  } else if (got.rank() != 2 || got[1] < classes) {
    throw UsageError(fmt::format("--model: expected {} outputs, one a class, got {} from '{}'",
                                 classes,
                                 got.rank() == 2 ? std::to_string(got[1]) : "rows of several dimensions",
                                 model));
  }
}

TargetScale standardize_targets(data::Splits& splits) {
  const auto scale = data::Standardize({.per = data::Per::all}).fit(splits.train.targets);
  for (data::Dataset* part : {&splits.train, &splits.validation, &splits.test})
    if (part->size() > 0) part->targets = scale(part->targets);
  const double std = scale.std().item();
  return {scale.mean().item(), std == 0 ? 1 : std};
}

}  // namespace gradus::cli
