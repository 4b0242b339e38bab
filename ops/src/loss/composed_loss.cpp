#include "loss/loss.h"

#include "gradus/graph/node.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <numbers>

// Losses made of other ops: of probabilities and distributions, of margins and of angles.

namespace gradus {
namespace detail {
namespace {

/// Of elements; the cut of the logarithms has a derivative of its own.
struct Bce : Op {
  static constexpr OpInfo info{.name = "bce_loss", .arity = 2, .saves = Saves::inputs, .flops = 5};
  static constexpr double kLeast = -100;

  Tensor forward(const Tensor& x, const Tensor& target) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      return map<T, T>(x, target, [](T v, T t) {
        if (!(v >= 0 && v <= 1) && v == v)
          fail<ArgumentError>("bce_loss", fmt::format("expected x in 0..1, got {}", v));
        const T least = T(kLeast);
        return -t * std::max(std::log(v), least) - (1 - t) * std::max(std::log1p(-v), least);
      });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    const Side yes(p.in(0)), no(sub(1, p.in(0)));
    const Tensor t = p.in(1);
    if (p.needs(0)) result[0] = mul(p.g, sub(no.slope(sub(1, t)), yes.slope(t)));
    if (p.needs(1)) result[1] = mul(p.g, sub(no.logarithm(), yes.logarithm()));
    return result;
  }

 private:
  /// A probability, with a number in its place where the logarithm is cut off and flat.
  struct Side {
    Tensor cut, x;
    explicit Side(const Tensor& probability)
        : cut(less_equal(probability, std::exp(kLeast))), x(where(cut, 1.0, probability)) {}
    Tensor logarithm() const { return where(cut, kLeast, log(x)); }
    /// The derivative of t max(log x, -100).
    Tensor slope(const Tensor& t) const { return div(where(cut, 0.0, t), x); }
  };
};

/// A vector for each row, or a vector: the last axis of both alike.
void check_vectors(const char* op, Arg a, const Tensor& b) {
  check_floating(op, a);
  check_same_dtype(op, a, b);
  if (a->rank() == 0 || a->shape() != b.shape())
    fail<ShapeError>(
        op,
        fmt::format("expected vectors [*, D] alike, got {} and {}", to_string(a->shape()), to_string(b.shape())),
        a.site);
}

void check_shape(const char* op, const char* what, Arg x, const Tensor& t, const Shape& expected) {
  check_same_dtype(op, x, t);
  if (t.shape() != expected)
    fail<ShapeError>(
        op, fmt::format("expected a {} {}, got {}", what, to_string(expected), to_string(t.shape())), x.site);
}

Shape without_last(const Shape& shape) {
  Shape rest = shape;
  rest.erase(rest.rank() - 1);
  return rest;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor bce_loss(Arg x, const Tensor& target, const BceLossOptions& options) {
  check_pair("bce_loss", x, target);
  const SitePin pin(x.site);
  Tensor y = apply(Bce{}, x, target);
  if (options.weight.defined()) y = mul(y, options.weight);
  return reduced(y, options.reduction);
}

Tensor kl_div(Arg x, const Tensor& target, const KlDivOptions& options) {
  check_pair("kl_div", x, target);
  if (options.batch_mean && (x->rank() == 0 || x->size(0) == 0))
    fail<ShapeError>("kl_div", fmt::format("expected a batch with samples, got {}", to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  // What has no probability adds nothing, however infinite the logarithms.
  const Tensor q = options.log_target ? exp(target) : target, none = equal_to(q, 0);
  const Tensor apart =
      sub(options.log_target ? where(none, 0.0, target) : log(where(none, 1.0, target)), where(none, 0.0, x));
  const Tensor y = mul(where(none, 0.0, q), apart);
  if (options.batch_mean) return div(sum(y), static_cast<double>(x->size(0)));
  return reduced(y, options.reduction);
}

Tensor poisson_nll_loss(Arg x, const Tensor& target, const PoissonNllOptions& options) {
  check_pair("poisson_nll_loss", x, target);
  const SitePin pin(x.site);
  Tensor y;
  if (options.log_input) {
    y = sub(exp(x), weighted(target, x));
  } else {
    const Tensor rate = add(x, options.eps), none = logical_and(equal_to(target, 0), less_equal(rate, 0));
    y = sub(x, mul(target, log(where(none, 1.0, rate))));
  }
  if (options.full) {
    // Of targets up to 1 the term is left out; the logarithm is taken where it is used alone.
    const Tensor large = greater(target, 1), t = where(large, target, 1.0);
    const Tensor stirling = add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * std::numbers::pi)), 0.5));
    y = add(y, where(large, stirling, 0.0));
  }
  return reduced(y, options.reduction);
}

Tensor gaussian_nll_loss(Arg x, const Tensor& target, const Tensor& var, const GaussianNllOptions& options) {
  check_pair("gaussian_nll_loss", x, target);
  check_same_dtype("gaussian_nll_loss", x, var);
  if (!(options.eps > 0))
    fail<ArgumentError>("gaussian_nll_loss", fmt::format("expected eps > 0, got {}", options.eps), x.site);
  const SitePin pin(x.site);
  if (any(less(var, 0)).item<bool>())
    fail<ArgumentError>("gaussian_nll_loss", "expected variances >= 0, got a negative one", x.site);
  const Tensor v = clamp(var, options.eps);
  const Tensor d = sub(x, target);  // its square alone may overflow
  const Tensor y = mul(add(log(v), mul(d, div(d, v))), 0.5);
  return reduced(options.full ? add(y, 0.5 * std::log(2 * std::numbers::pi)) : y, options.reduction);
}

/// ArgumentError unless each label is 1 or -1.
static void check_sides(const char* op, const Tensor& target, CallSite site) {
  const Tensor labels = contiguous(target);
  dispatch(labels.dtype(), [&]<class T>() {
    const T* const label = labels.data<T>();
    for (std::int64_t i = 0; i < labels.numel(); ++i)
      if (label[i] != T(1) && static_cast<double>(label[i]) != -1)
        fail<ArgumentError>(op, fmt::format("expected labels 1 and -1, got {}", label[i]), site);
  });
}

Tensor hinge_loss(Arg x, const Tensor& target, const MarginOptions& options) {
  check_pair("hinge_loss", x, target);
  check_sides("hinge_loss", target, x.site);
  const SitePin pin(x.site);
  return reduced(relu(sub(options.margin, mul(target, x))), options.reduction);
}

Tensor soft_margin_loss(Arg x, const Tensor& target, const LossOptions& options) {
  check_pair("soft_margin_loss", x, target);
  check_sides("soft_margin_loss", target, x.site);
  const SitePin pin(x.site);
  return reduced(neg(log_sigmoid(mul(target, x))), options.reduction);
}

Tensor hinge_embedding_loss(Arg x, const Tensor& target, const MarginOptions& options) {
  check_pair("hinge_embedding_loss", x, target);
  check_sides("hinge_embedding_loss", target, x.site);
  const SitePin pin(x.site);
  const Tensor apart = relu(sub(options.margin, x));
  const Tensor y = where(equal_to(target, 1), x, where(equal_to(target, -1), apart, 0.0));
  return reduced(y, options.reduction);
}

Tensor margin_ranking_loss(Arg a, const Tensor& b, const Tensor& target, const MarginOptions& options) {
  check_pair("margin_ranking_loss", a, b);
  check_shape("margin_ranking_loss", "target", a, target, a->shape());
  check_sides("margin_ranking_loss", target, a.site);
  const SitePin pin(a.site);
  return reduced(relu(sub(options.margin, mul(target, sub(a, b)))), options.reduction);
}

Tensor cosine_embedding_loss(Arg a, const Tensor& b, const Tensor& target, const MarginOptions& options) {
  check_vectors("cosine_embedding_loss", a, b);
  check_shape("cosine_embedding_loss", "target", a, target, without_last(a->shape()));
  check_sides("cosine_embedding_loss", target, a.site);
  const SitePin pin(a.site);
  // Of length |v| / sqrt(|v|^2 + 1e-12): defined at 0 too, and without overflow.
  const auto unit = [](const Tensor& v) { return div(v, hypot(norm(v, 2, -1, true), scalar(1e-6, v.dtype()))); };
  const Tensor cosine = sum(mul(unit(a), unit(b)), -1);
  const Tensor apart = relu(sub(cosine, options.margin));
  const Tensor y = where(equal_to(target, 1), sub(1, cosine), where(equal_to(target, -1), apart, 0.0));
  return reduced(y, options.reduction);
}

Tensor triplet_margin_loss(Arg anchor, const Tensor& positive, const Tensor& negative, const TripletOptions& options) {
  check_vectors("triplet_margin_loss", anchor, positive);
  check_vectors("triplet_margin_loss", anchor, negative);
  const SitePin pin(anchor.site);
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return pairwise_distance(a, b, options.p, options.eps);
  };
  Tensor apart = distance(anchor, negative);
  if (options.swap) apart = minimum(apart, distance(positive, negative));
  const Tensor y = relu(add(sub(distance(anchor, positive), apart), options.margin));
  return reduced(y, options.reduction);
}

Tensor multi_margin_loss(Arg x, const Tensor& target, const MultiMarginOptions& options) {
  check_floating("multi_margin_loss", x);
  check_label_type("multi_margin_loss", x, target);
  if (x->rank() < 1 || x->rank() > 2 || target.shape() != without_last(x->shape()))
    fail<ShapeError>("multi_margin_loss",
                     fmt::format("expected x [N, C] and labels [N], or [C] and [], got {} and {}",
                                 to_string(x->shape()),
                                 to_string(target.shape())),
                     x.site);
  if (options.p != 1 && options.p != 2)
    fail<ArgumentError>("multi_margin_loss", fmt::format("expected p 1 or 2, got {}", options.p), x.site);
  const std::int64_t classes = x->size(-1);
  if (options.weight.defined()) check_shape("multi_margin_loss", "weight", x, options.weight, {classes});
  const SitePin pin(x.site);
  const Tensor labels = unsqueeze(target, -1), right = gather(x, -1, labels);
  const Tensor own = equal_to(one_hot(target, classes), 1);
  const Tensor over = relu(where(own, 0.0, add(sub(x, right), options.margin)));
  Tensor y = div(sum(options.p == 2 ? square(over) : over, -1), static_cast<double>(classes));
  if (options.weight.defined())
    y = mul(y, reshape(index_select(options.weight, 0, reshape(target, {target.numel()})), target.shape()));
  return reduced(y, options.reduction);
}

Tensor multilabel_soft_margin_loss(Arg x, const Tensor& target, const BceLossOptions& options) {
  check_pair("multilabel_soft_margin_loss", x, target);
  if (x->rank() == 0) fail<ShapeError>("multilabel_soft_margin_loss", "expected an input [*, C], got []", x.site);
  const SitePin pin(x.site);
  const Tensor each = bce_with_logits(x, target, {.weight = options.weight, .reduction = Reduction::none});
  return reduced(mean(each, -1), options.reduction);
}

Tensor cosine_similarity(Arg a, const Tensor& b, std::int64_t axis, double eps) {
  check_floating("cosine_similarity", a);
  const SitePin pin(a.site);
  return sum(mul(normalize(a, 2, axis, eps), normalize(b, 2, axis, eps)), axis);
}

Tensor pairwise_distance(Arg a, const Tensor& b, double p, double eps) {
  check_vectors("pairwise_distance", a, b);
  const SitePin pin(a.site);
  return norm(add(sub(a, b), eps), p, -1);
}

namespace detail {

std::vector<OpEntry> composed_loss_examples();  // in examples/composed_loss.cpp

std::span<const OpEntry> composed_loss_ops() {
  static const auto table = typed<Bce>(composed_loss_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus
