#pragma once

// What the families share: argument checks and table entries.

#include "gradus/graph/op.h"
#include "gradus/kernels/loops.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/runtime.h"
#include "gradus/tensor/strided.h"
#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::detail {

using namespace kernels;

// ---- checks --------------------------------------------------------------------------------------

inline void check_floating(const char* op, Arg x) {
  if (!is_floating(x->dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(x->dtype())), x.site);
}

/// For what a rule alone hands over.
inline void check_shape(const char* op, const Tensor& x, const Shape& shape) {
  if (x.shape() != shape)
    fail<ShapeError>(op, fmt::format("expected shape {}, got {}", to_string(shape), to_string(x.shape())));
}
inline void check_rank(const char* op, const Tensor& x, int rank) {
  if (x.rank() != rank) fail<ShapeError>(op, fmt::format("expected {} axes, got {}", rank, to_string(x.shape())));
}

inline void check_same_dtype(const char* op, Arg a, const Tensor& b) {
  if (a->dtype() != b.dtype())
    fail<DTypeError>(
        op,
        fmt::format("expected tensors of one dtype, got {} and {}", to_string(a->dtype()), to_string(b.dtype())),
        a.site);
}

/// normalize_axis with the caller's line.
inline int check_axis(const char* op, Arg x, std::int64_t axis, int rank) {
  const SitePin pin(x.site);
  return normalize_axis(axis, rank, op);
}

inline bool same_layout(const Tensor& a, const Tensor& b) {
  TensorImpl *p = a.impl(), *q = b.impl();
  if (p->dtype != q->dtype || p->rank != q->rank) return false;
  for (int d = 0; d < p->rank; ++d)
    if (p->sizes()[d] != q->sizes()[d]) return false;
  return true;
}

/// Two operands with one dtype and one shape, by promotion and broadcasting (recorded).
std::pair<Tensor, Tensor> match(const char* op, Arg a, const Tensor& b);
/// match, then the op.
template <class O>
Tensor apply_matched(Arg a, const Tensor& b) {
  if (same_layout(a, b)) return apply(O{}, a, b);
  const auto [x, y] = match(O::info.name, a, b);
  return apply(O{}, Arg(x, a.site), y);
}

/// A number as an element of `x`'s dtype; DTypeError where an int64 tensor would cut it off.
double check_scalar(const char* op, Arg x, double value);

// ---- in place ------------------------------------------------------------------------------------

/// op(x, rest…), which adds to x (`op.add`), in the memory of x, which nobody else sees.
template <class O, class... Rest>
Tensor apply_in_place(const O& op, Tensor x, const Rest&... rest) {
  const Tensor* const inputs[] = {&x, &rest...};
  return run_op(op_class<O>, &op, inputs, CallSite{}, [&] {
    op.add(x, rest...);
    return x;
  });
}

// ---- table entries -------------------------------------------------------------------------------

using UnaryFunction = Tensor (*)(Arg);
using BinaryFunction = Tensor (*)(Arg, const Tensor&);

/// An elementwise function of one tensor, sampled from its domain.
template <class O, UnaryFunction function>
OpEntry unary_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            return std::vector<Example>{{"",
                                         {{{2, 3}, O::info.domain}},
                                         [](std::span<const Tensor> in) { return function(in[0]); },
                                         true,
                                         O::info.differentiable}};
          }};
}

/// An elementwise function of two tensors, both sampled from the op's domain.
template <class O, BinaryFunction function, Sample::Kind kind = Sample::Kind::real>
OpEntry binary_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            return std::vector<Example>{{"",
                                         {{{2, 3}, O::info.domain, kind}, {{2, 3}, O::info.domain, kind}},
                                         [](std::span<const Tensor> in) { return function(in[0], in[1]); },
                                         true,
                                         O::info.differentiable}};
          }};
}

/// The entries, each with the type among Ops that has its name (without one, it is made of other ops),
/// then those that are complete.
template <class... Ops>
std::vector<OpEntry> typed(std::vector<OpEntry> entries, std::initializer_list<OpEntry> complete = {}) {
  for (const OpClass* op : std::initializer_list<const OpClass*>{&op_class<Ops>...}) {
    const auto row = std::find_if(entries.begin(), entries.end(), [&](const OpEntry& entry) {
      return entry.name == std::string_view(op->info.name);
    });
    if (row == entries.end()) fail<ArgumentError>(op->info.name, "expected examples of the op, got none");
    row->op = op;
  }
  entries.insert(entries.end(), complete);
  return entries;
}

}  // namespace gradus::detail
