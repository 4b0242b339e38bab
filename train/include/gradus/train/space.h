#pragma once

#include "gradus/tensor/error.h"
#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// Of a search, and combinations of a grid.
constexpr int kMostTrials = 1'000'000;

/// What a hyper-parameter can be: a real number, a whole one, a word.
using Value = std::variant<double, std::int64_t, std::string>;
/// Such that the same value, and no other, is read from it again.
std::string to_string(const Value& value);

/// Each value in [low, high] is as likely.
struct Uniform {
  double low = 0, high = 1;
};
/// The logarithm is uniform: each decade within [low, high] is as likely. For rates and penalties.
struct LogUniform {
  double low = 1e-6, high = 1;
};
/// Whole numbers from `low` to `high`, each as likely; with `log`, in proportion to log((n + 1/2) / (n - 1/2)).
struct Integer {
  std::int64_t low = 1, high = 10;
  bool log = false;
};
/// One of the words, each as likely.
struct Choice {
  std::vector<std::string> words;
};
/// Where the values of a hyper-parameter come from.
using Domain = std::variant<Uniform, LogUniform, Integer, Choice>;

/// Where a parameter is there only if another, a Choice, has one of some words: `When{"optimizer", {"sgd"}}`.
struct When {
  std::string name;
  std::vector<std::string> among;
};

/// One that is searched for: its name, its values, and when it is there.
struct Hyperparameter {
  std::string name;
  Domain domain;
  std::optional<When> when = std::nullopt;
};
/// "lr: log-uniform 1e-06..0.1 if optimizer = sgd"
std::string to_string(const Hyperparameter& parameter);

/// The values of one trial, by name. Those of parameters whose condition does not hold are absent.
class Values {
 public:
  using Entry = std::pair<std::string, std::optional<Value>>;
  Values() = default;
  explicit Values(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  /// In the order of the space.
  const std::vector<Entry>& entries() const { return entries_; }
  /// Whether the parameter is there in this trial.
  ///   errors    here and below: ArgumentError for a name that the space does not have
  bool has(std::string_view name, CallSite site = CallSite::here()) const;
  /// Of a Uniform or LogUniform parameter, an Integer, a Choice.
  ///   errors    ArgumentError for a parameter of another kind, or one that is absent
  double real(std::string_view name, CallSite site = CallSite::here()) const;
  std::int64_t whole(std::string_view name, CallSite site = CallSite::here()) const;
  const std::string& word(std::string_view name, CallSite site = CallSite::here()) const;

  bool operator==(const Values&) const = default;

 private:
  const std::optional<Value>& find(std::string_view name, CallSite site) const;
  template <class T>
  const T& get(std::string_view name, std::string_view kind, CallSite site) const;

  std::vector<Entry> entries_;
};
/// "lr = 0.01, optimizer = adam"
std::string to_string(const Values& values);

/// The hyper-parameters of a search, and what each can be:
///
///     train::Space space{{"lr", train::LogUniform{1e-6, 1e-1}},
///                        {"optimizer", train::Choice{{"adam", "sgd"}}},
///                        {"momentum", train::Uniform{0, 0.99}, train::When{"optimizer", {"sgd"}}},
///                        {"hidden", train::Integer{.low = 16, .high = 512, .log = true}}};
///
///   errors    ArgumentError for a range that is empty, not finite or, where it is logarithmic, not positive (Integer:
///             not within ±2^53); for no words, a word or name that is there twice, empty or not UTF-8; for a condition
///             on anything but words of a Choice further up
class Space {
 public:
  Space(std::initializer_list<Hyperparameter> parameters, CallSite site = CallSite::here());
  explicit Space(std::vector<Hyperparameter> parameters, CallSite site = CallSite::here());

  const std::vector<Hyperparameter>& parameters() const { return parameters_; }
  std::size_t size() const { return parameters_.size(); }

  /// The values at a place of the unit cube, with a coordinate in [0, 1] for each parameter: equal volumes are
  /// equally likely.
  ///   errors    ArgumentError for another number of coordinates, or one outside [0, 1]
  Values at(std::span<const double> place, CallSite site = CallSite::here()) const;
  /// The coordinate in [0, 1] of a value of the i-th parameter, in its scale: the middle of the interval that `at` maps
  /// to it.
  ///   errors    ArgumentError unless i < size() and the value is one of that parameter's
  double coordinate(std::size_t i, const Value& value, CallSite site = CallSite::here()) const;

  /// What is near `best`: each range is reduced to `share` of its width, in its own scale, around the value in `best`,
  /// and ends where it ended before; of a Choice only the word in `best` remains. Parameters absent there stay as
  /// they are.
  ///   errors    ArgumentError unless 0 < share <= 1, or if `best` is not of this space
  Space around(const Values& best, double share = 0.25, CallSite site = CallSite::here()) const;

  /// Every combination of values: of each range `points` evenly spaced in its scale, its ends among them (whole numbers
  /// at most once), and every word. A parameter adds nothing where its condition does not hold.
  ///   errors    ArgumentError if points < 1, or for more than kMostTrials
  std::vector<Values> grid(int points, CallSite site = CallSite::here()) const;

 private:
  void check_value(const char* op, std::size_t i, const Value& value, CallSite site) const;
  bool holds(const Hyperparameter& parameter, std::span<const Values::Entry> above) const;

  std::vector<Hyperparameter> parameters_;
};

}  // namespace gradus::train
GRADUS_EXPORT_END
