#pragma once

#include "gradus/train/fit.h"

#include <cstdint>
#include <vector>

namespace gradus::train {

/// Adds up scores of batches.
class Tally {
 public:
  /// `loss` is the mean over the batch.
  void add(double loss, const Tensor& output, const data::Batch& batch);
  Score score() const;
  /// All that it has added up, for a checkpoint.
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

  template <class T, class F>
  static void each_number(T& tally, F f) {
    f(tally.loss_), f(tally.rows_), f(tally.correct_), f(tally.classes_);
    f(tally.values_), f(tally.mean_), f(tally.spread_), f(tally.errors_);
  }
};

/// `given`, or the usual one for such targets. ArgumentError if there are no targets to compare
/// with.
Loss loss_for(const Loss& given, const Tensor& targets, const char* op, CallSite site);

/// `options.loss` does not count.
Score measure(const detail::AnyModel& model,
              const data::Source& data,
              const Loss& loss,
              const EvaluateOptions& options,
              CallSite site);

}  // namespace gradus::train
