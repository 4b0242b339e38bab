#pragma once

#include "search_text.h"
#include "setup.h"
#include "source.h"

#include "gradus/train/space.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gradus::cli {

/// What --search takes, a line for each.
std::string search_help();

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

}  // namespace gradus::cli
