// Attention, one op that keeps no matrix of scores.

#include "gradus/kernels/attention.h"

#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/sequence.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>

namespace gradus {
namespace detail {

static double scale_of(const Tensor& q, const AttentionOptions& options) {
  return options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  constexpr double nowhere = -std::numeric_limits<double>::infinity();
  const Tensor& mask = options.mask;
  Tensor scores = matmul(mul(q, scale_of(q, options)), transpose(k));
  if (options.causal) scores = where(tril(ones({q.size(-2), k.size(-2)}, boolean)), scores, nowhere);
  if (!mask.defined() || scores.numel() == 0) return softmax(scores, -1);
  scores = mask.dtype() == boolean ? where(mask, scores, nowhere) : add(scores, mask);
  const Tensor empty = equal_to(amax(detach(scores), {-1}, true), nowhere);
  if (!any(empty).item<bool>()) return softmax(scores, -1);
  return where(empty, 0.0, softmax(where(empty, 0.0, scores), -1));
}

void check_attention_mask(const char* op, const Tensor& mask, DType dtype, CallSite site) {
  if (mask.dtype() == boolean || mask.dtype() == dtype) return;
  fail<DTypeError>(
      op, fmt::format("expected a mask of bool or {}, got {}", to_string(dtype), to_string(mask.dtype())), site);
}

namespace {

std::int64_t stride(const Tensor& x, int axis) { return x.strides()[axis < 0 ? x.rank() + axis : axis]; }

/// Where the matrices of a tensor [*, m, n] begin, in its elements.
std::vector<std::int64_t> beginnings(const Tensor& x) {
  std::vector<std::int64_t> begin{0};
  for (int d = 0; d + 2 < x.rank(); ++d) {
    std::vector<std::int64_t> next;
    for (const std::int64_t at : begin)
      for (std::int64_t i = 0; i < x.size(d); ++i) next.push_back(at + i * stride(x, d));
    begin = std::move(next);
  }
  return begin;
}

/// A tensor [*, m, n] as matrices whose elements of a row are neighbours.
class Operand {
 public:
  explicit Operand(const Tensor& x) : x_(has_rows(x) ? x : dense(x)), begin_(beginnings(x_)) {}
  template <class T>
  Matrices<const T> matrices() const {
    return {x_.data<T>(), begin_.data(), std::max(stride(x_, -2), x_.size(-1))};
  }

 private:
  static bool has_rows(const Tensor& x) {
    return (stride(x, -1) == 1 || x.size(-1) <= 1) && (stride(x, -2) >= x.size(-1) || x.size(-2) <= 1);
  }

  Tensor x_;
  std::vector<std::int64_t> begin_;
};

/// q [*, L, D], k [*, S, D], v [*, S, E] with equal leading dimensions, and a mask [*, L, S],
/// or none. Results: y and the logarithms of the sums of exponentials.
struct Attention : Op {
  static constexpr OpInfo info{
      .name = "attention",
      .arity = 4,
      .saves = Saves::input0 | Saves::input1 | Saves::input2 | Saves::input3 | Saves::output | Saves::extras};
  bool causal = false, masked = false;
  double scale = 1;
  template <class V>
  void visit(V&& v) const {
    v("causal", causal);
    v("masked", masked);
    v("scale", scale);
  }
  double flops(const OpShapes& s) const {
    const std::int64_t rows = s.in[0].numel() / std::max<std::int64_t>(1, s.in[0].back());
    const double scores = static_cast<double>(rows) * static_cast<double>(s.in[1][s.in[1].rank() - 2]);
    return (causal ? 0.5 : 1) * scores * (2.0 * static_cast<double>(s.in[0].back() + s.in[2].back()) + 4);
  }

  Tensors forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) const {
    Shape shape = q.shape();
    Tensor l = empty(Shape(std::span(shape.begin(), static_cast<std::size_t>(shape.rank() - 1))), q.dtype());
    shape[shape.rank() - 1] = v.size(-1);
    Tensor y = empty(shape, q.dtype());
    const Operand of_q(q), of_k(k), of_v(v);
    const auto begin = masked ? beginnings(mask) : std::vector<std::int64_t>();
    dispatch_floating(q.dtype(), [&]<class T>() {
      kernels::attention<T>(sizes(q, k, v),
                            masks<T>(mask, begin),
                            of_q.matrices<T>(),
                            of_k.matrices<T>(),
                            of_v.matrices<T>(),
                            y.mutable_data<T>(),
                            l.mutable_data<T>());
    });
    return {y, l};
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor q = p.in(0), k = p.in(1), v = p.in(2), mask = masked ? p.in(3) : Tensor();
    return is_recording() ? composed(p, q, k, v, mask) : fused(p, q, k, v, mask);
  }

 private:
  AttentionSizes sizes(const Tensor& q, const Tensor& k, const Tensor& v) const {
    std::int64_t batch = 1;
    for (int d = 0; d + 2 < q.rank(); ++d) batch *= q.size(d);
    return {batch, q.size(-2), k.size(-2), q.size(-1), v.size(-1), scale};
  }

  template <class T>
  Masks<T> masks(const Tensor& mask, const std::vector<std::int64_t>& begin) const {
    Masks<T> result{.causal = causal};
    if (!masked) return result;
    (mask.dtype() == boolean) ? void(result.allowed = mask.data<bool>()) : void(result.added = mask.data<T>());
    result.begin = begin.data();
    result.row = stride(mask, -2);
    result.column = stride(mask, -1);
    return result;
  }

  Cotangents fused(const Pullback& p, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) const {
    const Tensor y = dense(p.out(0)), l = dense(p.out(1)), g = dense(p.g);
    const Operand of_q(q), of_k(k), of_v(v);
    const auto begin = masked ? beginnings(mask) : std::vector<std::int64_t>();
    Cotangents d(4);
    for (int i = 0; i < 4; ++i)
      if (p.needs(i)) d[i] = empty(p.shape(i), q.dtype());
    dispatch_floating(q.dtype(), [&]<class T>() {
      const auto into = [](Tensor& x) { return x.defined() ? x.mutable_data<T>() : nullptr; };
      attention_gradient<T>(sizes(q, k, v),
                            masks<T>(mask, begin),
                            {of_q.matrices<T>(),
                             of_k.matrices<T>(),
                             of_v.matrices<T>(),
                             y.data<T>(),
                             l.data<T>(),
                             g.data<T>(),
                             into(d[0]),
                             into(d[1]),
                             into(d[2]),
                             into(d[3])});
    });
    return d;
  }

  Cotangents composed(const Pullback& p, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) const {
    const Tensor weights = attention_weights(q, k, {.mask = mask, .causal = causal, .scale = scale});
    const Tensor by_weights = matmul(p.g, transpose(v));
    const Tensor rest = sub(by_weights, sum(mul(by_weights, weights), {-1}, true));
    const Tensor by_mask = mul(weights, rest), by_scores = mul(by_mask, scale);
    return {p.needs(0) ? matmul(by_scores, k) : Tensor(),
            p.needs(1) ? matmul(transpose(by_scores), q) : Tensor(),
            p.needs(2) ? matmul(transpose(weights), p.g) : Tensor(),
            p.needs(3) ? by_mask : Tensor()};
  }
};

Shape leading(const Tensor& x) { return Shape(std::span(x.shape().begin(), static_cast<std::size_t>(x.rank() - 2))); }

bool broadcasts_to(const Shape& from, const Shape& to) {
  const int more = to.rank() - from.rank();
  for (int d = 0; more >= 0 && d < from.rank(); ++d)
    if (from[d] != 1 && from[d] != to[d + more]) return false;
  return more >= 0;
}

/// x with these leading dimensions.
Tensor led_by(Shape shape, const Tensor& x) {
  shape.push_back(x.size(-2));
  shape.push_back(x.size(-1));
  return x.shape() == shape ? x : broadcast_to(x, shape);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor attention(Arg q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  check_floating("attention", q);
  check_same_dtype("attention", q, k);
  check_same_dtype("attention", q, v);
  if (q->rank() < 2 || k.rank() < 2 || v.rank() < 2 || q->size(-1) != k.size(-1) || k.size(-2) != v.size(-2))
    fail<ShapeError>("attention",
                     fmt::format("expected q [*, L, D], k [*, S, D] and v [*, S, E], got {}, {} and {}",
                                 to_string(q->shape()),
                                 to_string(k.shape()),
                                 to_string(v.shape())),
                     q.site);
  const Shape batch =
      broadcast_shapes(broadcast_shapes(leading(q), leading(k), "attention", q.site), leading(v), "attention", q.site);
  Shape full = batch;
  full.push_back(q->size(-2));
  full.push_back(k.size(-2));
  const Tensor& mask = options.mask;
  if (mask.defined()) {
    check_attention_mask("attention", mask, q->dtype(), q.site);
    if (!broadcasts_to(mask.shape(), full))
      fail<ShapeError>(
          "attention",
          fmt::format("expected a mask that broadcasts to {}, got {}", to_string(full), to_string(mask.shape())),
          q.site);
  }
  const SitePin pin(q.site);
  Attention op;
  op.causal = options.causal;
  op.masked = mask.defined();
  op.scale = scale_of(q, options);
  return apply(op,
               Arg(led_by(batch, q), q.site),
               led_by(batch, k),
               led_by(batch, v),
               mask.defined() ? broadcast_to(mask, full) : Tensor())[0];
}

namespace detail {

std::span<const OpEntry> attention_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"attention",
       &op_class<Attention>,
       {"softmax(s Q Kᵀ + mask) V", "p = softmax(…), dp = g Vᵀ, ds = p (dp - Σ p dp): s ds K, s dsᵀ Q, pᵀ g"},
       [] {
         const auto masked = [](const Tensor& mask) {
           return [=](In in) { return attention(in[0], in[1], in[2], {.mask = mask}); };
         };
         return Examples{
             {"", {{{2, 3, 2}}, {{2, 4, 2}}, {{2, 4, 3}}}, [](In in) { return attention(in[0], in[1], in[2]); }},
             {"one key for all, heads beside one another",
              {{{3, 2, 2}}, {{1, 4, 2}}, {{4, 2}}},
              [](In in) { return attention(transpose(in[0], 0, 1), in[1], in[2]); }},
             {"causal",
              {{{3, 2}}, {{3, 2}}, {{3, 2}}},
              [](In in) { return attention(in[0], in[1], in[2], {.causal = true}); }},
             {"a query without keys", {{{2, 3, 2}}, {{2, 4, 2}}, {{2, 4, 3}}}, masked(tril(ones({3, 4}, boolean), -1))},
             {"mask added",
              {{{2, 2}}, {{3, 2}}, {{3, 2}}, {{2, 3}}},
              [](In in) { return attention(in[0], in[1], in[2], {.mask = in[3], .scale = 0.3}); }},
             {"mask added, without a gradient", {{{2, 2}}, {{3, 2}}, {{3, 2}}}, [](In in) {
                const Tensor mask = cast(tensor({{0.5, -1.0, 0.0}, {0.25, 2.0, -0.5}}), in[0].dtype());
                return attention(in[0], in[1], in[2], {.mask = mask});
              }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
