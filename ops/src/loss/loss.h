#pragma once

#include "family.h"

#include "gradus/kernels/sum.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/tensor.h"

namespace gradus::detail {

inline const char* to_string(Reduction reduction) {
  return reduction == Reduction::mean ? "mean" : reduction == Reduction::sum ? "sum" : "none";
}

inline Tensor reduced(const Tensor& y, Reduction reduction) {
  return reduction == Reduction::mean ? mean(y) : reduction == Reduction::sum ? sum(y) : y;
}

/// DTypeError or ShapeError unless x and target are floating and alike.
inline void check_pair(const char* op, Arg x, const Tensor& target) {
  check_floating(op, x);
  check_same_dtype(op, x, target);
  if (!same_layout(x, target))
    fail<ShapeError>(
        op,
        fmt::format("expected a target {} like the input, got {}", to_string(x->shape()), to_string(target.shape())),
        x.site);
}

/// DTypeError unless labels are int64.
inline void check_label_type(const char* op, Arg x, const Tensor& labels) {
  if (labels.dtype() != int64)
    fail<DTypeError>(op, fmt::format("expected labels of int64, got {}", to_string(labels.dtype())), x.site);
}

/// w v, and 0 where w is 0 and v infinite: what does not count hides what it would weigh.
Tensor weighted(const Tensor& w, const Tensor& v);

}  // namespace gradus::detail
