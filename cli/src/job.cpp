#include "job.h"

#include "gradus/data/augment.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

std::string text_or(const Options& options, const char* name, const std::string& otherwise) {
  return options.has(name) ? options.text(name) : otherwise;
}

/// The text of a model with "dropout P" before each fc but the first layer.
std::string with_dropout(const std::string& model, double share) {
  std::string text;
  for (const gradus::detail::Phrase& phrase : gradus::detail::phrases(model)) {
    if (!text.empty()) text += ", ";
    if (!text.empty() && !phrase.words.empty() && phrase.words[0] == "fc") text += fmt::format("dropout {}, ", share);
    text += gradus::detail::spell(phrase);
  }
  return text;
}

/// "l1=1e-5,l2=1e-4".
std::pair<double, double> penalties(const std::string& text) {
  double l1 = 0, l2 = 0;
  for (const gradus::detail::Phrase& phrase : gradus::detail::phrases(text)) {
    const std::string word = gradus::detail::spell(phrase);
    const auto strength = gradus::detail::from_text<double>(word.substr(std::min<std::size_t>(3, word.size())));
    if (!(word.starts_with("l1=") || word.starts_with("l2=")) || !strength ||
        !(*strength >= 0 && *strength < kInfinity))
      throw UsageError(
          fmt::format("--regularise: expected l1=STRENGTH or l2=STRENGTH, or both with a comma, got '{}'", text));
    (word[1] == '1' ? l1 : l2) = *strength;
  }
  return {l1, l2};
}

}  // namespace

void add_job_options(po::options_description& known) {
  add_option(
      known, "config", "FILE", "options in JSON, or the config.json of a run, which it repeats; those given here hold");
  add_data_options(known);
  add_option(known, "rows", "N", "only so many of the training rows, to see whether they can be learnt by heart (all)");
  add_option(known, "preprocess", "KIND", "of the inputs, see below (standardise)");
  add_option(known, "augment", "TEXT", "random changes of the training images, see below (none)");
  add_option(known, "model", "TEXT", "the layers, see below (depends on the data)");
  add_option(known, "init", "KIND", "how weights are drawn, see below (he, by what follows a layer)");
  add_option(known, "dropout", "P", "drops values before each fc but the first layer (0)");
  static const std::string methods = optimizer_names() + " (adam)";
  add_option(known, "optimizer", "NAME", methods.c_str());
  add_option(known, "lr", "RATE", "learning rate (that of the optimizer, or what suits the data; sgd: 0.05)");
  add_option(known, "schedule", "KIND", "of the learning rate, see below (cosine)");
  add_option(known, "momentum", "M", "of sgd (0.9)");
  add_option(known, "weight-decay", "D", "of the optimizer, on all parameters (0)");
  add_option(known, "regularise", "l1=A,l2=B", "adds A sum |w| + B sum w² over all weights to the loss (0)");
  add_option(known, "batch", "N", "rows in a batch (64, or 32 of CIFAR-10)");
  add_option(known, "epochs", "N", "passes over the training rows (depends on the data)");
  add_option(known,
             "metric",
             "NAME",
             "which epoch is the best on the validation rows: accuracy, loss or r2 (accuracy, or the loss)");
  add_option(known, "early-stop", "N", "ends after N epochs that were not better on the validation rows (never)");
  add_option(known, "seed", "N", "of initial weights, order of rows, augmentation and dropout (0)");
  add_option(known, "threads", "N", "threads to use (all cores, or OMP_NUM_THREADS)");
  known.add_options()("deterministic", "results that do not depend on the number of threads");
}

std::string job_help() {
  std::string text = source_help();
  text += "\nmodel: layers separated by commas; sizes follow from the data\n";
  for (const nn::ModelWord& word : nn::model_words()) text += fmt::format("  {:<28}{}\n", word.usage, word.about);
  text += preprocessing_help() + init_help() + schedule_help();
  text +=
      fmt::format("  {:<28}{}\n", "plateau [FACTOR [EPOCHS]]", "times FACTOR (0.1) after EPOCHS (3) without progress");
  return text +
         "\naugment: words separated by commas, each with a number if wanted, applied from left to right\n"
         "  flip [P], vflip [P], crop [PADDING], resized_crop [LEAST], rotate [DEGREES], color [STRENGTH],\n"
         "  lighting [STD], erase [P], mixup [ALPHA]\n";
}

Job::Job(const Options& options) : source(load_source(options)) {
  fit.seed = static_cast<std::uint64_t>(options.whole("seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
  if (options.has("threads")) set_num_threads(static_cast<int>(options.whole("threads", 1, 1, 1024)));
  if (options.has("deterministic")) set_deterministic(true);
  if (source.splits.train.size() == 0) throw UsageError("--data: expected rows to train on, got none");
  keep_rows(options);
  fit.epochs = static_cast<int>(options.whole("epochs", source.epochs, 1, kMany));
  fit.batch = options.whole("batch", source.batch, 1, kMany);
  if (source.classes == 0) {  // losses are told in the unit of the targets
    const TargetScale scale = standardize_targets(source.splits);
    fit.loss_unit = scale.std * scale.std;
    fit.notes["target_mean"] = scale.mean;
    fit.notes["target_std"] = scale.std;
  }
  set_inputs(options);
  set_model(options);
  set_optimizer(options);
  set_schedule(options);
  set_loss(options);
  set_augmentation(options);
  set_metric(options);
  write_notes(options);
}

void Job::keep_rows(const Options& options) {
  data::Dataset& train = source.splits.train;
  if (!options.has("rows")) return;
  Generator generator(0);  // the same rows whatever --seed is
  const std::int64_t kept = options.whole("rows", train.size(), 1, train.size());
  train = train.subset(slice(permutation(train.size(), generator), 0, 0, kept));
}

void Job::set_inputs(const Options& options) {
  const std::string kind = text_or(options, "preprocess", "standardise");
  fit.notes["preprocess"] = kind;
  preprocess = preprocessing_named("--preprocess: ", kind, source.has_missing);
  const data::Dataset& rows = source.splits.train;
  try {
    preprocess.fit(rows.inputs);
  } catch (const ArgumentError& error) {
    if (!options.has("preprocess")) throw;
    throw UsageError(fmt::format("--preprocess: {}", error.message()));
  }
  fit.transform = preprocess;
  Shape shape = rows.inputs.shape();
  shape.erase(0);
  fit.notes["input_shape"] = std::vector<std::int64_t>(shape.begin(), shape.end());
  if (const auto* impute = preprocess.step<data::Impute>(0)) fit.notes["impute_mean"] = impute->mean().to_vector();
  if (const auto* standardize = preprocess.step<data::Standardize>(preprocess.size() - 1)) {
    const bool per_channel = standardize->per() == data::Per::channel;
    fit.notes["standardize_per"] = std::string(per_channel ? "channel" : "feature");
    fit.notes["standardize_mean"] = standardize->mean().to_vector();
    fit.notes["standardize_std"] = standardize->std().to_vector();
  }
}

void Job::set_model(const Options& options) {
  model = text_or(options, "model", source.model);
  if (options.has("dropout")) model = with_dropout(model, options.number("dropout", 0, 0, 1));
  data::Dataset row = source.splits.train.slice(0, 1);
  row.inputs = preprocess(row.inputs);
  Shape shape = row.inputs.shape();
  shape.erase(0);
  Generator generator(*fit.seed);
  net = nn::model_from_text(model, shape, generator);
  check_outputs(net, model, row, source.classes);
  if (!options.has("init")) return;
  fit.notes["init"] = options.text("init");
  nn::init(net, init_named("--init: ", options.text("init")), generator);
}

void Job::set_optimizer(const Options& options) {
  method = text_or(options, "optimizer", "adam");
  check_optimizer("--optimizer: ", method);
  OptimizerChoice choice{.name = method,
                         .lr = options.number("lr", default_rate(method, source.lr), 0, 1e6),
                         .weight_decay = options.number("weight-decay", 0, 0, kInfinity)};
  if (method != "sgd" && options.has("momentum"))
    throw UsageError(fmt::format("--momentum: expected with --optimizer sgd only, got {}", method));
  fit.notes["optimizer"] = method;
  fit.notes["weight_decay"] = choice.weight_decay;
  if (method == "sgd") fit.notes["momentum"] = choice.momentum = options.number("momentum", 0.9, 0, 1);
  optimizer = make_optimizer(choice, parameters(net));
  fit.optimizer = *optimizer;
}

void Job::set_schedule(const Options& options) {
  schedule_ = text_or(options, "schedule", "cosine");
  fit.notes["schedule"] = schedule_;
  if (!schedule_.starts_with("plateau")) {
    fit.schedule = schedule_named("--schedule: ", schedule_);
    return;
  }
  const WordWithNumbers word = word_with_numbers("--schedule: ", schedule_);
  plateau = {.factor = word.at(0, 0.1), .patience = static_cast<std::int64_t>(word.at(1, 3))};
  if (word.name != "plateau" || word.numbers.size() > 2 || !(plateau->factor >= 0 && plateau->factor < 1) ||
      plateau->patience < 0)
    throw UsageError(
        fmt::format("--schedule: expected 'plateau [FACTOR [EPOCHS]]', a factor from 0 to 1, got '{}'", schedule_));
}

void Job::set_loss(const Options& options) {
  fit.notes["regularise"] = options.text("regularise");
  if (!options.has("regularise")) return;
  const auto [absolute, squared] = penalties(options.text("regularise"));
  const bool classes = source.classes > 0;
  fit.loss = [this, classes, l1 = absolute, l2 = squared](const Tensor& output, const Tensor& targets) {
    Tensor loss = classes ? cross_entropy(output, targets) : mse_loss(output, targets);
    if (l1 > 0) loss = loss + nn::l1(net, l1);
    if (l2 > 0) loss = loss + nn::l2(net, l2);
    return loss;
  };
}

/// What is done to the training rows, tried on one of them.
void Job::set_augmentation(const Options& options) {
  const std::string text = options.text("augment");
  fit.notes["augment"] = text;
  if (!options.has("augment")) return;
  try {
    fit.augment = data::augmentation(text);
    if (!fit.augment) throw UsageError("--augment: expected a word, got none");
    const data::Dataset row = source.splits.train.slice(0, 1);
    fit.augment({.inputs = row.inputs, .targets = row.targets}, Generator(0), source.classes);
  } catch (const Error& error) {
    throw UsageError(fmt::format("--augment: {}", error.message()));
  }
}

void Job::set_metric(const Options& options) {
  for (const char* name : {"metric", "early-stop"})
    if (options.has(name) && source.splits.validation.size() == 0)
      throw UsageError(fmt::format("--{}: expected with validation rows, --validation 0.1, say, got none", name));
  fit.patience = options.whole("early-stop", 0, 1, kMany);
  if (!options.has("metric")) return;
  struct Known {
    std::string_view name;
    train::Metric metric;
    bool classes, numbers;  // what it is there for
  };
  constexpr Known kKnown[] = {{"accuracy", train::Metric::accuracy, true, false},
                              {"loss", train::Metric::loss, true, true},
                              {"r2", train::Metric::r2, false, true}};
  const std::string name = options.text("metric");
  const Known& found = find_word("--metric: ", "a metric", name, kKnown);
  if (!(source.classes > 0 ? found.classes : found.numbers))
    throw UsageError(fmt::format("--metric: expected one for {}, got {}",
                                 source.classes > 0 ? "classes: accuracy or loss" : "numbers: loss or r2",
                                 name));
  fit.metric = found.metric;
}

void Job::write_notes(const Options& options) {
  fit.notes["version"] = GRADUS_VERSION;
  // The rest of what decides how a run goes on is compared by its effect.
  fit.fixed_notes = {"model", "augment", "schedule", "optimizer", "momentum", "weight_decay", "regularise"};
  fit.notes["data"] = text_or(options, "data", "digits");
  fit.notes["model"] = model;
  const data::Dataset& rows = source.splits.train;
  if (!rows.class_names.empty()) fit.notes["class_names"] = rows.class_names;
  fit.notes["options"] =
      options.given({"config", "out", "checkpoint", "every", "resume", "quiet", "json", "confusion"});
}

}  // namespace gradus::cli
