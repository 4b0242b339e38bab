#include "gradus/ops/norm.h"

#include "family.h"
#include "norm/optional_data.h"
#include "norm/softmax.h"

#include "gradus/kernels/norm.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <array>
#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// [N, C, *] as lines along the channels.
Lines channels_of(const Tensor& x) { return Lines(x.shape(), 1); }

/// y = (x - mean) inverse weight + bias; x is dense.
Tensor normalised(
    const Tensor& x, const Tensor& mean, const Tensor& inverse, const Tensor& weight, const Tensor& bias) {
  const Tensor m = dense(mean), r = dense(inverse), w = dense(weight), b = dense(bias);
  Tensor y = empty_like(x);
  dispatch_floating(x.dtype(), [&]<class T>() {
    normalise_channels(channels_of(x),
                       x.data<T>(),
                       m.data<T>(),
                       r.data<T>(),
                       data_or_null<T>(w),
                       data_or_null<T>(b),
                       y.mutable_data<T>());
  });
  return y;
}

/// The gradients of x, weight and bias as far as wanted; `slots` are their places. With statistics of the batch
/// the mean and the part along (x - mean) leave g.
Cotangents fused_gradients(const Pullback& p,
                           const Tensor& mean,
                           const Tensor& inverse,
                           const Tensor& weight,
                           std::array<int, 2> slots,
                           bool of_batch) {
  const Tensor x = dense(p.in(0)), g = dense(p.g), w = dense(weight);
  const Lines channels = channels_of(g);
  Tensor dx, dw, db;
  if (p.needs(0)) dx = empty_like(g);
  if (p.needs(slots[0])) dw = empty({channels.size}, g.dtype());
  if (p.needs(slots[1])) db = empty({channels.size}, g.dtype());
  dispatch_floating(g.dtype(), [&]<class T>() {
    normalise_channels_gradient<T>(channels,
                                   {.of_batch = of_batch,
                                    .x = x.data<T>(),
                                    .g = g.data<T>(),
                                    .mean = mean.data<T>(),
                                    .inverse = inverse.data<T>(),
                                    .weight = data_or_null<T>(w),
                                    .dx = mutable_data_or_null<T>(dx),
                                    .dweight = mutable_data_or_null<T>(dw),
                                    .dbias = mutable_data_or_null<T>(db)});
  });
  Cotangents result(static_cast<std::size_t>(p.arity()));
  result[0] = dx;
  result[slots[0]] = dw;
  result[slots[1]] = db;
  return result;
}

/// [C] as [1, C, 1, …], to broadcast with a tensor of that rank.
Tensor as_channels(const Tensor& x, int rank) {
  Shape shape{1, x.numel()};
  while (shape.rank() < rank) shape.push_back(1);
  return reshape(x, shape);
}

/// Every axis but the second.
Axes other_axes(int rank) {
  Shape axes{0};
  for (int d = 2; d < rank; ++d) axes.push_back(d);
  return Axes(axes);
}

struct NormOp : Op {
  double eps = 1e-5;
  bool has_weight = false;
  template <class V>
  void visit(V&& v) const {
    v("eps", eps);
    v("has_weight", has_weight);
  }
};

struct BatchNorm : NormOp {
  static constexpr OpInfo info{
      .name = "batch_norm", .arity = 3, .saves = Saves::input0 | Saves::input1 | Saves::extras};

  /// y, the batch's mean and variance, and 1 / sqrt(biased variance + eps).
  Tensors forward(const Tensor& input, const Tensor& weight, const Tensor& bias) const {
    const Tensor x = dense(input);
    Tensor mean = empty({x.size(1)}, x.dtype()), var = empty_like(mean), inverse = empty_like(mean);
    dispatch_floating(x.dtype(), [&]<class T>() {
      channel_statistics(
          channels_of(x), eps, x.data<T>(), mean.mutable_data<T>(), var.mutable_data<T>(), inverse.mutable_data<T>());
    });
    return {normalised(x, mean, inverse, weight, bias), mean, var, inverse};
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? p.in(1) : Tensor();
    if (!is_recording()) return fused_gradients(p, p.out(1), p.out(3), weight, {1, 2}, true);

    Cotangents result(3);
    const Tensor x = p.in(0), &g = p.g;
    const Axes axes = other_axes(x.rank());
    const Tensor centered = sub(x, mean(x, axes, true));
    const Tensor inverse = pow(add(mean(mul(centered, centered), axes, true), eps), -0.5);
    const Tensor unit = mul(centered, inverse);
    if (p.needs(0)) {
      const Tensor gw = weight.defined() ? mul(g, as_channels(weight, x.rank())) : g;
      const Tensor along = mul(unit, mean(mul(gw, unit), axes, true));
      result[0] = mul(inverse, sub(sub(gw, mean(gw, axes, true)), along));
    }
    if (p.needs(1)) result[1] = sum(mul(g, unit), axes);
    if (p.needs(2)) result[2] = sum(g, axes);
    return result;
  }
};

struct BatchNormEval : NormOp {
  static constexpr OpInfo info{
      .name = "batch_norm_eval", .arity = 5, .saves = Saves::input0 | Saves::input1 | Saves::input2 | Saves::input3};

  Tensor forward(
      const Tensor& input, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias) const {
    return normalised(dense(input), mean, inverse_std(var), weight, bias);
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? p.in(3) : Tensor();
    // (Of no rows the variance, which may be no number, has no part in a gradient.)
    if (!is_recording() && !p.needs(1) && !p.needs(2) && p.in(0).numel() > 0)
      return fused_gradients(p, dense(p.in(1)), inverse_std(p.in(2)), weight, {3, 4}, false);

    Cotangents result(5);
    const Tensor x = p.in(0), mean = p.in(1), &g = p.g;
    const int rank = x.rank();
    const Axes axes = other_axes(rank);
    const Tensor inverse = pow(add(p.in(2), eps), -0.5);
    const Tensor unit = mul(sub(x, as_channels(mean, rank)), as_channels(inverse, rank));
    const Tensor scale = weight.defined() ? mul(inverse, weight) : inverse;
    const Tensor dbias = sum(g, axes), dweight = sum(mul(g, unit), axes);
    if (p.needs(0)) result[0] = mul(g, as_channels(scale, rank));
    if (p.needs(1)) result[1] = neg(mul(dbias, scale));
    if (p.needs(2)) result[2] = mul(mul(mul(dweight, scale), inverse), -0.5);
    if (p.needs(3)) result[3] = dweight;
    if (p.needs(4)) result[4] = dbias;
    return result;
  }

 private:
  Tensor inverse_std(const Tensor& var) const {
    return dispatch_floating(var.dtype(), [&]<class T>() {
      return map<T, T>(var, [e = static_cast<T>(eps)](T v) { return 1 / std::sqrt(v + e); });
    });
  }
};

void check_input(const char* op, Arg x, double eps) {
  check_floating(op, x);
  if (x->rank() < 2)
    fail<ShapeError>(op, fmt::format("expected input [N, C, *], got {}", to_string(x->shape())), x.site);
  if (!(eps >= 0)) fail<ArgumentError>(op, fmt::format("expected eps >= 0, got {}", eps), x.site);
}

/// An optional tensor of one number a channel.
void check_channels(const char* op, const char* what, Arg x, const Tensor& values) {
  if (!values.defined()) return;
  check_same_dtype(op, x, values);
  if (values.rank() != 1 || values.numel() != x->size(1))
    fail<ShapeError>(op,
                     fmt::format("expected {} [{}] for input {}, got {}",
                                 what,
                                 x->size(1),
                                 to_string(x->shape()),
                                 to_string(values.shape())),
                     x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

BatchNormResult batch_norm(Arg x, const Tensor& weight, const Tensor& bias, double eps) {
  check_input("batch_norm", x, eps);
  check_channels("batch_norm", "weight", x, weight);
  check_channels("batch_norm", "bias", x, bias);
  if (const std::int64_t n = channels_of(x).count(); n < 2)
    fail<ArgumentError>(
        "batch_norm",
        fmt::format("expected at least 2 values a channel in training, got {} in {}", n, to_string(x->shape())),
        x.site);
  BatchNorm op;
  op.eps = eps;
  op.has_weight = weight.defined();
  Tensors results = apply(op, x, weight, bias);
  return {std::move(results[0]), std::move(results[1]), std::move(results[2])};
}

Tensor batch_norm_eval(
    Arg x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias, double eps) {
  check_input("batch_norm_eval", x, eps);
  check_channels("batch_norm_eval", "mean", x, mean);
  check_channels("batch_norm_eval", "var", x, var);
  check_channels("batch_norm_eval", "weight", x, weight);
  check_channels("batch_norm_eval", "bias", x, bias);
  BatchNormEval op;
  op.eps = eps;
  op.has_weight = weight.defined();
  return apply(op, x, mean, var, weight, bias);
}

namespace detail {

static std::vector<Example> batch_norm_examples() {
  const auto affine = [](std::span<const Tensor> in) { return batch_norm(in[0], in[1], in[2]).y; };
  return {
      {"[N, C]", {{{5, 3}}, {{3}}, {{3}}}, affine},
      {"[N, C, L]", {{{3, 2, 4}}, {{2}}, {{2}}}, affine},
      {"[N, C, H, W]", {{{2, 2, 2, 3}}, {{2}}, {{2}}}, affine},
      {"one channel", {{{6, 1}}, {{1}}, {{1}}}, affine},
      {"one image", {{{1, 2, 4}}, {{2}}, {{2}}}, affine},
      {"no channels", {{{3, 0}}, {{0}}, {{0}}}, affine},
      {"not affine", {{{5, 3}}}, [](std::span<const Tensor> in) { return batch_norm(in[0]).y; }},
      {"weight only, eps 0.1",
       {{{5, 3}}, {{3}}},
       [](std::span<const Tensor> in) { return batch_norm(in[0], in[1], {}, 0.1).y; }},
      {"transposed view",
       {{{3, 5}}, {{3}}, {{3}}},
       [](std::span<const Tensor> in) { return batch_norm(transpose(in[0]), in[1], in[2]).y; }},
  };
}

static std::vector<Example> batch_norm_eval_examples() {
  const auto affine = [](std::span<const Tensor> in) { return batch_norm_eval(in[0], in[1], in[2], in[3], in[4]); };
  const Sample var{{3}, domain(0.5, 2)}, fixed_mean{{3}, {}, Sample::Kind::constant};
  const Sample fixed_var{{3}, domain(0.5, 2), Sample::Kind::constant};
  return {
      {"[N, C]", {{{4, 3}}, {{3}}, var, {{3}}, {{3}}}, affine},
      {"[N, C, L]", {{{2, 3, 4}}, {{3}}, var, {{3}}, {{3}}}, affine},
      {"given statistics", {{{4, 3}}, fixed_mean, fixed_var, {{3}}, {{3}}}, affine},
      {"no rows", {{{0, 3}}, fixed_mean, fixed_var, {{3}}, {{3}}}, affine},
      {"not affine",
       {{{1, 3}}, fixed_mean, fixed_var},
       [](std::span<const Tensor> in) { return batch_norm_eval(in[0], in[1], in[2]); }},
  };
}

std::span<const OpEntry> norm_ops() {
  static const OpEntry table[] = {
      {"batch_norm",
       &op_class<BatchNorm>,
       {"w (x - m) / √(v + ε) + b, m and v over all but axis 1", "w (g - mean g - x̂ mean(g x̂)) / √(v + ε), Σ g x̂, Σ g"},
       batch_norm_examples},
      {"batch_norm_eval",
       &op_class<BatchNormEval>,
       {"w (x - m) / √(v + ε) + b, m and v given", "g w / √(v + ε), Σ g x̂, Σ g"},
       batch_norm_eval_examples},
      softmax_entry(),
      log_softmax_entry(),
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
