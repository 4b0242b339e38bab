#include "gradus/ops/norm.h"

#include "kernels.h"
#include "softmax.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <array>
#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// A dense tensor as [outer, channels, inner].
struct Channels {
  std::int64_t outer, channels, inner = 1;

  explicit Channels(const Tensor& x) : outer(x.raw()->sizes()[0]), channels(x.raw()->sizes()[1]) {
    for (int d = 2; d < x.rank(); ++d) inner *= x.raw()->sizes()[d];
  }
  std::int64_t count() const { return outer * inner; }
};

/// For each channel the sums over its elements i of f(i, channel) and of g(i, channel), as `done(channel, sums)`. They are added up in short blocks, the blocks in double: float statistics stay
/// accurate over many values. The result does not depend on the number of threads.
template <class T, class F, class G, class Done>
void sum_channels(const Channels& at, F f, G g, Done done) {
  using Totals = std::array<double, 2>;
  constexpr std::int64_t kStrip = 64, kRows = 64, kRun = 512, kLanes = 32;

  // [N, C]: some neighbouring channels at a time, row by row.
  const auto sum_strip = [=](std::int64_t first, std::int64_t width) {
    Totals totals[kStrip] = {};
    for (std::int64_t n = 0; n < at.outer; n += kRows) {
      T part0[kStrip] = {}, part1[kStrip] = {};
      for (std::int64_t r = n; r < std::min(at.outer, n + kRows); ++r) {
        const std::int64_t row = r * at.channels + first;
#pragma omp simd
        for (std::int64_t j = 0; j < width; ++j) {
          part0[j] += f(row + j, first + j);
          part1[j] += g(row + j, first + j);
        }
      }
      for (std::int64_t j = 0; j < width; ++j) {
        totals[j][0] += static_cast<double>(part0[j]);
        totals[j][1] += static_cast<double>(part1[j]);
      }
    }
    for (std::int64_t j = 0; j < width; ++j) done(first + j, totals[j]);
  };

  // [N, C, *]: the same, image by image, as they stand in memory.
  const auto sum_slices = [=](std::int64_t first, std::int64_t width) {
    Totals totals[kStrip] = {};
    for (std::int64_t n = 0; n < at.outer; ++n)
      for (std::int64_t c = 0; c < width; ++c) {
        const std::int64_t begin = (n * at.channels + first + c) * at.inner;
        const std::int64_t end = begin + at.inner;
        for (std::int64_t i = begin; i < end; i += kRun) {
          const std::int64_t stop = std::min(end, i + kRun);
          T part0[kLanes] = {}, part1[kLanes] = {};
          const auto add = [&](std::int64_t from, std::int64_t lanes) {
#pragma omp simd
            for (std::int64_t l = 0; l < lanes; ++l) {
              part0[l] += f(from + l, first + c);
              part1[l] += g(from + l, first + c);
            }
          };
          std::int64_t k = i;
          for (; k + kLanes <= stop; k += kLanes) add(k, kLanes);
          add(k, stop - k);
          for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
            for (std::int64_t l = 0; l < half; ++l) {
              part0[l] += part0[l + half];
              part1[l] += part1[l + half];
            }
          totals[c][0] += static_cast<double>(part0[0]);
          totals[c][1] += static_cast<double>(part1[0]);
        }
      }
    for (std::int64_t c = 0; c < width; ++c) done(first + c, totals[c]);
  };

  if (at.inner == 1) {
    const std::int64_t strips = (at.channels + kStrip - 1) / kStrip;
    const std::int64_t grain = 1 + 2 * kGrain / (1 + at.outer * kStrip);
    parallel_for(strips, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = begin; s < end; ++s)
        sum_strip(s * kStrip, std::min(kStrip, at.channels - s * kStrip));
    });
  } else {
    const std::int64_t grain = 1 + 2 * kGrain / (1 + at.count());
    parallel_for(at.channels, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; c += kStrip) sum_slices(c, std::min(kStrip, end - c));
    });
  }
}

/// out[i] = f(i, channel of i)
template <class T, class F>
void map_channels(const Channels& at, T* out, F f) {
  if (at.inner == 1) {
    parallel_for(
        at.outer, 1 + kGrain / (1 + at.channels), [=](std::int64_t begin, std::int64_t end) {
          for (std::int64_t n = begin; n < end; ++n) {
            const std::int64_t row = n * at.channels;
#pragma omp simd
            for (std::int64_t c = 0; c < at.channels; ++c) out[row + c] = f(row + c, c);
          }
        });
    return;
  }
  parallel_for(at.outer * at.channels,
               1 + kGrain / (1 + at.inner),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t s = begin; s < end; ++s) {
                   const std::int64_t c = s % at.channels;
#pragma omp simd
                   for (std::int64_t i = s * at.inner; i < (s + 1) * at.inner; ++i)
                     out[i] = f(i, c);
                 }
               });
}

template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
/// y = (x - mean) factor + offset; `center`, `factor` and `offset` are one number a channel.
template <class T>
void normalise(const Channels& at,
               const T* x,
               const T* center,
               const T* factor,
               const Tensor& weight,
               const Tensor& bias,
               T* y) {
  const Tensor w = dense(weight), b = dense(bias);
  const T *scale = data_or_null<T>(w), *shift = data_or_null<T>(b);
  Tensor table = empty({2, at.channels}, dtype_of<T>);
  T *a = table.mutable_data<T>(), *c = a + at.channels;
  for (std::int64_t i = 0; i < at.channels; ++i) {
    a[i] = scale != nullptr ? factor[i] * scale[i] : factor[i];
    c[i] = shift != nullptr ? shift[i] : T(0);
  }
  map_channels(
      at, y, [=](std::int64_t i, std::int64_t k) { return (x[i] - center[k]) * a[k] + c[k]; });
}

/// The gradients of x, weight and bias as far as wanted; `slots` are their places. With statistics of the batch
/// the mean and the part along (x - mean) leave g.
Cotangents fused_gradients(const Pullback& p,
                           const Tensor& mean,
                           const Tensor& inverse,
                           const Tensor& weight,
                           std::array<int, 2> slots,
                           bool of_batch) {
  Cotangents result(static_cast<std::size_t>(p.arity()));
  const int at_weight = slots[0], at_bias = slots[1];
  const bool need_x = p.needs(0), need_w = p.needs(at_weight), need_b = p.needs(at_bias);
  const Tensor x = dense(p.in(0)), g = dense(p.g), w = dense(weight);
  const Channels at(g);
  const DType dtype = g.dtype();
  if (need_x) result[0] = empty_like(g);
  if (need_w) result[at_weight] = empty({at.channels}, dtype);
  if (need_b) result[at_bias] = empty({at.channels}, dtype);
  dispatch_floating(dtype, [&]<class T>() {
    const T *in = x.data<T>(), *gs = g.data<T>(), *m = mean.data<T>(), *r = inverse.data<T>();
    const T* scale = data_or_null<T>(w);
    Tensor table = empty({3, at.channels}, dtype);
    T *a = table.mutable_data<T>(), *b = a + at.channels, *c = b + at.channels;
    T* dw = need_w ? result[at_weight].template mutable_data<T>() : nullptr;
    T* db = need_b ? result[at_bias].template mutable_data<T>() : nullptr;
    const auto n = static_cast<double>(at.count());
    // dx = a g + b (x - mean) + c
    const auto finish = [=](std::int64_t k, const std::array<double, 2>& sums) {
      const auto inverse_std = static_cast<double>(r[k]);
      if (dw != nullptr) dw[k] = static_cast<T>(sums[1] * inverse_std);
      if (db != nullptr) db[k] = static_cast<T>(sums[0]);
      const double factor =
          scale != nullptr ? inverse_std * static_cast<double>(scale[k]) : inverse_std;
      a[k] = static_cast<T>(factor);
      b[k] = static_cast<T>(-factor * inverse_std * inverse_std * sums[1] / n);
      c[k] = static_cast<T>(-factor * sums[0] / n);
    };
    if (of_batch || need_w || need_b) {
      sum_channels<T>(
          at,
          [=](std::int64_t i, std::int64_t) { return gs[i]; },
          [=](std::int64_t i, std::int64_t k) { return gs[i] * (in[i] - m[k]); },
          finish);
    } else {
      for (std::int64_t k = 0; k < at.channels; ++k) finish(k, {});
    }
    if (!need_x) return;
    T* dx = result[0].template mutable_data<T>();
    if (of_batch)
      map_channels(at, dx, [=](std::int64_t i, std::int64_t k) {
        return a[k] * gs[i] + (b[k] * (in[i] - m[k]) + c[k]);
      });
    else
      map_channels(at, dx, [=](std::int64_t i, std::int64_t k) { return a[k] * gs[i]; });
  });
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
    const Channels at(x);
    Tensor y = empty_like(x), mean = empty({at.channels}, x.dtype()), var = empty_like(mean),
           inverse = empty_like(mean);
    dispatch_floating(x.dtype(), [&]<class T>() {
      const T* in = x.data<T>();
      T *m = mean.mutable_data<T>(), *v = var.mutable_data<T>(), *r = inverse.mutable_data<T>();
      const auto n = static_cast<double>(at.count());
      sum_channels<T>(
          at,
          [=](std::int64_t i, std::int64_t) { return in[i]; },
          [](std::int64_t, std::int64_t) { return T(0); },
          [=](std::int64_t k, const std::array<double, 2>& sums) {
            m[k] = static_cast<T>(sums[0] / n);
          });
      sum_channels<T>(
          at,
          [=](std::int64_t i, std::int64_t k) { return in[i] - m[k]; },
          [=](std::int64_t i, std::int64_t k) { return (in[i] - m[k]) * (in[i] - m[k]); },
          [=, e = eps](std::int64_t k, const std::array<double, 2>& sums) {
            // The first sum is what rounding the mean has left.
            const double squares = std::max(0.0, sums[1] - sums[0] * sums[0] / n);
            v[k] = static_cast<T>(squares / (n - 1));
            r[k] = static_cast<T>(1 / std::sqrt(squares / n + e));
          });
      normalise<T>(at, in, m, r, weight, bias, y.mutable_data<T>());
    });
    return {y, mean, var, inverse};
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
      .name = "batch_norm_eval",
      .arity = 5,
      .saves = Saves::input0 | Saves::input1 | Saves::input2 | Saves::input3};

  Tensor forward(const Tensor& input,
                 const Tensor& mean,
                 const Tensor& var,
                 const Tensor& weight,
                 const Tensor& bias) const {
    const Tensor x = dense(input), m = dense(mean), r = inverse_std(var);
    Tensor y = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      normalise<T>(
          Channels(x), x.data<T>(), m.data<T>(), r.data<T>(), weight, bias, y.mutable_data<T>());
    });
    return y;
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
    fail<ShapeError>(
        op, fmt::format("expected input [N, C, *], got {}", to_string(x->shape())), x.site);
  if (!(eps >= 0))
    fail<ArgumentError>(op, fmt::format("expected eps of 0 or more, got {}", eps), x.site);
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
  if (const std::int64_t n = Channels(x).count(); n < 2)
    fail<ArgumentError>(
        "batch_norm",
        fmt::format("expected at least 2 values a channel in training, got {} in {}",
                    n,
                    to_string(x->shape())),
        x.site);
  BatchNorm op;
  op.eps = eps;
  op.has_weight = weight.defined();
  Tensors results = apply(op, x, weight, bias);
  return {std::move(results[0]), std::move(results[1]), std::move(results[2])};
}

Tensor batch_norm_eval(Arg x,
                       const Tensor& mean,
                       const Tensor& var,
                       const Tensor& weight,
                       const Tensor& bias,
                       double eps) {
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
  const auto affine = [](std::span<const Tensor> in) {
    return batch_norm_eval(in[0], in[1], in[2], in[3], in[4]);
  };
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
      {"batch_norm", &op_class<BatchNorm>, batch_norm_examples},
      {"batch_norm_eval", &op_class<BatchNormEval>, batch_norm_eval_examples},
      softmax_entry(),
      log_softmax_entry(),
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
