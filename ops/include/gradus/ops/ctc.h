#pragma once

#include "gradus/ops/loss.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

struct CtcOptions {
  std::int64_t blank = 0;
  /// The mean is that of the samples' losses, each divided by the length of its target (1 at least).
  Reduction reduction = Reduction::mean;
  /// Where no alignment is possible the loss is 0 instead of infinity.
  bool zero_infinity = false;
};

/// Connectionist temporal classification: how unlikely a labelling is, summed over all its alignments.
///   value     -log sum over paths of prod_t p[t, path_t]; a path has one class for each step, and is the target when
///             repeated classes are made one and blanks are then taken out. In logarithms throughout
///   shapes    log_probs [T, N, C], logarithms of probabilities; targets int64 [N, S], or all in a row [sum of
///             lengths];
///             input_lengths and target_lengths int64 [N]; y [] or, with Reduction::none, [N]. Of one sample: [T, C],
///             [S], [], [] and y []. What is beyond a length plays no part
///   gradient  of log_probs: minus the probability that the path has class c at t, given the target; 0 where no path is
///             possible. (PyTorch gives another where log_probs are not normalised.)
///   errors    ShapeError if these don't fit; DTypeError; IndexError for a class or blank out of range; ArgumentError
///             for a length beyond its axis or a blank within a target
///   source    Graves et al. 2006, "Connectionist temporal classification", equations 6 to 15
Tensor ctc_loss(Arg log_probs,
                const Tensor& targets,
                const Tensor& input_lengths,
                const Tensor& target_lengths,
                const CtcOptions& = {});

}  // namespace gradus
GRADUS_EXPORT_END
