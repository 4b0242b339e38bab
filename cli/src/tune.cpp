#include "command.h"
#include "recipe.h"
#include "setup.h"
#include "signals.h"
#include "source.h"

#include "gradus/data/preprocess.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"
#include "gradus/train/fit.h"
#include "gradus/train/search.h"
#include "gradus/train/trial_sitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

constexpr double kPruned = 0.5;   // of the trials: those that do worse than half of the ones before
constexpr double kHeldOut = 0.2;  // of the training rows, where the user does not say
// What decides which rows there are, for 'gradus train' too.
constexpr const char* kDataOptions[] = {
    "data", "validation", "label", "delimiter", "decimal", "header", "missing", "columns", "skip"};

constexpr const char* kUsage =
    "Searches for the hyper-parameters of a model: trains it with many, and tells which were best on rows held out of\n"
    "the training rows. Test rows are not looked at.\n\n"
    "usage: gradus tune --search NAME=VALUES [--search …] [options]";

std::string examples() {
  std::string text = search_help();
  text +=
      "\nmethods\n"
      "  random      each trial by itself\n"
      "  sobol       spread evenly\n"
      "  grid        every combination of --points values of each range\n"
      "  halving     all with few epochs, of which the best third go on with three times as many\n"
      "  hyperband   several halvings\n\n";
  text += source_help() + schedule_help();
  text +=
      "\nexamples\n"
      "  gradus tune --search lr=1e-5..1e-1\n"
      "  gradus tune --data mnist:DIR --rows 2000 --search lr=1e-6..1e-1 --search decay=1e-5..1 \\\n"
      "    --search model=\"fc 64..512, relu, fc 10\" --trials 60 --fine 20 --epochs 3 --journal search.jsonl\n"
      "  gradus tune --search \"optimizer=adam|sgd\" --search momentum=0..0.99 --method hyperband --epochs 27\n"
      "  gradus tune --data csv:FILE --folds 5 --search lr=1e-4..1e-1 --processes 4 --csv trials.csv\n";
  return text;
}

po::options_description known_options() {
  po::options_description known("");
  known.add_options()("search",
                      po::value<std::vector<std::string>>()->value_name("NAME=VALUES"),
                      "what to search for, see below; once for each");
  add_option(known, "method", "NAME", "random, sobol, grid, halving or hyperband (random)");
  add_option(known, "trials", "N", "to begin with; of random, sobol, halving (20)");
  add_option(
      known, "fine", "N", "trials more, spread over the search, in a quarter of each range around the best so far (0)");
  add_option(known, "round", "N", "trials between two looks at the results, as many as processes or more (6)");
  add_option(known, "points", "N", "values of each range; of grid (5)");
  add_option(
      known, "epochs", "N", "passes over the training rows; of halving and hyperband at most (depends on the data)");
  add_option(known,
             "folds",
             "K",
             "a trial is a mean over K folds of the training rows, stratified by class (one part is held out)");
  add_option(known, "rows", "N", "only so many of the training rows (all)");
  add_option(known, "processes", "N", "trials at a time, each in a process of one thread (1, in this one)");
  known.add_options()("keep-on",
                      "also with trials that go wrong, learn next to nothing, or do worse than half of those before");
  add_option(known, "journal", "FILE", "where each trial is put down; a search that was stopped goes on from it");
  add_option(known, "csv", "FILE", "all trials as a table");
  add_data_options(known);
  add_option(known, "model", "TEXT", "the layers (depends on the data)");
  static const std::string methods = optimizer_names() + " (adam)";
  add_option(known, "optimizer", "NAME", methods.c_str());
  add_option(known, "lr", "RATE", "learning rate (that of the optimizer, or what suits the data; sgd: 0.05)");
  add_option(known, "schedule", "KIND", "of the learning rate, see below (cosine)");
  add_option(known, "momentum", "M", "of sgd (0.9)");
  add_option(known, "weight-decay", "D", "L2 penalty on all parameters (0)");
  add_option(known, "batch", "N", "rows in a batch (64, or 32 of CIFAR-10)");
  add_option(known, "seed", "N", "of the values tried, initial weights, order of rows and dropout (0)");
  add_option(known, "threads", "N", "threads to use (all cores, or OMP_NUM_THREADS)");
  return known;
}

/// Data that trials are trained and judged on: `validation` is empty if they divide `train` themselves.
data::Splits rows_to_use(const Options& options, const Source& source, bool folds) {
  if (folds && options.has("validation")) throw UsageError("--validation: expected without --folds, got both");
  if (options.has("validation") && options.number("validation", 0, 0, 0.9) == 0)
    throw UsageError(fmt::format("--validation: expected a share over 0, as trials are judged by it, got '{}'",
                                 options.text("validation")));
  Generator generator(0);  // the same rows whatever --seed is
  data::Splits splits{.train = source.splits.train, .validation = source.splits.validation};
  const std::int64_t n = splits.train.size();
  if (n < 2) throw UsageError(fmt::format("--data: expected rows to train on, got {}", n));
  if (options.has("rows")) {
    const std::int64_t kept = options.whole("rows", n, 2, n);
    splits.train = splits.train.subset(slice(permutation(n, generator), 0, 0, kept));
  }
  if (folds || splits.validation.size() > 0) return splits;
  splits = data::split(splits.train, {.validation = kHeldOut, .test = 0, .stratified = source.classes > 0}, generator);
  if (splits.validation.size() == 0) throw UsageError("--rows: expected enough to hold one out in five, got too few");
  return splits;
}

int epochs_of(double budget) { return std::max(1, static_cast<int>(std::lround(budget))); }

/// What a trial comes to: accuracy where there are classes, else the loss.
double value_of(const train::Score& score, bool classes) { return classes ? score.accuracy : score.loss; }

/// Stops a trial that goes wrong or does worse than most, and all of them at a signal.
class Watch : public train::TrialSitter {
 public:
  using TrialSitter::after_step;
  /// `folds`: the trial has several trainings, of which none reports.
  Watch(train::Trial& trial, nn::Sequential& net, bool classes, bool folds)
      : TrialSitter(trial, net), trial_(trial), classes_(classes), folds_(folds) {}
  void after_step(const train::Step& step) override {
    StopOnSignal::stop();
    TrialSitter::after_step(step);
  }
  bool after_epoch(const train::EpochRecord& record) override {
    const bool goes_on = TrialSitter::after_epoch(record);
    if (!folds_ && record.epoch < epochs_of(trial_.budget()))
      trial_.report(record.epoch, value_of(record.validation, classes_));
    return goes_on;
  }

 private:
  train::Trial& trial_;
  bool classes_, folds_;
};

/// What a trial comes to on rows that were held out.
class Judge {
 public:
  Judge(const Recipe& recipe, const data::Splits& splits, const Source& source, int folds, bool keeps_on)
      : recipe_(recipe),
        splits_(splits),
        classes_(source.classes > 0),
        has_missing_(source.has_missing),
        folds_(folds),
        keeps_on_(keeps_on) {}

  double operator()(train::Trial& trial) const {
    if (folds_ == 0) return judge(trial, splits_);
    Generator generator(0);  // the same folds for all
    return trial.from(train::cross_validate(
        splits_.train,
        {.folds = folds_, .stratified = classes_},
        [&](const data::Splits& fold) { return judge(trial, fold); },
        generator));
  }

 private:
  double judge(train::Trial& trial, data::Splits splits) const {
    const TargetScale scale = classes_ ? TargetScale() : standardize_targets(splits);
    const train::Values& values = trial.values();
    Shape shape = splits.train.inputs.shape();
    shape.erase(0);
    Generator generator(trial.seed());
    nn::Sequential net = nn::model_from_text(recipe_.model(values), shape, generator);
    const auto optimizer = make_optimizer(recipe_.optimizer(values), parameters(net));
    StopOnSignal signals;
    std::optional<Watch> watch;
    if (!keeps_on_) watch.emplace(trial, net, classes_, folds_ > 0);
    train::FitOptions fit{.epochs = epochs_of(trial.budget()),
                          .batch = recipe_.batch(values),
                          .optimizer = *optimizer,
                          .schedule = schedule_named("", recipe_.schedule(values)),
                          .transform = preprocessing_named("", "standardise", has_missing_).fit(splits.train.inputs),
                          .seed = trial.seed(),
                          .observer = watch ? train::Ref<train::Observer>(*watch) : signals,
                          .loss_unit = scale.std * scale.std,
                          .progress = train::Progress::none};
    try {
      return value_of(train::fit(net, splits, fit).validation, classes_);
    } catch (const ArgumentError& error) {  // all else was checked: the loss explodes
      trial.stop(error.message(), "loss-explodes");
    }
  }

  const Recipe& recipe_;
  const data::Splits& splits_;
  bool classes_, has_missing_;
  int folds_;
  bool keeps_on_;
};

/// Both ends of what is searched for, and each of several models, fit the data.
void check_models(const Recipe& recipe, const train::Space& space, const Source& source) {
  std::vector<train::Values> ends;
  for (const double at : {0.0, 1.0}) ends.push_back(space.at(std::vector<double>(space.size(), at)));
  for (std::size_t i = 0; i < space.size(); ++i) {
    const auto* choice = std::get_if<train::Choice>(&space.parameters()[i].domain);
    if (choice == nullptr || space.parameters()[i].name != "model") continue;
    for (const std::string& word : choice->words) {
      std::vector<double> place(space.size(), 0.5);
      place[i] = space.coordinate(i, word);
      ends.push_back(space.at(place));
    }
  }
  Shape shape = source.splits.train.inputs.shape();
  shape.erase(0);
  for (const train::Values& values : ends) {
    Generator generator(0);
    const std::string model = recipe.model(values);
    nn::Sequential net = nn::model_from_text(model, shape, generator);
    check_outputs(net, model, source.splits.train, source.classes);
  }
}

train::Method method_of(const Options& options) {
  const std::string name = options.has("method") ? options.text("method") : "random";
  const auto trials = static_cast<int>(options.whole("trials", 20, 1, train::kMostTrials));
  const auto points = static_cast<int>(options.whole("points", 5, 1, 1000));
  struct Named {
    std::string_view name;
    train::Method method;
  };
  const Named kMethods[] = {{"random", train::Random{.trials = trials}},
                            {"sobol", train::Sobol{.trials = trials}},
                            {"grid", train::Grid{.points = points}},
                            {"halving", train::Halving{.trials = trials}},
                            {"hyperband", train::Hyperband{}}};
  const train::Method method = find_word("--method: ", "a method", name, kMethods).method;
  if (options.has("points") && name != "grid") throw UsageError("--points: expected with --method grid only");
  if (options.has("round") && name != "random" && name != "sobol")
    throw UsageError("--round: expected with --method random or sobol only");
  if (options.has("trials") && (name == "grid" || name == "hyperband"))
    throw UsageError(fmt::format("--trials: expected without --method {}, which has its own number", name));
  return method;
}

train::SearchOptions search_options(const Options& options, const Source& source) {
  const auto seed = options.whole("seed", 0, 0, std::numeric_limits<std::int64_t>::max());
  train::SearchOptions search{.maximize = source.classes > 0,
                              .seed = static_cast<std::uint64_t>(seed),
                              .budget = static_cast<double>(options.whole("epochs", source.epochs, 1, kMany)),
                              .fine = static_cast<int>(options.whole("fine", 0, 0, train::kMostTrials)),
                              .prune = options.has("keep-on") ? 0 : kPruned,
                              .round = static_cast<int>(options.whole("round", 6, 1, train::kMostTrials)),
                              .processes = static_cast<int>(options.whole("processes", 1, 1, 1024)),
                              .journal = options.text("journal")};
  for (const char* name : {"journal", "csv"})
    if (options.has(name) && options.text(name).empty())
      throw UsageError(fmt::format("--{}: expected a file, got ''", name));
  const auto note = [&](const char* name) {
    search.notes[name] = options.has(name) ? options.text(name) : "as it is without";
  };
  for (const char* name : kDataOptions) note(name);
  for (const char* name :
       {"rows", "folds", "model", "optimizer", "lr", "schedule", "momentum", "weight-decay", "batch"})
    note(name);
  for (const char* name : {"regression", "keep-on"}) search.notes[name] = options.has(name) ? "on" : "off";
  search.after_trial = [](const train::TrialResult& trial) {
    const bool finished = trial.status == train::TrialStatus::finished;
    fmt::print("trial {:>3}  {}  {}  ({:.1f} s)\n",
               trial.number,
               finished ? fmt::format("{:.4f}", trial.value) : train::to_string(trial.status),
               to_string(trial.values),
               trial.seconds);
    std::fflush(stdout);
    StopOnSignal::stop();
  };
  return search;
}

/// The options that read the same rows, and train for as long as a trial did.
std::string data_command(const Options& options, const train::TrialResult& trial) {
  std::string text;
  for (const char* name : kDataOptions)
    if (options.has(name)) text += fmt::format("--{} {} ", name, shell_quoted(options.text(name)));
  if (options.has("regression")) text += "--regression ";
  return text + fmt::format("--epochs {} ", epochs_of(trial.budget));
}

void show(const train::SearchResults& results, const Recipe& recipe, const Options& options) {
  const train::TrialResult& best = results.best();
  fmt::print("\n{}\n", results.table());
  for (const train::Importance& importance : results.importances())
    if (!std::isnan(importance.share))
      fmt::print("{} explains {:.0f} % of the order of {} trials\n",
                 importance.name,
                 100 * importance.share,
                 importance.trials);
  for (const std::string& warning : results.warnings()) fmt::print("warning: {}\n", warning);
  fmt::print("best: trial {}, {} {:.4f}\n  gradus train {}{}\n",
             best.number,
             results.maximize ? "accuracy" : "loss",
             best.value,
             data_command(options, best),
             recipe.command(best.values));
}

}  // namespace

int run_tune(const std::vector<std::string>& arguments) {
  const Options options("tune", known_options(), arguments, kUsage, examples());
  if (options.help_shown()) return 0;

  if (options.has("threads")) set_num_threads(static_cast<int>(options.whole("threads", 1, 1, 1024)));
  const train::Method method = method_of(options);
  const auto folds = static_cast<int>(options.whole("folds", 0, 2, kMany));
  const Source source = load_source(options);
  const Recipe recipe(options, source);
  const train::SearchOptions search_for = search_options(options, source);
  const data::Splits splits = rows_to_use(options, source, folds > 0);
  const train::Space space(recipe.parameters());
  check_models(recipe, space, source);
  if (options.has("csv")) gradus::detail::check_writable("tune", options.text("csv"));

  const train::Search search(space, method, search_for);
  fmt::print("{} rows to train on, {}\n",
             splits.train.size(),
             folds > 0 ? fmt::format("in {} folds", folds) : fmt::format("{} held out", splits.validation.size()));
  for (const train::Hyperparameter& parameter : space.parameters()) fmt::print("  {}\n", to_string(parameter));
  if (options.has("journal"))
    fmt::print("stopped at any moment, the same command goes on from {}\n", options.text("journal"));
  std::fflush(stdout);
  const auto run = [&]() -> std::optional<train::SearchResults> {
    const SignalGuard signals;
    try {
      return search.run(Judge(recipe, splits, source, folds, options.has("keep-on")));
    } catch (const train::Stopped&) {
      return {};
    }
  };
  const auto ended = run();
  if (!ended) {
    std::fflush(stdout);
    fmt::print(stderr,
               "gradus: interrupted, {}\n",
               options.has("journal") ? fmt::format("the same command goes on from {}", options.text("journal"))
                                      : "with --journal FILE a search can be gone on with");
    return 128 + caught_signal;
  }
  const train::SearchResults& results = *ended;
  if (options.has("csv")) gradus::detail::write_file("tune", options.text("csv"), results.csv());
  show(results, recipe, options);
  return 0;
}

}  // namespace gradus::cli
