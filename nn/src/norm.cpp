#include "gradus/nn/norm.h"

#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/conv.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

namespace gradus::nn {

using gradus::detail::fail;

namespace {

void check_eps(const char* op, double eps) {
  if (!(eps >= 0)) fail<ArgumentError>(op, fmt::format("expected eps >= 0, got {}", eps));
}

void check_normalized(const char* op, const Shape& normalized, double eps) {
  check_eps(op, eps);
  bool positive = normalized.rank() > 0;
  for (std::int64_t size : normalized) positive = positive && size > 0;
  if (!positive)
    fail<ArgumentError>(op, fmt::format("expected sizes >= 1 to normalise, got {}", to_string(normalized)));
}

}  // namespace

LayerNorm::LayerNorm(const Shape& normalized, NormOptions options) : normalized_(normalized), eps_(options.eps) {
  check_normalized("layer_norm", normalized, options.eps);
  if (!options.affine) return;
  weight = ones(normalized, options.dtype);
  bias = zeros(normalized, options.dtype);
}

RMSNorm::RMSNorm(const Shape& normalized, NormOptions options) : normalized_(normalized), eps_(options.eps) {
  check_normalized("rms_norm", normalized, options.eps);
  if (options.affine) weight = ones(normalized, options.dtype);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, NormOptions options)
    : groups_(groups), channels_(channels), eps_(options.eps) {
  check_eps("group_norm", options.eps);
  if (groups < 1 || channels < 1 || channels % groups != 0)
    fail<ArgumentError>("group_norm",
                        fmt::format("expected channels that the groups divide, got {} in {} groups", channels, groups));
  if (!options.affine) return;
  weight = ones({channels}, options.dtype);
  bias = zeros({channels}, options.dtype);
}

Tensor GroupNorm::forward(Arg x) const {
  if (x->rank() < 2 || x->size(1) != channels_)
    fail<ShapeError>("group_norm",
                     fmt::format("expected input [N, {}, *], got {}", channels_, gradus::to_string(x->shape())),
                     x.site);
  return group_norm(x, groups_, weight, bias, eps_);
}

InstanceNorm::InstanceNorm(std::int64_t channels, InstanceNormOptions options) : eps_(options.eps) {
  check_normalized("instance_norm", {channels}, options.eps);
  if (!options.affine) return;
  weight = ones({channels}, options.dtype);
  bias = zeros({channels}, options.dtype);
}

std::string GroupNorm::describe() const { return fmt::format("{} in {}", channels_, groups_); }

namespace detail {

/// The matrix [out, rest] that a weight is.
static Tensor as_matrix(const Tensor& weight) {
  return reshape(weight, {weight.size(0), weight.numel() / weight.size(0)});
}

static Axes all_but_first(const Tensor& weight) {
  Shape axes;
  for (int d = 1; d < weight.rank(); ++d) axes.push_back(d);
  return Axes(axes);
}

Parameter lengths_of_rows(const Tensor& weight) {
  return no_grad([&] { return norm(weight, 2, all_but_first(weight), true); });
}

Tensor with_lengths(const Tensor& direction, const Tensor& lengths) {
  return mul(direction, div(lengths, norm(direction, 2, all_but_first(direction), true)));
}

void power_step(const Tensor& weight, Buffer& u, Buffer& v) {
  no_grad([&] {
    const Tensor w = as_matrix(detach(weight));
    // Handles of the buffers from before keep their values: a tape may hold them.
    v = normalize(mv(transpose(w), u), 2, 0);
    u = normalize(mv(w, v), 2, 0);
  });
}

SpectralVectors spectral_vectors(const Tensor& weight, Generator& generator) {
  const Tensor w = as_matrix(detach(weight));
  SpectralVectors made;
  made.u = normalize(normal({w.size(0)}, 0, 1, w.dtype(), generator), 2, 0);
  made.v = normalize(normal({w.size(1)}, 0, 1, w.dtype(), generator), 2, 0);
  for (int i = 0; i < 15; ++i) power_step(weight, made.u, made.v);
  return made;
}

Tensor divide_by_spectral_norm(const Tensor& weight, const Tensor& u, const Tensor& v) {
  return div(weight, dot(u, mv(as_matrix(weight), v)));
}

Folded fold(const Tensor& weight, const Tensor& bias, const BatchNorm& norm) {
  const Tensor &mean = norm.running_mean, &var = norm.running_var;
  if (!mean.defined()) fail<ArgumentError>("fold", "expected a batch norm with running statistics, got one without");
  if (mean.size(0) != weight.size(0))
    fail<ShapeError>("fold",
                     fmt::format("expected a batch norm of {} features, got one of {}", weight.size(0), mean.size(0)));
  return no_grad([&] {
    // In float64: the result is rounded once.
    const auto wide = [](const Tensor& x) { return cast(detach(x), float64); };
    Tensor scale = rsqrt(add(wide(var), norm.eps()));
    if (norm.weight.defined()) scale = mul(scale, wide(norm.weight));
    Tensor shift = mul(neg(wide(mean)), scale);
    if (bias.defined()) shift = add(shift, mul(wide(bias), scale));
    if (norm.bias.defined()) shift = add(shift, wide(norm.bias));
    Shape rows(weight.shape());
    for (int d = 1; d < rows.rank(); ++d) rows[d] = 1;
    return Folded{cast(mul(wide(weight), reshape(scale, rows)), weight.dtype()), cast(shift, weight.dtype())};
  });
}

}  // namespace detail

namespace {

/// True if the layer is an M: then `into` is it and the norm.
template <class M>
bool fold_if(AnyModule& into, const BatchNorm& norm) {
  const M* layer = into.get_if<M>();
  if (layer != nullptr) into = fold(*layer, norm);
  return layer != nullptr;
}

}  // namespace

Sequential fold(const Sequential& net) {
  Sequential folded;
  for (const AnyModule& module : net) {
    const BatchNorm* norm = module.get_if<BatchNorm>();
    if (norm != nullptr && norm->running_mean.defined() && !folded.empty()) {
      AnyModule& before = folded[folded.size() - 1];
      if (fold_if<Linear>(before, *norm) || fold_if<Conv1d>(before, *norm) || fold_if<Conv2d>(before, *norm) ||
          fold_if<Conv3d>(before, *norm))
        continue;
    }
    const Sequential* inner = module.get_if<Sequential>();
    folded.push_back(inner != nullptr ? AnyModule(fold(*inner)) : clone(module));
  }
  eval(folded);
  return folded;
}

}  // namespace gradus::nn
