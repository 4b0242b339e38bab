#pragma once

#include "gradus/nn/module.h"

#include <vector>

GRADUS_EXPORT_BEGIN
/// Gradients kept within bounds, between backward and an optimiser's step. Both put new tensors in the place
/// of the gradients that they change; parameters without a gradient are passed over.
namespace gradus::optim {

/// Scales all gradients by the same min(1, max_norm / (total + 1e-6)), where total is the norm of all of them
/// together as one vector, and returns total as it was (Pascanu et al. 2013, arXiv:1211.5063). Sums in
/// float64; the result is the same for any number of threads.
///   norm_type           p > 0 of the p-norm; infinity for the largest absolute value
///   error_if_nonfinite  refuse an infinite or NaN total; else an infinite one makes gradients 0 or NaN, and
///                       a NaN makes all NaN
///   errors              ArgumentError if max_norm is negative or NaN, norm_type is not above 0, or as asked
double clip_grad_norm(const std::vector<Parameter>& parameters,
                      double max_norm,
                      double norm_type = 2,
                      bool error_if_nonfinite = false,
                      CallSite site = CallSite::here());

/// Restricts each element of the gradients to [-value, value]. NaN stays.
///   errors    ArgumentError if value is negative or NaN
void clip_grad_value(const std::vector<Parameter>& parameters, double value, CallSite site = CallSite::here());

}  // namespace gradus::optim
GRADUS_EXPORT_END
