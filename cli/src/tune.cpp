#include "command.h"
#include "search_text.h"
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

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMany = 1'000'000'000;
constexpr double kHeldOut = 0.2;  // of the training rows, where the user does not say
// What decides which rows there are, for 'gradus train' too.
constexpr const char* kDataOptions[] = {
    "data", "validation", "label", "delimiter", "decimal", "header", "missing", "columns", "skip"};

constexpr const char* kUsage =
    "Searches for the hyper-parameters of a model: trains it with many, and tells which were best on rows held out of\n"
    "the training rows. Test rows are not looked at.\n\n"
    "usage: gradus tune --search NAME=VALUES [--search …] [options]";

/// What can be searched for, and how its values are written.
struct Searchable {
  std::string_view name;
  std::string_view option;  // of 'gradus train', which also fixes it here
  enum class Kind : std::uint8_t { real, whole, words, model } kind;
  double least = 0, most = 0;
  std::string_view about;
};
constexpr Searchable kSearchable[] = {
    {"lr", "lr", Searchable::Kind::real, 0, 1e6, "LOW..HIGH: learning rate"},
    {"decay", "weight-decay", Searchable::Kind::real, 0, kInfinity, "LOW..HIGH: L2 penalty on all parameters"},
    {"momentum", "momentum", Searchable::Kind::real, 0, 1, "LOW..HIGH: of sgd; of its trials only"},
    {"batch", "batch", Searchable::Kind::whole, 1, kMany, "LOW..HIGH: rows in a batch"},
    {"optimizer", "optimizer", Searchable::Kind::words, 0, 0, "adam|sgd, or others that --optimizer takes"},
    {"schedule", "schedule", Searchable::Kind::words, 0, 0, "constant|cosine, or others that --schedule takes"},
    {"model",
     "model",
     Searchable::Kind::model,
     0,
     0,
     "layers with LOW..HIGH for a number, or several models with | between"},
};

std::string examples() {
  std::string text = "\nsearch: NAME=VALUES, evenly in the logarithm where HIGH / LOW is over 10\n";
  for (const Searchable& s : kSearchable) text += fmt::format("  {:<12}{}\n", s.name, s.about);
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
  add_option(known, "fine", "N", "trials more, in a quarter of each range around the best (0)");
  add_option(known, "points", "N", "values of each range; of grid (5)");
  add_option(
      known, "epochs", "N", "passes over the training rows; of halving and hyperband at most (depends on the data)");
  add_option(known,
             "folds",
             "K",
             "a trial is a mean over K folds of the training rows, stratified by class (one part is held out)");
  add_option(known, "rows", "N", "only so many of the training rows (all)");
  add_option(known, "processes", "N", "trials at a time, each in a process of one thread (1, in this one)");
  known.add_options()("keep-on", "also with trials in which the training goes wrong, or learns next to nothing");
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

/// What is searched for, and what is fixed.
class Recipe {
 public:
  Recipe(const Options& options, const Source& source);

  const std::vector<train::Hyperparameter>& parameters() const { return parameters_; }
  std::string model(const train::Values& values) const { return pattern_ ? pattern_->with(values) : model_; }
  OptimizerChoice optimizer(const train::Values& values) const;
  std::string schedule(const train::Values& values) const { return value(values, "schedule", schedule_); }
  std::int64_t batch(const train::Values& values) const { return value(values, "batch", batch_); }
  /// The options of 'gradus train' that train with these values.
  std::string command(const train::Values& values) const;

 private:
  void add_search(const std::string& text, const Options& options);
  void check_momentum(const Options& options);
  void check_decay() const;

  /// That of the trial if it is searched for.
  template <class T>
  static T value(const train::Values& values, std::string_view name, const T& fixed) {
    for (const auto& [known, value] : values.entries())
      if (known == name && value) return std::get<T>(*value);
    return fixed;
  }

  std::vector<train::Hyperparameter> parameters_;
  std::optional<ModelPattern> pattern_;
  std::string model_, optimizer_, schedule_;
  std::int64_t batch_ = 0;
  std::optional<double> lr_;
  double adam_rate_ = 0, decay_ = 0, momentum_ = 0;
};

Recipe::Recipe(const Options& options, const Source& source)
    : model_(options.has("model") ? options.text("model") : source.model),
      optimizer_(options.has("optimizer") ? options.text("optimizer") : "adam"),
      schedule_(options.has("schedule") ? options.text("schedule") : "cosine"),
      batch_(options.whole("batch", source.batch, 1, kMany)),
      adam_rate_(source.lr),
      decay_(options.number("weight-decay", 0, 0, kInfinity)),
      momentum_(options.number("momentum", 0.9, 0, 1)) {
  if (options.has("lr")) lr_ = options.number("lr", 0, 0, 1e6);
  check_optimizer("--optimizer: ", optimizer_);
  schedule_named("--schedule: ", schedule_);
  const std::vector<std::string> texts = options.texts("search");
  if (texts.empty()) throw UsageError("tune: expected --search NAME=VALUES, got none (see 'gradus tune --help')");
  for (const std::string& text : texts) add_search(text, options);
  check_momentum(options);
  check_decay();
}

void Recipe::add_search(const std::string& text, const Options& options) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw UsageError(fmt::format("--search: expected NAME=VALUES, such as lr=1e-6..1e-1, got '{}'", text));
  std::string name = text.substr(0, equals);
  if (name == "weight-decay") name = "decay";
  const std::string values = text.substr(equals + 1), where = fmt::format("--search {}: ", name);
  const Searchable& what = find_word("--search: ", "something to search for", name, kSearchable);
  if (options.has(std::string(what.option).c_str()))
    throw UsageError(fmt::format("--search: expected {} without --{}, got both", name, what.option));
  for (const train::Hyperparameter& other : parameters_)
    if (other.name == name) throw UsageError(fmt::format("--search: expected {} once, got it twice", name));
  switch (what.kind) {
    case Searchable::Kind::real:
    case Searchable::Kind::whole: {
      const bool whole = what.kind == Searchable::Kind::whole;
      const train::Domain range = range_from(where, values, whole);
      const auto [low, high] = ends_of(range);
      if (low < what.least || high > what.most)
        throw UsageError(
            fmt::format("{}expected numbers from {} to {}, got '{}'", where, what.least, what.most, values));
      parameters_.push_back({name, range});
      break;
    }
    case Searchable::Kind::words: {
      const train::Choice choice = words_from(values);
      for (const std::string& word : choice.words)
        if (name == "optimizer")
          check_optimizer(where, word);
        else
          schedule_named(where, word);
      parameters_.push_back({name, choice});
      break;
    }
    case Searchable::Kind::model:
      if (pattern_) throw UsageError("--search: expected model once, got it twice");
      pattern_.emplace(values);
      if (pattern_->parameters().empty())
        throw UsageError(fmt::format("{}expected a range or several models, got '{}'", where, values));
      parameters_.insert(parameters_.end(), pattern_->parameters().begin(), pattern_->parameters().end());
  }
}

/// Momentum is there in trials of sgd only, behind the optimizer that decides.
void Recipe::check_momentum(const Options& options) {
  const auto place = [&](std::string_view name) {
    return std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& p) { return p.name == name; });
  };
  const auto choice = place("optimizer");
  const bool may_be_sgd =
      choice == parameters_.end() ? optimizer_ == "sgd" : train::to_string(*choice).find("sgd") != std::string::npos;
  if (options.has("momentum") && !may_be_sgd)
    throw UsageError(fmt::format("--momentum: expected with sgd only, got {}", optimizer_));
  const auto momentum = place("momentum");
  if (momentum == parameters_.end()) return;
  if (!may_be_sgd) throw UsageError(fmt::format("--search momentum: expected with sgd only, got {}", optimizer_));
  if (choice == parameters_.end()) return;
  train::Hyperparameter moved = *momentum;
  moved.when = train::When{"optimizer", {"sgd"}};
  parameters_.erase(momentum);
  parameters_.push_back(std::move(moved));
}

/// Each optimizer that a trial may have takes the penalty.
void Recipe::check_decay() const {
  std::vector<std::string> names{optimizer_};
  double decay = decay_;
  for (const train::Hyperparameter& p : parameters_) {
    if (p.name == "optimizer") names = std::get<train::Choice>(p.domain).words;
    if (p.name == "decay") decay = 1;
  }
  for (const std::string& name : names) make_optimizer({.name = name, .weight_decay = decay}, {Parameter(zeros({1}))});
}

OptimizerChoice Recipe::optimizer(const train::Values& values) const {
  const std::string name = value(values, "optimizer", optimizer_);
  return {.name = name,
          .lr = value(values, "lr", lr_.value_or(default_rate(name, adam_rate_))),
          .momentum = value(values, "momentum", momentum_),
          .weight_decay = value(values, "decay", decay_)};
}

std::string Recipe::command(const train::Values& values) const {
  const OptimizerChoice choice = optimizer(values);
  std::string text =
      fmt::format("--model {} --optimizer {} --lr {}", shell_quoted(model(values)), choice.name, choice.lr);
  if (choice.name == "sgd") text += fmt::format(" --momentum {}", choice.momentum);
  if (choice.weight_decay > 0) text += fmt::format(" --weight-decay {}", choice.weight_decay);
  return text + fmt::format(" --schedule {} --batch {}", schedule(values), batch(values));
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

/// Stops a trial that goes wrong, and all of them at a signal.
class Watch : public train::TrialSitter {
 public:
  using TrialSitter::after_step;
  using TrialSitter::TrialSitter;
  void after_step(const train::Step& step) override {
    StopOnSignal::stop();
    TrialSitter::after_step(step);
  }
};

/// What a trial comes to: accuracy where there are classes, else the loss, on rows that were held out.
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
    if (!keeps_on_) watch.emplace(trial, net);
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
      const train::Score score = train::fit(net, splits, fit).validation;
      return classes_ ? score.accuracy : score.loss;
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
