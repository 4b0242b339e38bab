#include "gradus/kernels/label_loss.h"

#include "family.h"
#include "loss/loss.h"
#include "norm/softmax.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <string>

// cross_entropy and nll_loss: losses of labels.

namespace gradus {
namespace detail {
namespace {

/// The dimension of the classes.
int class_axis(int rank) { return rank == 1 ? 0 : 1; }

/// The place of row r in the target: "3", or "[0, 3]".
std::string place(const Tensor& target, std::int64_t r) {
  if (target.rank() == 1) return std::to_string(r);
  Shape index = target.shape();
  for (int d = target.rank() - 1; d >= 0; --d) {
    const std::int64_t size = index[d];
    index[d] = r % size;
    r /= size;
  }
  return to_string(index);
}

/// What both share; the loss of a row is that of gradus/kernels/label_loss.h.
struct LabelLoss : Op {
  Reduction reduction = Reduction::mean;
  bool ignores = false, has_weight = false;
  std::int64_t ignore_index = 0;
  double smoothing = 0;

  template <class V>
  void visit(V&& v) const {
    v("reduction", to_string(reduction));
    if (ignores) v("ignore_index", ignore_index);
    v("label_smoothing", smoothing);
    v("has_weight", has_weight);
  }

 protected:
  bool counts(std::int64_t label) const { return !ignores || label != ignore_index; }

  void check_labels(const char* op, const Tensor& target, std::int64_t classes) const {
    const auto* labels = target.data<std::int64_t>();
    for (std::int64_t r = 0; r < target.numel(); ++r) {
      if (!counts(labels[r]) || (labels[r] >= 0 && labels[r] < classes)) continue;
      const std::string range = classes == 0 ? "no labels" : fmt::format("labels in 0..{}", classes - 1);
      const std::string where = target.rank() == 0 ? "" : " at position " + place(target, r);
      fail<IndexError>(op, fmt::format("expected {} ({} classes), got {}{}", range, classes, labels[r], where));
    }
  }

  /// What the kernels need, of labels that were checked and a weight or none. All dense.
  template <class T>
  Labels<T> labelled(const Shape& shape, const Tensor& target, const Tensor& weight) const {
    return {Lines(shape, class_axis(shape.rank())),
            target.data<std::int64_t>(),
            weight.defined() ? weight.data<T>() : nullptr,
            smoothing,
            ignores,
            ignore_index};
  }
  /// What the sum over the rows is divided by; 1 where nothing is.
  template <class T>
  double divisor(const Labels<T>& labels) const {
    return reduction == Reduction::mean ? label_weight(labels) : 1;
  }

  /// The loss of a dense x of log-probabilities.
  Tensor loss(const Tensor& x, const Tensor& target, const Tensor& weight) const {
    const bool each = reduction == Reduction::none;
    Tensor y = empty(each ? target.shape() : Shape{}, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      const auto labels = labelled<T>(x.shape(), target, weight);
      T* const out = y.mutable_data<T>();
      const double total = label_losses(labels, x.data<T>(), each ? out : nullptr);
      if (!each) *out = static_cast<T>(total / divisor(labels));
    });
    return y;
  }

  /// factor times q of every row, divided as the loss is: [N, C, *] like x.
  Tensor coefficients(
      const Shape& shape, DType dtype, const Tensor& target, const Tensor& weight, double factor = 1) const {
    Tensor q = empty(shape, dtype);
    dispatch_floating(dtype, [&]<class T>() {
      const auto labels = labelled<T>(shape, target, weight);
      label_coefficients(labels, factor / divisor(labels), q.mutable_data<T>());
    });
    return q;
  }

  /// The cotangent of the loss as a factor for each row, to broadcast with x.
  Tensor row_factor(const Tensor& g, int rank) const {
    return reduction == Reduction::none ? unsqueeze(g, class_axis(rank)) : g;
  }
};

struct NllLoss : LabelLoss {
  static constexpr OpInfo info{
      .name = "nll_loss", .arity = 3, .saves = Saves::input1 | Saves::input2, .linearity = Linearity::none};

  Tensor forward(const Tensor& x, const Tensor& target, const Tensor& weight) const {
    const Tensor labels = dense(target);
    check_labels("nll_loss", labels, x.size(class_axis(x.rank())));
    return loss(dense(x), labels, dense(weight));
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? dense(p.in(2)) : Tensor();
    const Shape shape = p.shape(0);
    if (!is_recording() && reduction != Reduction::none)
      return {coefficients(shape, p.dtype(0), dense(p.in(1)), weight, -p.g.item<double>()), Tensor(), Tensor()};
    const Tensor q = coefficients(shape, p.dtype(0), dense(p.in(1)), weight);
    return {mul(row_factor(neg(p.g), shape.rank()), q), Tensor(), Tensor()};
  }
};

struct CrossEntropy : LabelLoss {
  static constexpr OpInfo info{
      .name = "cross_entropy", .arity = 3, .saves = Saves::input0 | Saves::input1 | Saves::input2};

  Tensor forward(const Tensor& x, const Tensor& target, const Tensor& weight) const {
    const Tensor labels = dense(target);
    const int axis = class_axis(x.rank());
    check_labels("cross_entropy", labels, x.size(axis));
    return loss(log_softmax_values(x, axis), labels, dense(weight));
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? dense(p.in(2)) : Tensor(), labels = dense(p.in(1)), x = p.in(0);
    const int axis = class_axis(x.rank());
    if (!is_recording()) return {fused_gradient(p.g, x, axis, labels, weight), Tensor(), Tensor()};
    const Tensor q = coefficients(x.shape(), x.dtype(), labels, weight);
    const Tensor along = mul(softmax(x, axis), sum(q, axis, true));
    return {mul(row_factor(p.g, x.rank()), sub(along, q)), Tensor(), Tensor()};
  }

 private:
  /// g (softmax(x) sum q - q) in one pass over the softmax.
  Tensor fused_gradient(const Tensor& g, const Tensor& x, int axis, const Tensor& target, const Tensor& weight) const {
    Tensor dx = softmax_values(x, axis);
    const Tensor factors = dense(g);
    dispatch_floating(dx.dtype(), [&]<class T>() {
      const auto labels = labelled<T>(dx.shape(), target, weight);
      label_gradient(
          labels, 1 / divisor(labels), reduction == Reduction::none, factors.data<T>(), dx.mutable_data<T>());
    });
    return dx;
  }
};

// ---- public functions ----------------------------------------------------------------------------

void check_logits(const char* op, Arg x, const Tensor& weight) {
  check_floating(op, x);
  if (x->rank() == 0)
    fail<ShapeError>(op, fmt::format("expected input [N, C, *] or [C], got {}", to_string(x->shape())), x.site);
  if (!weight.defined()) return;
  check_same_dtype(op, x, weight);
  const std::int64_t classes = x->size(class_axis(x->rank()));
  if (weight.rank() != 1 || weight.numel() != classes)
    fail<ShapeError>(op, fmt::format("expected weight [{}], got {}", classes, to_string(weight.shape())), x.site);
  if (requires_grad(weight))
    fail<GradientError>(op, "expected a weight that requires no gradient, got one that does", x.site);
}

void check_target(const char* op, Arg x, const Tensor& target) {
  check_label_type(op, x, target);
  Shape want = x->shape();
  want.erase(class_axis(want.rank()));
  if (target.shape() != want)
    fail<ShapeError>(op,
                     fmt::format("expected labels {} for input {}, got {}",
                                 to_string(want),
                                 to_string(x->shape()),
                                 to_string(target.shape())),
                     x.site);
}

template <class O, class Options>
O with_options(const Options& options) {
  O op;
  op.reduction = options.reduction;
  op.ignores = options.ignore_index.has_value();
  op.ignore_index = options.ignore_index.value_or(0);
  op.has_weight = options.weight.defined();
  return op;
}

/// With probabilities, of public ops.
Tensor soft_cross_entropy(Arg x, const Tensor& target, const CrossEntropyOptions& options) {
  const char* const op = "cross_entropy";
  check_same_dtype(op, x, target);
  if (target.shape() != x->shape())
    fail<ShapeError>(
        op, fmt::format("expected probabilities {}, got {}", to_string(x->shape()), to_string(target.shape())), x.site);
  if (options.ignore_index) fail<ArgumentError>(op, "expected no ignore_index beside probabilities, got one", x.site);
  const SitePin pin(x.site);
  const int rank = x->rank(), axis = class_axis(rank);
  const std::int64_t classes = x->size(axis);
  Tensor q = target;
  if (options.label_smoothing != 0)
    q = add(mul(q, 1 - options.label_smoothing), options.label_smoothing / static_cast<double>(classes));
  if (options.weight.defined()) {
    Shape shape = x->shape();
    for (int d = 0; d < rank; ++d) shape[d] = d == axis ? classes : 1;
    q = mul(q, reshape(options.weight, shape));
  }
  const Tensor losses = neg(sum(weighted(q, log_softmax(x, axis)), axis));
  return reduced(losses, options.reduction);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor cross_entropy(Arg x, const Tensor& target, const CrossEntropyOptions& options) {
  check_logits("cross_entropy", x, options.weight);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    fail<ArgumentError>(
        "cross_entropy", fmt::format("expected label_smoothing in 0..1, got {}", options.label_smoothing), x.site);
  if (is_floating(target.dtype())) return soft_cross_entropy(x, target, options);
  check_target("cross_entropy", x, target);
  auto op = with_options<CrossEntropy>(options);
  op.smoothing = options.label_smoothing;
  return apply(op, x, target, options.weight);
}

Tensor nll_loss(Arg x, const Tensor& target, const NllOptions& options) {
  check_logits("nll_loss", x, options.weight);
  check_target("nll_loss", x, target);
  return apply(with_options<NllLoss>(options), x, target, options.weight);
}

namespace detail {

std::vector<OpEntry> label_loss_examples();  // in examples/label_loss.cpp

std::span<const OpEntry> label_loss_ops() {
  static const auto table = typed<CrossEntropy, NllLoss>(label_loss_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus
