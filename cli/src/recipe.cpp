#include "recipe.h"

#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

namespace gradus::cli {
namespace {

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

}  // namespace

std::string search_help() {
  std::string text = "\nsearch: NAME=VALUES, evenly in the logarithm where HIGH / LOW is over 10\n";
  for (const Searchable& s : kSearchable) text += fmt::format("  {:<12}{}\n", s.name, s.about);
  return text;
}

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

}  // namespace gradus::cli
