#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <optional>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// What becomes of the losses of the single elements or samples.
enum class Reduction : std::uint8_t { mean, sum, none };

struct CrossEntropyOptions {
  Tensor weight{};                             // one factor a class [C], or undefined for 1; takes no gradient
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

/// The cross-entropy of two classes, x being the probability of the positive one. Logarithms are at least -100.
///   value     -weight (target log x + (1 - target) log(1 - x))
///   gradient  (1 - target) / (1 - x) - target / x; of a logarithm that is cut off 0
///   errors    ArgumentError for an x outside of 0..1
///   otherwise as bce_with_logits, which is more accurate; pos_weight is not taken
struct BceLossOptions {
  Tensor weight{};
  Reduction reduction = Reduction::mean;
};
Tensor bce_loss(Arg x, const Tensor& target, const BceLossOptions& options = {});

struct HuberOptions {
  double delta = 1;
  Reduction reduction = Reduction::mean;
};
/// d^2 / 2 for |d| <= delta, beyond it delta (|d| - delta / 2), with d = x - target.
///   errors    ArgumentError unless delta > 0
///   source    Huber 1964
Tensor huber_loss(Arg x, const Tensor& target, const HuberOptions& options = {});

struct SmoothL1Options {
  double beta = 1;
  Reduction reduction = Reduction::mean;
};
/// huber_loss with delta beta, divided by beta; l1_loss for beta 0.
///   errors    ArgumentError if beta < 0
///   source    Girshick 2015, arXiv:1504.08083, equation 3
Tensor smooth_l1_loss(Arg x, const Tensor& target, const SmoothL1Options& options = {});

struct KlDivOptions {
  bool log_target = false;  // target holds logarithms too
  Reduction reduction = Reduction::mean;
  bool batch_mean = false;  // the sum divided by the first size: the divergence by its definition
};
/// The Kullback–Leibler divergence of a distribution target from e^x.
///   value     target (log target - x), and 0 where target is 0, as are its gradients there
Tensor kl_div(Arg x, const Tensor& target, const KlDivOptions& options = {});

struct PoissonNllOptions {
  bool log_input = true;  // x is the logarithm of the rate
  bool full = false;      // with Stirling's approximation of log(target!) for targets above 1
  double eps = 1e-8;      // added to a rate before its logarithm is taken
  Reduction reduction = Reduction::mean;
};
/// e^x - target x, or x - target log(x + eps).
Tensor poisson_nll_loss(Arg x, const Tensor& target, const PoissonNllOptions& options = {});

struct GaussianNllOptions {
  bool full = false;  // with the constant log(2 pi) / 2
  double eps = 1e-6;  // variances are at least this
  Reduction reduction = Reduction::mean;
};
/// (log var + (x - target)^2 / var) / 2
///   shapes    var broadcasts to x
///   errors    ArgumentError for a negative var or unless eps > 0
Tensor gaussian_nll_loss(Arg x, const Tensor& target, const Tensor& var, const GaussianNllOptions& options = {});

// Losses of margins. target holds 1 and -1 (ArgumentError for another label) unless another thing is said.

struct MarginOptions {
  double margin = 1;
  Reduction reduction = Reduction::mean;
};
/// max(0, margin - target x)
Tensor hinge_loss(Arg x, const Tensor& target, const MarginOptions& options = {});
/// log(1 + e^(-target x))
Tensor soft_margin_loss(Arg x, const Tensor& target, const LossOptions& options = {});
/// x where target is 1, max(0, margin - x) where it is -1.
Tensor hinge_embedding_loss(Arg x, const Tensor& target, const MarginOptions& options = {});
/// max(0, margin - target (a - b))
Tensor margin_ranking_loss(Arg a, const Tensor& b, const Tensor& target, const MarginOptions& options = {.margin = 0});
/// 1 - cos(a, b) where target is 1, max(0, cos(a, b) - margin) where it is -1.
///   shapes    a and b [N, D], target [N]; or [D] and []
Tensor cosine_embedding_loss(Arg a,
                             const Tensor& b,
                             const Tensor& target,
                             const MarginOptions& options = {.margin = 0});

struct TripletOptions {
  double margin = 1;
  double p = 2;  // of the norm that is the distance
  double eps = 1e-6;
  bool swap = false;  // the negative is held against the positive if that is nearer
  Reduction reduction = Reduction::mean;
};
/// max(0, |anchor - positive| - |anchor - negative| + margin)
///   shapes    all [*, D]; a loss for each vector
///   source    Balntas et al. 2016, "Learning local feature descriptors with triplets"
Tensor triplet_margin_loss(Arg anchor,
                           const Tensor& positive,
                           const Tensor& negative,
                           const TripletOptions& options = {});

struct MultiMarginOptions {
  int p = 1;  // or 2
  double margin = 1;
  Tensor weight{};  // a factor for each class
  Reduction reduction = Reduction::mean;
};
/// The multi-class hinge (SVM) loss.
///   value     sum over i other than y of weight[y] max(0, margin - x[y] + x[i])^p, divided by C
///   shapes    x [N, C] or [C], target int64 labels [N] or []
///   errors    IndexError for a label out of range; ArgumentError unless p is 1 or 2
Tensor multi_margin_loss(Arg x, const Tensor& target, const MultiMarginOptions& options = {});

/// The hinge loss of several labels: each is to stand above each other class.
///   value     sum over labels j and classes i that are none of max(0, 1 - x[j] + x[i]), divided by C
///   shapes    x and target [N, C], or both [C]; int64 labels in target stand in front, -1 ends them; a loss for each
///             row
///   errors    IndexError for a label out of -1..C-1
Tensor multilabel_margin_loss(Arg x, const Tensor& target, const LossOptions& options = {});

/// The mean over classes of bce_with_logits: several labels may hold.
///   shapes    x and target [*, C], weight [C] or undefined; a loss for each row
Tensor multilabel_soft_margin_loss(Arg x, const Tensor& target, const BceLossOptions& options = {});

/// The cosine of the angle between vectors along an axis; lengths are at least eps.
Tensor cosine_similarity(Arg a, const Tensor& b, std::int64_t axis = -1, double eps = 1e-8);
/// The p-norm of a - b + eps along the last axis.
Tensor pairwise_distance(Arg a, const Tensor& b, double p = 2, double eps = 1e-6);

}  // namespace gradus
GRADUS_EXPORT_END
