#pragma once

#include "gradus/data/dataset.h"

#include <functional>
#include <optional>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

struct FoldOptions {
  int folds = 5;
  bool shuffle = true;      // without it: rows i, i + k, i + 2k, … are a fold
  bool stratified = false;  // each class is spread over the folds as evenly as whole rows allow
};

/// The rows of one fold, and the others: int64, ascending.
struct Fold {
  Tensor train, held_out;
};

/// Divides n rows into k folds whose sizes differ by at most 1; with `stratified`, so do their numbers of rows of each
/// class.
///   errors    ArgumentError unless 2 <= folds <= rows, or if there are no classes to stratify by
std::vector<Fold> folds(const data::Dataset& all,
                        const FoldOptions& options = {},
                        Generator& generator = default_generator(),
                        CallSite site = CallSite::here());

/// What each fold gave.
struct CrossValidation {
  std::vector<double> values;
  double mean = 0;
  double spread = 0;  // the standard deviation of a fold's value: sqrt(sum (v - mean)^2 / (k - 1))

  /// The fold that is better than the others by more than chance explains, if one is: Grubbs' test of one side at 5 %
  /// (Grubbs 1969), for 3 to 20 folds. The mean then owes to that fold.
  std::optional<std::size_t> outlier(bool maximize) const;
};
/// Mean and spread of some values; a single one has no spread (NaN).
CrossValidation mean_and_spread(std::vector<double> values);

/// Calls `f` for each fold with the others as `train` and the fold as `validation`, copies of the rows.
///   errors    those of `folds`; what `f` throws
CrossValidation cross_validate(const data::Dataset& all,
                               const FoldOptions& options,
                               const std::function<double(const data::Splits&)>& f,
                               Generator& generator = default_generator(),
                               CallSite site = CallSite::here());

}  // namespace gradus::train
GRADUS_EXPORT_END
