#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/ctc.h"
#include "gradus/ops/loss.h"

#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

// Losses are ops; here they stand under the name that users of other libraries look for.
using gradus::bce_with_logits;
using gradus::cross_entropy;
using gradus::l1_loss;
using gradus::mse_loss;
using gradus::nll_loss;

namespace detail {

/// A loss with its options: loss(x, target).
template <class Self, class Options, Tensor (*function)(Arg, const Tensor&, const Options&)>
struct Loss : Module<Self> {
  explicit Loss(Options options_ = {}) : options(std::move(options_)) {}
  Tensor forward(Arg x, const Tensor& target) const { return function(x, target, options); }
  auto fields() { return nn::fields(); }

  Options options;
};

/// A loss of three tensors. Those with a margin have other margins if nothing is said.
template <class Self, class Options, Tensor (*function)(Arg, const Tensor&, const Tensor&, const Options&)>
struct Loss3 : Module<Self> {
  explicit Loss3(Options options_) : options(std::move(options_)) {}
  Tensor forward(Arg a, const Tensor& b, const Tensor& c) const { return function(a, b, c, options); }
  auto fields() { return nn::fields(); }

  Options options;
};

}  // namespace detail

// Losses as modules: CrossEntropyLoss({.label_smoothing = 0.1})(x, target). Formulas, shapes and errors are those of
// the functions of the same name.
// clang-format off
struct CrossEntropyLoss : detail::Loss<CrossEntropyLoss, CrossEntropyOptions, cross_entropy> { using Loss::Loss; };
struct NLLLoss : detail::Loss<NLLLoss, NllOptions, nll_loss> { using Loss::Loss; };
struct MSELoss : detail::Loss<MSELoss, LossOptions, mse_loss> { using Loss::Loss; };
struct L1Loss : detail::Loss<L1Loss, LossOptions, l1_loss> { using Loss::Loss; };
struct HuberLoss : detail::Loss<HuberLoss, HuberOptions, huber_loss> { using Loss::Loss; };
struct SmoothL1Loss : detail::Loss<SmoothL1Loss, SmoothL1Options, smooth_l1_loss> { using Loss::Loss; };
struct BCELoss : detail::Loss<BCELoss, BceLossOptions, bce_loss> { using Loss::Loss; };
struct BCEWithLogitsLoss : detail::Loss<BCEWithLogitsLoss, BceOptions, bce_with_logits> { using Loss::Loss; };
struct KLDivLoss : detail::Loss<KLDivLoss, KlDivOptions, kl_div> { using Loss::Loss; };
struct PoissonNLLLoss : detail::Loss<PoissonNLLLoss, PoissonNllOptions, poisson_nll_loss> { using Loss::Loss; };
struct HingeLoss : detail::Loss<HingeLoss, MarginOptions, hinge_loss> { using Loss::Loss; };
struct SoftMarginLoss : detail::Loss<SoftMarginLoss, LossOptions, soft_margin_loss> { using Loss::Loss; };
struct HingeEmbeddingLoss : detail::Loss<HingeEmbeddingLoss, MarginOptions, hinge_embedding_loss> { using Loss::Loss; };
struct MultiMarginLoss : detail::Loss<MultiMarginLoss, MultiMarginOptions, multi_margin_loss> { using Loss::Loss; };
struct MultiLabelMarginLoss : detail::Loss<MultiLabelMarginLoss, LossOptions, multilabel_margin_loss> { using Loss::Loss; };
struct MultiLabelSoftMarginLoss : detail::Loss<MultiLabelSoftMarginLoss, BceLossOptions, multilabel_soft_margin_loss> { using Loss::Loss; };

/// gaussian_nll_loss: (x, target, var).
struct GaussianNLLLoss : detail::Loss3<GaussianNLLLoss, GaussianNllOptions, gaussian_nll_loss> {
  explicit GaussianNLLLoss(GaussianNllOptions o = {}) : Loss3(o) {}
};
/// triplet_margin_loss: (anchor, positive, negative).
struct TripletMarginLoss : detail::Loss3<TripletMarginLoss, TripletOptions, triplet_margin_loss> {
  explicit TripletMarginLoss(TripletOptions o = {}) : Loss3(o) {}
};
/// margin_ranking_loss: (a, b, target).
struct MarginRankingLoss : detail::Loss3<MarginRankingLoss, MarginOptions, margin_ranking_loss> {
  explicit MarginRankingLoss(MarginOptions o = {.margin = 0}) : Loss3(o) {}
};
/// cosine_embedding_loss: (a, b, target).
struct CosineEmbeddingLoss : detail::Loss3<CosineEmbeddingLoss, MarginOptions, cosine_embedding_loss> {
  explicit CosineEmbeddingLoss(MarginOptions o = {.margin = 0}) : Loss3(o) {}
};
// clang-format on

/// CTCLoss({.blank = 0})(log_probs, targets, input_lengths, target_lengths).
struct CTCLoss : Module<CTCLoss> {
  explicit CTCLoss(CtcOptions options_ = {}) : options(options_) {}
  Tensor forward(Arg log_probs,
                 const Tensor& targets,
                 const Tensor& input_lengths,
                 const Tensor& target_lengths) const {
    return ctc_loss(log_probs, targets, input_lengths, target_lengths, options);
  }
  auto fields() { return nn::fields(); }

  CtcOptions options;
};

/// cosine_similarity of two tensors along an axis.
struct CosineSimilarity : Module<CosineSimilarity> {
  explicit CosineSimilarity(std::int64_t axis_ = 1) : axis(axis_) {}
  Tensor forward(Arg a, const Tensor& b) const { return cosine_similarity(a, b, axis); }
  auto fields() { return nn::fields(); }

  std::int64_t axis;
};
/// pairwise_distance of the rows of two tensors.
struct PairwiseDistance : Module<PairwiseDistance> {
  explicit PairwiseDistance(double p_ = 2) : p(p_) {}
  Tensor forward(Arg a, const Tensor& b) const { return pairwise_distance(a, b, p); }
  auto fields() { return nn::fields(); }

  double p;
};

struct PenaltyOptions {
  /// Biases and the weights of norms count, too: parameters with one dimension.
  bool vectors = false;
};

namespace detail {
Tensor penalty(ModuleRef model, double strength, int power, PenaltyOptions options);
}

// Regularisation as terms to add to a loss: cross_entropy(net(x), y) + nn::l2(net, 1e-4). Both together make the
// elastic net.
//   value     strength sum w^2 and strength sum |w| over all weights w, [] in the dtype of the first
//   gradient  2 strength w (an optimiser's weight_decay of 2 strength) and strength sign(w), 0 at 0
//   errors    ArgumentError if strength < 0 or the model has no weights

/// strength sum w^2.
template <Model M>
Tensor l2(const M& model, double strength, PenaltyOptions options = {}) {
  return detail::penalty(detail::ref(model), strength, 2, options);
}
/// strength sum |w|.
template <Model M>
Tensor l1(const M& model, double strength, PenaltyOptions options = {}) {
  return detail::penalty(detail::ref(model), strength, 1, options);
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
