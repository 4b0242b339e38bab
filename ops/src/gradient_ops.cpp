#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/gradient.h"
#include "gradus/ops/reduce.h"

#include <cmath>

namespace gradus {
namespace {

struct StopGradient : Op {
  static constexpr OpInfo info{.name = "stop_gradient", .differentiable = false, .flops = 0};
  Tensor forward(const Tensor& x) const { return detach(x); }
};

struct ScaleGradient : Op {
  static constexpr OpInfo info{.name = "scale_gradient", .flops = 0};
  double factor = 1;
  Tensor forward(const Tensor& x) const { return detach(x); }
  Cotangents vjp(const Pullback& p) const { return {p.g * factor}; }
  template <class V>
  void visit(V&& v) const {
    v("factor", factor);
  }
};

struct ClipGradient : Op {
  static constexpr OpInfo info{.name = "clip_gradient", .flops = 0};
  double low = 0, high = 0;
  Tensor forward(const Tensor& x) const { return detach(x); }
  Cotangents vjp(const Pullback& p) const { return {clamp(p.g, low, high)}; }
  template <class V>
  void visit(V&& v) const {
    v("low", low);
    v("high", high);
  }
};

struct ClipGradientNorm : Op {
  static constexpr OpInfo info{.name = "clip_gradient_norm", .flops = 0};
  double max_norm = 1;
  Tensor forward(const Tensor& x) const { return detach(x); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor size = norm(p.g), large = greater(size, max_norm);
    return {where(large, p.g / clamp(size, max_norm) * max_norm, p.g)};
  }
  template <class V>
  void visit(V&& v) const {
    v("max_norm", max_norm);
  }
};

}  // namespace

Tensor stop_gradient(Arg x) {
  detail::check_floating("stop_gradient", x);
  return apply(StopGradient{}, x);
}

Tensor scale_gradient(Arg x, double factor) {
  detail::check_floating("scale_gradient", x);
  if (!std::isfinite(factor))
    detail::fail<ArgumentError>("scale_gradient", fmt::format("expected a finite factor, got {}", factor), x.site);
  return apply(ScaleGradient{{}, factor}, x);
}

Tensor clip_gradient(Arg x, double low, double high) {
  detail::check_floating("clip_gradient", x);
  if (!(low <= high))
    detail::fail<ArgumentError>("clip_gradient", fmt::format("expected low <= high, got {} and {}", low, high), x.site);
  return apply(ClipGradient{{}, low, high}, x);
}

Tensor clip_gradient_norm(Arg x, double max_norm) {
  detail::check_floating("clip_gradient_norm", x);
  if (!(max_norm > 0))
    detail::fail<ArgumentError>("clip_gradient_norm", fmt::format("expected max_norm > 0, got {}", max_norm), x.site);
  return apply(ClipGradientNorm{{}, max_norm}, x);
}

namespace detail {

std::span<const OpEntry> gradient_ops() {
  using In = std::span<const Tensor>;
  static constexpr auto examples = [](Tensor (*call)(In), bool elementwise = true) {
    return std::vector<Example>{{"", {{{2, 3}}}, call, elementwise, false}, {"rank 0", {{{}}}, call, false, false}};
  };
  static const OpEntry table[] = {
      {"stop_gradient",
       &op_class<StopGradient>,
       {"x"},
       [] { return examples([](In in) { return stop_gradient(in[0]); }); }},
      {"scale_gradient",
       &op_class<ScaleGradient>,
       {"x", "c g"},
       [] { return examples([](In in) { return scale_gradient(in[0], -0.5); }); }},
      {"clip_gradient",
       &op_class<ClipGradient>,
       {"x", "min(max(g, low), high)"},
       [] { return examples([](In in) { return clip_gradient(in[0], -1, 0.5); }); }},
      {"clip_gradient_norm",
       &op_class<ClipGradientNorm>,
       {"x", "g min(1, max_norm / |g|)"},
       [] { return examples([](In in) { return clip_gradient_norm(in[0], 0.5); }, false); }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
