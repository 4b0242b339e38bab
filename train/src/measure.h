#pragma once

#include "gradus/train/fit.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace gradus::train {

/// Adds up scores of batches.
class Tally {
 public:
  /// `loss` is the mean over the batch.
  void add(double loss, const Tensor& output, const data::Batch& batch);
  Score score() const;
  static constexpr std::int64_t kNumbers = 8;
  std::vector<double> numbers() const;
  void set_numbers(const double* numbers);

 private:
  double loss_ = 0;
  std::int64_t rows_ = 0, correct_ = 0;
  bool classes_ = true;  // so far each batch had such

  /// Of floating targets: their number, mean and sum of squared deviations; the sum of squared errors.
  void add_values(const Tensor& output, const Tensor& targets);
  double values_ = 0, mean_ = 0, spread_ = 0, errors_ = 0;
};

/// Modules are back in the mode they had when it dies.
class ModeGuard {
 public:
  explicit ModeGuard(nn::ModuleRef model);
  ~ModeGuard();
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  std::vector<std::pair<nn::ModuleRef, bool>> modes_;
};

/// `given`, or the usual one for such targets. ArgumentError if there are no targets to compare
/// with.
Loss loss_for(const Loss& given, const data::Dataset& data, const char* op, CallSite site);

/// ArgumentError if a target is no class; `classes` -1: not known yet.
void check_classes(const Tensor& targets, std::int64_t classes, const char* op, CallSite site);
/// How many classes a model with this output tells apart; -1 if it doesn't look like any.
std::int64_t classes_of(const Tensor& output);

Score measure(const detail::AnyModel& model,
              const data::Dataset& data,
              const Loss& loss,
              const data::Transform& transform,
              std::int64_t batch,
              CallSite site);

}  // namespace gradus::train
