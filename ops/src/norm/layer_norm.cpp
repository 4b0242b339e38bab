#include "family.h"

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

/// Rows x [M, n] in units of their spread: (x - m) / sqrt(mean((x - m)^2) + eps), m being the mean, or 0 if not
/// centred. The result is followed by m and the inverse of the root [M].
struct RowNorm : Op {
  static constexpr OpInfo info{.name = "row_norm", .saves = Saves::input0 | Saves::extras, .flops = 8};
  double eps = 1e-5;
  bool centred = true;
  template <class V>
  void visit(V&& v) const {
    v("eps", eps);
    v("centred", centred);
  }

  Tensors forward(const Tensor& input) const {
    check_rank(info.name, input, 2);
    const Tensor x = dense(input);
    const std::int64_t rows = x.size(0), n = x.size(1);
    Tensor y = empty_like(x), mean = empty({rows}, x.dtype()), inverse = empty({rows}, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::normalise_rows(
          rows, n, eps, centred, x.data<T>(), y.mutable_data<T>(), mean.mutable_data<T>(), inverse.mutable_data<T>());
    });
    return {y, mean, inverse};
  }

  Cotangents vjp(const Pullback& p) const {
    if (!is_recording()) return {fused(dense(p.g), dense(p.in(0)), p.out(1), p.out(2))};
    const Tensor x = p.in(0), d = centred ? sub(x, gradus::mean(x, 1, true)) : x;
    const Tensor r = rsqrt(add(gradus::mean(square(d), 1, true), eps)), unit = mul(d, r);
    const Tensor along = mul(unit, gradus::mean(mul(p.g, unit), 1, true));
    Tensor g = sub(p.g, along);
    if (centred) g = sub(g, gradus::mean(p.g, 1, true));
    return {mul(g, r)};
  }

 private:
  Tensor fused(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& inverse) const {
    const std::int64_t rows = x.size(0), n = x.size(1);
    Tensor dx = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      normalise_rows_gradient(
          rows, n, centred, g.data<T>(), x.data<T>(), mean.data<T>(), inverse.data<T>(), dx.mutable_data<T>());
    });
    return dx;
  }
};

/// x normalised in rows of n elements, in its own shape.
Tensor normalise_rows(const char* op, Arg x, std::int64_t n, double eps, bool centred) {
  if (!(eps >= 0)) fail<ArgumentError>(op, fmt::format("expected eps >= 0, got {}", eps), x.site);
  RowNorm rows;
  rows.eps = eps;
  rows.centred = centred;
  const Tensor flat = reshape(x, {x->numel() / n, n});
  return reshape(apply(rows, Arg(flat, x.site))[0], x->shape());
}

/// y = x weight + bias, both [*shape] broadcast; either may be undefined.
Tensor affine(const char* op,
              Arg x,
              const Tensor& y,
              const Tensor& weight,
              const Tensor& bias,
              const Shape& expected,
              const Shape& shape) {
  const auto check = [&](const char* what, const Tensor& t) {
    if (!t.defined()) return;
    check_same_dtype(op, x, t);
    if (t.shape() != expected)
      fail<ShapeError>(
          op, fmt::format("expected a {} {}, got {}", what, to_string(expected), to_string(t.shape())), x.site);
  };
  check("weight", weight);
  check("bias", bias);
  const Tensor scaled = weight.defined() ? mul(y, reshape(weight, shape)) : y;
  return bias.defined() ? add(scaled, reshape(bias, shape)) : scaled;
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
  Shape shape{1, channels};
  std::int64_t inner = 1;
  for (int d = 2; d < x->rank(); ++d) {
    shape.push_back(1);
    inner *= x->size(d);
  }
  const std::int64_t n = channels / groups * inner;
  if (n == 0) fail<ShapeError>(op, fmt::format("expected groups with elements, got {}", to_string(x->shape())), x.site);
  return affine(op, x, normalise_rows(op, x, n, eps, true), weight, bias, {channels}, shape);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor layer_norm(Arg x, const Shape& normalized, const Tensor& weight, const Tensor& bias, double eps) {
  const std::int64_t n = check_normalized("layer_norm", x, normalized);
  const SitePin pin(x.site);
  const Tensor y = normalise_rows("layer_norm", x, n, eps, true);
  return affine("layer_norm", x, y, weight, bias, normalized, normalized);
}

Tensor rms_norm(Arg x, const Shape& normalized, const Tensor& weight, double eps) {
  const std::int64_t n = check_normalized("rms_norm", x, normalized);
  const SitePin pin(x.site);
  const Tensor y = normalise_rows("rms_norm", x, n, eps, false);
  return affine("rms_norm", x, y, weight, {}, normalized, normalized);
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
  static const auto table =
      typed<>(layer_norm_examples(),
              {{"row_norm",
                &op_class<RowNorm>,
                {"x̂ = (x - m) / √(v + ε) in each row", "(g - mean g - x̂ mean(g x̂)) / √(v + ε)"},
                [] {
                  return std::vector<Example>{{"", {{{3, 4}}}, [](In in) { return apply(RowNorm{}, in[0])[0]; }},
                                              {"not centred", {{{2, 20}}}, [](In in) {
                                                 RowNorm op;
                                                 op.centred = false;
                                                 return apply(op, in[0])[0];
                                               }}};
                }}});
  return table;
}

}  // namespace detail
}  // namespace gradus
