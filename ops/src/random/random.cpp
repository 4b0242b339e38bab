#include "gradus/ops/random.h"

#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/random.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace gradus {
namespace detail {
namespace {

/// The mask follows from an attribute, so the op is a linear function of x.
struct Dropout : Op {
  static constexpr OpInfo info{.name = "dropout", .saves = Saves::extras, .linearity = Linearity::linear};
  double p = 0.5;
  std::uint64_t seed = 0;
  template <class V>
  void visit(V&& v) const {
    v("p", p);
    v("seed", std::bit_cast<std::int64_t>(seed));
  }

  /// y, and the factors 0 and 1 / (1 - p).
  Tensors forward(const Tensor& x) const {
    const Tensor dense = kernels::dense(x);
    Tensor y = empty_like(dense), mask = empty_like(dense);
    const Generator generator(seed);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::dropout(generator, p, y.numel(), dense.data<T>(), y.mutable_data<T>(), mask.mutable_data<T>());
    });
    return {y, mask};
  }
  Cotangents vjp(const Pullback& pullback) const { return {mul(pullback.g, pullback.out(1))}; }
};

void check_probability(const char* op, double p, CallSite site) {
  if (!(p >= 0 && p <= 1)) fail<ArgumentError>(op, fmt::format("expected p in 0..1, got {}", p), site);
}

struct Bernoulli : Op {
  static constexpr OpInfo info{.name = "bernoulli", .differentiable = false};
  std::uint64_t seed = 0;
  template <class V>
  void visit(V&& v) const {
    v("seed", std::bit_cast<std::int64_t>(seed));
  }

  Tensor forward(const Tensor& p) const {
    const Tensor dense = kernels::dense(p);
    Tensor y = empty_like(dense);
    const Generator generator(seed);
    dispatch_floating(p.dtype(), [&]<class T>() {
      const T* in = dense.data<T>();
      for (std::int64_t i = 0; i < y.numel(); ++i) check_probability("bernoulli", static_cast<double>(in[i]), {});
      kernels::bernoulli(generator, y.numel(), in, y.mutable_data<T>());
    });
    return y;
  }
};

/// Row after row, by the sums of the weights so far; without replacement a weight drawn is 0 from then on.
struct Multinomial : Op {
  static constexpr OpInfo info{.name = "multinomial", .differentiable = false};
  std::int64_t n = 1;
  bool replacement = false;
  std::uint64_t seed = 0;
  template <class V>
  void visit(V&& v) const {
    v("n", n);
    v("replacement", replacement);
    v("seed", std::bit_cast<std::int64_t>(seed));
  }

  Tensor forward(const Tensor& weights) const {
    const Tensor dense = to(detail::dense(weights), float64);
    Shape shape = weights.shape();
    const std::int64_t classes = std::exchange(shape[shape.rank() - 1], n);
    Tensor y = empty(shape, int64);
    Generator generator(seed);
    const double* const from = dense.data<double>();
    auto* const drawn = y.mutable_data<std::int64_t>();
    for (std::int64_t row = 0; row < y.numel() / n; ++row) {
      std::vector<double> left(from + row * classes, from + (row + 1) * classes);
      check_weights(left);
      kernels::draw(generator, left, replacement, n, drawn + row * n);
    }
    return y;
  }

 private:
  void check_weights(const std::vector<double>& weights) const {
    for (double w : weights)
      if (!(w >= 0 && std::isfinite(w)))
        fail<ArgumentError>("multinomial", fmt::format("expected finite weights >= 0, got {}", w));
    const auto positive = weights.size() - static_cast<std::size_t>(std::count(weights.begin(), weights.end(), 0.0));
    const std::int64_t needed = replacement ? 1 : n;
    if (static_cast<std::int64_t>(positive) < needed)
      fail<ArgumentError>("multinomial",
                          fmt::format("expected at least {} weights above 0 in a row, got {}", needed, positive));
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor dropout(Arg x, double p, bool training, Generator& generator) {
  check_floating("dropout", x);
  check_probability("dropout", p, x.site);
  if (!training || p == 0) return x;
  Dropout op;
  op.p = p;
  op.seed = generator.next();
  const Tensors results = apply(op, x);
  return results[0];
}

Tensor feature_dropout(Arg x, double p, bool training, Generator& generator) {
  check_floating("feature_dropout", x);
  if (x->rank() < 2)
    fail<ShapeError>(
        "feature_dropout", fmt::format("expected an input [N, C, *], got {}", to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  Shape shape{x->size(0), x->size(1)};
  for (int d = 2; d < x->rank(); ++d) shape.push_back(1);
  const Tensor factors = dropout(Arg(ones(shape, x->dtype()), x.site), p, training, generator);
  return !training || p == 0 ? x.tensor : mul(x, factors);
}

Tensor alpha_dropout(Arg x, double p, bool training, Generator& generator) {
  check_floating("alpha_dropout", x);
  check_probability("alpha_dropout", p, x.site);
  if (!training || p == 0) return x;
  constexpr double limit = -1.0507009873554805 * 1.6732632423543772;  // of selu
  const double keep = 1 - p;
  const double a = keep > 0 ? 1 / std::sqrt(keep + limit * limit * keep * p) : 0;
  const SitePin pin(x.site);
  const Tensor kept = bernoulli(x->shape(), keep, x->dtype(), generator);
  const Tensor rest = where(equal_to(kept, 1), x, 0.0);  // NaN that is dropped is
  return add(mul(rest, a), mul(sub(mul(sub(1, kept), limit), p * limit), a));
}

Tensor rrelu(Arg x, double lower, double upper, bool training, Generator& generator) {
  check_floating("rrelu", x);
  if (!(lower <= upper) || !std::isfinite(upper - lower))
    fail<ArgumentError>("rrelu", fmt::format("expected lower <= upper, got {} and {}", lower, upper), x.site);
  const SitePin pin(x.site);
  if (!training) return leaky_relu(x, (lower + upper) / 2);
  const Tensor slopes = uniform(x->shape(), lower, upper, x->dtype(), generator);
  return mul(x, where(greater(detach(x), 0), 1.0, slopes));
}

Tensor bernoulli(Arg p, Generator& generator) {
  check_floating("bernoulli", p);
  Bernoulli op;
  op.seed = generator.next();
  return apply(op, p);
}

Tensor normal(Arg mean, const Tensor& std, Generator& generator) {
  check_floating("normal", mean);
  const SitePin pin(mean.site);
  const Shape shape = broadcast_shapes(mean->shape(), std.shape(), "normal");
  return add(mean, mul(std, normal(shape, 0, 1, mean->dtype(), generator)));
}

Tensor uniform(Arg low, const Tensor& high, Generator& generator) {
  check_floating("uniform", low);
  const SitePin pin(low.site);
  const Shape shape = broadcast_shapes(low->shape(), high.shape(), "uniform");
  return add(low, mul(sub(high, low), uniform(shape, 0, 1, low->dtype(), generator)));
}

Tensor multinomial(Arg weights, std::int64_t n, bool replacement, Generator& generator) {
  check_floating("multinomial", weights);
  if (weights->rank() == 0) fail<ShapeError>("multinomial", "expected weights [*, C], got []", weights.site);
  if (n < 1) fail<ArgumentError>("multinomial", fmt::format("expected n >= 1, got {}", n), weights.site);
  Multinomial op;
  op.n = n;
  op.replacement = replacement;
  op.seed = generator.next();
  return apply(op, weights);
}

namespace detail {

std::vector<OpEntry> random_examples();  // in examples/random.cpp

std::span<const OpEntry> random_ops() {
  static const auto table = typed<Dropout, Bernoulli, Multinomial>(random_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus
