#include "command.h"
#include "setup.h"
#include "source.h"

#include "gradus/data/augment.h"
#include "gradus/data/preprocess.h"
#include "gradus/nn/model_text.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"
#include "gradus/train/fit.h"

#include <fmt/format.h>

#include <cmath>
#include <csignal>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMany = 1'000'000'000;

constexpr const char* kUsage =
    "Trains a model on a data set, and writes the run: config.json, metrics.jsonl, summary.json "
    "and\n"
    "weights.safetensors.\n\n"
    "usage: gradus train [options]";

std::string examples() {
  std::string text = source_help();
  text += "\nmodel: layers separated by commas; sizes follow from the data\n";
  for (const nn::ModelWord& word : nn::model_words()) text += fmt::format("  {:<18}{}\n", word.usage, word.about);
  text +=
      "\naugment: words separated by commas, each with a number if wanted, applied from left to "
      "right\n"
      "  flip [P], vflip [P], crop [PADDING], resized_crop [LEAST], rotate [DEGREES], color "
      "[STRENGTH],\n"
      "  lighting [STD], erase [P], mixup [ALPHA]\n"
      "\nexamples\n"
      "  gradus train\n"
      "  gradus train --data spiral --model \"fc 64, tanh, fc 3\" --lr 0.01 --epochs 50\n"
      "  gradus train --data mnist:DIR --model \"fc 512, bn, relu, fc 10\" --epochs 3 --seed 1 "
      "--out my-run\n"
      "  gradus train --data csv:FILE --label species --validation 0.2\n"
      "  gradus train --data mnist:DIR --optimizer sgd --lr 0.1 --momentum 0.9 --weight-decay "
      "1e-4\n"
      "  gradus train --data cifar10:DIR --model \"conv 32, bn, relu, pool, conv 64, bn, relu, "
      "pool, "
      "fc 10\" \\\n"
      "    --augment \"flip, crop 4\" --checkpoint run.safetensors --every 100\n"
      "  gradus train --data … --resume run.safetensors\n";
  return text;
}

po::options_description known_options() {
  po::options_description known("");
  const auto add = [&known](const char* name, const char* value, const char* about) {
    known.add_options()(name, po::value<std::string>()->value_name(value), about);
  };
  add_data_options(known);
  add("model", "TEXT", "the layers, see below (depends on the data)");
  add("optimizer", "NAME", "adam or sgd (adam)");
  add("lr", "RATE", "learning rate (adam: 0.001, or what suits the data; sgd: 0.05)");
  add("schedule", "NAME", "of the learning rate: constant, linear or cosine, the last two down to 0 (cosine)");
  add("momentum", "M", "of sgd (0.9)");
  add("weight-decay", "D", "L2 penalty on all parameters (0)");
  add("augment", "TEXT", "random changes of the training images, see below (none)");
  add("batch", "N", "rows in a batch (64, or 32 of CIFAR-10)");
  add("epochs", "N", "passes over the training rows (depends on the data)");
  add("seed", "N", "of initial weights, order of rows, augmentation and dropout (0)");
  add("threads", "N", "threads to use (all cores, or OMP_NUM_THREADS)");
  known.add_options()("deterministic", "results that do not depend on the number of threads");
  add("out", "DIR", "the run's folder: new, empty, or of an earlier run, which is replaced (runs/0001, …)");
  add("checkpoint",
      "FILE",
      "where to keep what a run needs to be gone on with (checkpoint.safetensors in its folder, if "
      "a "
      "signal stops it)");
  add("every", "N", "steps from one checkpoint to the next (an epoch)");
  add("resume", "FILE", "a checkpoint to go on from; other options as they were");
  known.add_options()("keep-on", "also where the loss explodes to over 1000 times the first");
  return known;
}

volatile std::sig_atomic_t caught_signal = 0;

/// While it lives, a signal to end is noted instead of obeyed; a second one is obeyed.
class SignalGuard {
 public:
  SignalGuard() {
    struct sigaction note{};
    note.sa_handler = [](int signal) { caught_signal = signal; };
    note.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
      struct sigaction before{};
      sigaction(signal, nullptr, &before);
      if (before.sa_handler == SIG_IGN) continue;  // as nohup wants it
      sigaction(signal, &note, nullptr);
      before_.emplace_back(signal, before);
    }
  }
  ~SignalGuard() {
    for (const auto& [signal, action] : before_) sigaction(signal, &action, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  std::vector<std::pair<int, struct sigaction>> before_;
};

class StopOnSignal : public train::Observer {
 public:
  void after_step(const train::Step&) override { stop(); }
  bool after_epoch(const train::EpochRecord&) override {
    stop();
    return true;
  }

 private:
  static void stop() {
    if (caught_signal != 0) throw train::Stopped();
  }
};

train::Record fit_until_signal(nn::Sequential& net, const data::Splits& splits, train::FitOptions& options) {
  StopOnSignal observer;
  options.observer = observer;
  const SignalGuard signals;
  try {
    return train::fit(net, splits, options);
  } catch (const train::Stopped& stopped) {
    throw Interrupted{caught_signal, stopped.checkpoint};
  }
}

std::optional<optim::Curve> make_schedule(const Options& options, train::FitOptions& fit) {
  const std::string name = options.has("schedule") ? options.text("schedule") : "cosine";
  fit.notes["schedule"] = name;
  return schedule_named("--schedule: ", name);
}

/// What is done to the training rows, tried on one of them.
data::Augmentation make_augmentation(const Options& options, const Source& source, train::FitOptions& fit) {
  const std::string text = options.text("augment");
  fit.notes["augment"] = text;
  if (!options.has("augment")) return {};
  try {
    data::Augmentation augment = data::augmentation(text);
    if (!augment) throw UsageError("--augment: expected a word, got none");
    const data::Dataset row = source.splits.train.slice(0, 1);
    augment({.inputs = row.inputs, .targets = row.targets}, Generator(0), source.classes);
    return augment;
  } catch (const Error& error) {
    throw UsageError(fmt::format("--augment: {}", error.message()));
  }
}

void set_checkpoints(const Options& options, train::FitOptions& fit) {
  for (const char* name : {"checkpoint", "resume"})
    if (options.has(name) && options.text(name).empty())
      throw UsageError(fmt::format("--{}: expected a file, got ''", name));
  if (options.has("every") && !options.has("checkpoint"))
    throw UsageError("--every: expected with --checkpoint FILE only");
  fit.checkpoint = options.text("checkpoint");
  fit.checkpoint_every = options.whole("every", 0, 1, kMany);
  fit.resume = options.text("resume");
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Options& options,
                                                 std::vector<Parameter> parameters,
                                                 double adam_rate,
                                                 train::FitOptions& fit) {
  const std::string name = options.has("optimizer") ? options.text("optimizer") : "adam";
  check_optimizer("--optimizer: ", name);
  OptimizerChoice choice{.name = name,
                         .lr = options.number("lr", name == "adam" ? adam_rate : kSgdRate, 0, 1e6),
                         .weight_decay = options.number("weight-decay", 0, 0, kInfinity)};
  fit.notes["optimizer"] = name;
  fit.notes["weight_decay"] = choice.weight_decay;
  if (name == "adam" && options.has("momentum"))
    throw UsageError("--momentum: expected with --optimizer sgd only, got adam");
  if (name == "sgd") fit.notes["momentum"] = choice.momentum = options.number("momentum", 0.9, 0, 1);
  return make_optimizer(choice, std::move(parameters));
}

void note_preprocessing(const data::Standardize& standardize, const data::Dataset& rows, train::FitOptions& fit) {
  Shape shape = rows.inputs.shape();
  shape.erase(0);
  fit.notes["input_shape"] = std::vector<std::int64_t>(shape.begin(), shape.end());
  const bool per_channel = standardize.per() == data::Per::channel;
  fit.notes["standardize_per"] = std::string(per_channel ? "channel" : "feature");
  fit.notes["standardize_mean"] = standardize.mean().to_vector();
  fit.notes["standardize_std"] = standardize.std().to_vector();
  if (!rows.class_names.empty()) fit.notes["class_names"] = rows.class_names;
}

/// Losses are told in the unit of the targets.
void scale_targets(Source& source, train::FitOptions& fit) {
  const TargetScale scale = standardize_targets(source.splits);
  fit.loss_unit = scale.std * scale.std;
  fit.notes["target_mean"] = scale.mean;
  fit.notes["target_std"] = scale.std;
}

void print_score(const char* name, const train::Score& score) {
  if (std::isnan(score.loss)) return;
  if (std::isnan(score.accuracy))
    fmt::print("{} R² {:.4f}, root mean squared error {:.6g}, loss {:.6g}\n",
               name,
               score.r2,
               std::sqrt(score.loss),
               score.loss);
  else
    fmt::print("{} accuracy {:.4f}, loss {:.4f}\n", name, score.accuracy, score.loss);
}

}  // namespace

int run_train(const std::vector<std::string>& arguments) {
  const Options options("train", known_options(), arguments, kUsage, examples());
  if (options.help_shown()) return 0;

  train::FitOptions fit;
  fit.seed = static_cast<std::uint64_t>(options.whole("seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
  if (options.has("threads")) set_num_threads(static_cast<int>(options.whole("threads", 1, 1, 1024)));
  if (options.has("deterministic")) set_deterministic(true);
  if (!options.has("out"))
    fit.runs = "runs";
  else if ((fit.out = options.text("out")).empty())
    throw UsageError("--out: expected a folder, got ''");

  set_checkpoints(options, fit);
  if (options.has("keep-on")) fit.explosion = kInfinity;
  Source source = load_source(options);
  const data::Dataset& rows = source.splits.train;
  if (rows.size() == 0) throw UsageError("--data: expected rows to train on, got none");
  fit.epochs = static_cast<int>(options.whole("epochs", source.epochs, 1, kMany));
  fit.batch = options.whole("batch", source.batch, 1, kMany);
  if (source.classes == 0) scale_targets(source, fit);
  const auto standardize = data::Standardize().fit(rows.inputs);
  fit.transform = standardize;

  const std::string model = options.has("model") ? options.text("model") : source.model;
  Shape shape = rows.inputs.shape();
  shape.erase(0);
  Generator generator(*fit.seed);
  nn::Sequential net = nn::model_from_text(model, shape, generator);
  check_outputs(net, model, source);
  const auto optimizer = make_optimizer(options, parameters(net), source.lr, fit);
  fit.optimizer = *optimizer;
  fit.schedule = make_schedule(options, fit);
  fit.augment = make_augmentation(options, source, fit);

  fit.notes["version"] = GRADUS_VERSION;
  // The rest of what decides how a run goes on is compared by its effect.
  fit.fixed_notes = {"model", "augment", "schedule", "optimizer", "momentum", "weight_decay"};
  fit.notes["data"] = options.has("data") ? options.text("data") : "digits";
  fit.notes["model"] = model;
  note_preprocessing(standardize, rows, fit);
  if (!source.missing_filled_with.empty()) fit.notes["impute_mean"] = source.missing_filled_with;
  fmt::print("{} rows to train on, {} to validate, {} to test\nmodel \"{}\", {} parameters\n",
             rows.size(),
             source.splits.validation.size(),
             source.splits.test.size(),
             model,
             nn::parameter_count(net));

  const train::Record record = fit_until_signal(net, source.splits, fit);
  if (source.splits.validation.size() > 0)
    fmt::print("weights of epoch {} kept, the best on the validation rows\n", record.best_epoch);
  print_score("validation", record.validation);
  print_score("test", record.test);
  fmt::print("{:.1f} s, run written to {}\n", record.seconds, record.folder);
  return 0;
}

}  // namespace gradus::cli
