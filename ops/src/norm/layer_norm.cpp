#include "family.h"
#include "norm/optional_data.h"

#include "gradus/kernels/norm.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

/// Rows x [M, n]: y = x̂ weight + bias, x̂ = (x - m) / sqrt(mean((x - m)^2) + eps), m being a row's mean, or 0 if not
/// centred. A row holds `channels`, of n / channels neighbouring elements each; `groups` rows hold those of weight and
/// bias [groups channels]; either may be undefined. The result is followed by m and the inverse of the root [M].
struct RowNorm : Op {
  static constexpr OpInfo info{
      .name = "row_norm", .arity = 3, .saves = Saves::input0 | Saves::input1 | Saves::extras, .flops = 8};
  double eps = 1e-5;
  bool centred = true, has_weight = false;
  std::int64_t groups = 1, channels = 1;
  template <class V>
  void visit(V&& v) const {
    v("eps", eps);
    v("centred", centred);
    v("has_weight", has_weight);
    v("groups", groups);
    v("channels", channels);
  }

  Tensors forward(const Tensor& input, const Tensor& weight, const Tensor& bias) const {
    check_rank(info.name, input, 2);
    if (input.size(0) % groups != 0 || input.size(1) % channels != 0)
      fail<ShapeError>(info.name,
                       fmt::format("expected a multiple of {} rows of a multiple of {} elements, got {}",
                                   groups,
                                   channels,
                                   to_string(input.shape())));
    for (const Tensor* const part : {&weight, &bias})
      if (part->defined()) check_shape(info.name, *part, {groups * channels});
    const Tensor x = dense(input), w = dense(weight), b = dense(bias);
    Tensor y = empty_like(x), mean = empty({x.size(0)}, x.dtype()), inverse = empty_like(mean);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::normalise_rows(rows_of(x),
                              eps,
                              x.data<T>(),
                              data_or_null<T>(w),
                              data_or_null<T>(b),
                              y.mutable_data<T>(),
                              mean.mutable_data<T>(),
                              inverse.mutable_data<T>());
    });
    return {y, mean, inverse};
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? p.in(1) : Tensor();
    if (!is_recording()) return fused(p, dense(p.g), dense(p.in(0)), dense(weight));
    Cotangents result(3);
    const Tensor x = p.in(0), d = centred ? sub(x, mean(x, 1, true)) : x;
    const Tensor r = rsqrt(add(mean(square(d), 1, true), eps)), unit = mul(d, r);
    // Elements by group and channel.
    const Shape apart{x.size(0) / groups, groups, channels, x.size(1) / channels};
    const Tensor g = reshape(p.g, apart);
    if (p.needs(0)) {
      const Tensor gw = weight.defined() ? reshape(mul(g, reshape(weight, {groups, channels, 1})), x.shape()) : p.g;
      const Tensor rest = sub(gw, mul(unit, mean(mul(gw, unit), 1, true)));
      result[0] = mul(centred ? sub(rest, mean(gw, 1, true)) : rest, r);
    }
    if (p.needs(1)) result[1] = flatten(sum(mul(g, reshape(unit, apart)), {0, 3}), 0);
    if (p.needs(2)) result[2] = flatten(sum(g, {0, 3}), 0);
    return result;
  }

 private:
  NormRows rows_of(const Tensor& x) const { return {x.size(0), x.size(1), groups, channels, centred}; }

  Cotangents fused(const Pullback& p, const Tensor& g, const Tensor& x, const Tensor& weight) const {
    Tensor dx, dw, db;
    if (p.needs(0)) dx = empty_like(x);
    if (p.needs(1)) dw = empty({groups * channels}, x.dtype());
    if (p.needs(2)) db = empty({groups * channels}, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      normalise_rows_gradient<T>(rows_of(x),
                                 {.x = x.data<T>(),
                                  .g = g.data<T>(),
                                  .mean = p.out(1).data<T>(),
                                  .inverse = p.out(2).data<T>(),
                                  .weight = data_or_null<T>(weight),
                                  .dx = mutable_data_or_null<T>(dx),
                                  .dweight = mutable_data_or_null<T>(dw),
                                  .dbias = mutable_data_or_null<T>(db)});
    });
    return {dx, dw, db};
  }
};

/// x normalised in rows of n elements, in its own shape. Weight and bias are of the shape `expected`, or undefined.
Tensor normalise_rows(const char* op,
                      Arg x,
                      std::int64_t n,
                      RowNorm rows,
                      const Tensor& weight,
                      const Tensor& bias,
                      const Shape& expected) {
  if (!(rows.eps >= 0)) fail<ArgumentError>(op, fmt::format("expected eps >= 0, got {}", rows.eps), x.site);
  const auto flat = [&](const char* what, const Tensor& t) {
    if (!t.defined()) return Tensor();
    check_same_dtype(op, x, t);
    if (t.shape() != expected)
      fail<ShapeError>(
          op, fmt::format("expected a {} {}, got {}", what, to_string(expected), to_string(t.shape())), x.site);
    return flatten(t, 0);
  };
  const Tensor w = flat("weight", weight), b = flat("bias", bias);
  rows.has_weight = w.defined();
  if (!w.defined() && !b.defined()) rows.groups = rows.channels = 1;
  const Tensor all = reshape(x, {x->numel() / n, n});
  return reshape(apply(rows, Arg(all, x.site), w, b)[0], x->shape());
}

/// How many elements the last dimensions hold, which must be `normalized`.
std::int64_t check_normalized(const char* op, Arg x, const Shape& normalized) {
  check_floating(op, x);
  const int extra = x->rank() - normalized.rank();
  bool fits = extra >= 0 && normalized.rank() > 0 && normalized.numel() > 0;
  for (int d = 0; fits && d < normalized.rank(); ++d) fits = x->size(extra + d) == normalized[d];
  if (!fits)
    fail<ShapeError>(
        op,
        fmt::format(
            "expected an input that ends in {} (with elements), got {}", to_string(normalized), to_string(x->shape())),
        x.site);
  return normalized.numel();
}

Tensor normalise_groups(
    const char* op, Arg x, std::int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating(op, x);
  const std::int64_t channels = x->rank() < 2 ? 0 : x->size(1);
  if (x->rank() < 2)
    fail<ShapeError>(op, fmt::format("expected an input [N, C, *], got {}", to_string(x->shape())), x.site);
  if (groups < 1) fail<ArgumentError>(op, fmt::format("expected groups >= 1, got {}", groups), x.site);
  if (channels % groups != 0)
    fail<ShapeError>(
        op, fmt::format("expected a multiple of {} channels, got {}", groups, to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  RowNorm rows;
  rows.eps = eps;
  rows.groups = groups;
  rows.channels = channels / groups;
  std::int64_t n = rows.channels;
  for (int d = 2; d < x->rank(); ++d) n *= x->size(d);
  if (n == 0) fail<ShapeError>(op, fmt::format("expected groups with elements, got {}", to_string(x->shape())), x.site);
  return normalise_rows(op, x, n, rows, weight, bias, {channels});
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor layer_norm(Arg x, const Shape& normalized, const Tensor& weight, const Tensor& bias, double eps) {
  const std::int64_t n = check_normalized("layer_norm", x, normalized);
  const SitePin pin(x.site);
  RowNorm rows;
  rows.eps = eps;
  rows.channels = n;
  return normalise_rows("layer_norm", x, n, rows, weight, bias, normalized);
}

Tensor rms_norm(Arg x, const Shape& normalized, const Tensor& weight, double eps) {
  const std::int64_t n = check_normalized("rms_norm", x, normalized);
  const SitePin pin(x.site);
  RowNorm rows;
  rows.eps = eps;
  rows.centred = false;
  rows.channels = n;
  return normalise_rows("rms_norm", x, n, rows, weight, {}, normalized);
}

Tensor group_norm(Arg x, std::int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  return normalise_groups("group_norm", x, groups, weight, bias, eps);
}

Tensor instance_norm(Arg x, const Tensor& weight, const Tensor& bias, double eps) {
  const std::int64_t channels = x->rank() < 2 ? 1 : std::max<std::int64_t>(x->size(1), 1);
  return normalise_groups("instance_norm", x, channels, weight, bias, eps);
}

Tensor local_response_norm(Arg x, std::int64_t size, const LocalResponseOptions& o) {
  check_floating("local_response_norm", x);
  if (x->rank() < 2)
    fail<ShapeError>(
        "local_response_norm", fmt::format("expected an input [N, C, *], got {}", to_string(x->shape())), x.site);
  if (size < 1) fail<ArgumentError>("local_response_norm", fmt::format("expected size >= 1, got {}", size), x.site);
  if (x->numel() == 0) return x;
  const SitePin pin(x.site);
  const std::int64_t n = x->size(0), channels = x->size(1), inner = x->numel() / (n * channels);
  const Tensor squares = reshape(square(x), {n, 1, channels, inner});
  const Tensor padded = pad(squares, {0, 0, size / 2, (size - 1) / 2});
  const Tensor means = reshape(avg_pool2d(padded, {size, 1}, {.stride = 1}), x->shape());
  return div(x, pow(add(mul(means, o.alpha), o.k), o.beta));
}

namespace detail {

std::vector<OpEntry> layer_norm_examples();  // in examples/layer_norm.cpp

std::span<const OpEntry> layer_norm_ops() {
  using In = std::span<const Tensor>;
  static const auto table = typed<>(
      layer_norm_examples(),
      {{"row_norm",
        &op_class<RowNorm>,
        {"x̂ w + b, x̂ = (x - m) / √(v + ε) in each row", "(g w - mean g w - x̂ mean(g w x̂)) / √(v + ε), Σ g x̂, Σ g"},
        [] {
          RowNorm all, groups;
          all.has_weight = groups.has_weight = true;
          all.channels = 4;
          groups.groups = groups.channels = 2;
          return std::vector<Example>{
              {"", {{{3, 4}}}, [](In in) { return apply(RowNorm{}, in[0], Tensor(), Tensor())[0]; }},
              {"affine", {{{20, 4}}, {{4}}, {{4}}}, [all](In in) { return apply(all, in[0], in[1], in[2])[0]; }},
              {"groups of channels",
               {{{10, 6}}, {{4}}, {{4}}},
               [groups](In in) { return apply(groups, in[0], in[1], in[2])[0]; }},
              {"not centred", {{{2, 20}}}, [](In in) {
                 RowNorm op;
                 op.centred = false;
                 return apply(op, in[0], Tensor(), Tensor())[0];
               }}};
        }}});
  return table;
}

}  // namespace detail
}  // namespace gradus
