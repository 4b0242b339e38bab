#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <optional>

namespace gradus {

/// What becomes of the losses of the single elements or samples.
enum class Reduction : std::uint8_t { mean, sum, none };

struct CrossEntropyOptions {
  Tensor weight{};  // one factor a class [C], or undefined for 1; takes no gradient
  std::optional<std::int64_t> ignore_index{};  // samples with this label don't count
  double label_smoothing = 0;                  // this part of a label is spread over all classes
  Reduction reduction = Reduction::mean;
};

/// How far logits are from labels: -log softmax(x) at the label.
///   value     of a sample: -sum_c q_c w_c log softmax(x)_c with q the target, smoothed: (1 - s) q + s / C. The
///             mean over labels divides by the sum of the weights of those that count, the one over
///             probabilities by the number of samples
///   shapes    x [N, C, *] or [C]; target int64 labels [N, *] or [], or floating probabilities like x; y [] or,
///             with Reduction::none, [N, *]
///   gradient  of x, and of target where it holds probabilities
///   errors    IndexError for a label out of range; ShapeError; DTypeError; ArgumentError unless 0 <=
///             label_smoothing <= 1, or for ignore_index beside probabilities; GradientError if weight requires one
Tensor cross_entropy(Arg x, const Tensor& target, const CrossEntropyOptions& options = {});

struct NllOptions {
  Tensor weight{};
  std::optional<std::int64_t> ignore_index{};
  Reduction reduction = Reduction::mean;
};

/// The negative log-likelihood: -x at the label, x holding logarithms of probabilities.
///   otherwise as cross_entropy with labels
Tensor nll_loss(Arg x, const Tensor& target, const NllOptions& options = {});

struct LossOptions {
  Reduction reduction = Reduction::mean;
};

// Losses of elements. x and target are of one shape and floating dtype, y is [] or, with Reduction::none, like x.
//   errors    ShapeError or DTypeError unless x and target agree (nothing is broadcast)

/// (x - target)^2
Tensor mse_loss(Arg x, const Tensor& target, const LossOptions& options = {});
/// |x - target|; the gradient where they are equal is 0.
Tensor l1_loss(Arg x, const Tensor& target, const LossOptions& options = {});

struct BceOptions {
  Tensor weight{};      // a factor for each loss
  Tensor pos_weight{};  // a factor for the part of the positive class
  Reduction reduction = Reduction::mean;
};

/// The cross-entropy of two classes, x being the logit of the positive one; exact for any x.
///   value     -weight (pos_weight target log sigmoid(x) + (1 - target) log(1 - sigmoid(x)))
///   shapes    weight and pos_weight broadcast to x
Tensor bce_with_logits(Arg x, const Tensor& target, const BceOptions& options = {});

}  // namespace gradus
