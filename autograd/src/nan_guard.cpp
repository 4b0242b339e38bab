#include "gradus/autograd/nan_guard.h"

#include "gradus/tensor/runtime.h"
#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace gradus {
namespace {

/// Where the first NaN (or infinity) stands in row-major order, as "nan at [0, 2]"; nothing if there is none.
std::optional<std::string> find_bad(const Tensor& x, bool infinity) {
  if (!x.defined() || !is_floating(x.dtype())) return {};
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() -> std::optional<std::string> {
    const T* begin = dense.data<T>();
    const T* end = begin + dense.numel();
    // x - x is 0 unless x is not finite; this loop is quick, and almost always all there is.
    bool all = true;
    for (const T* p = begin; p != end; ++p) all &= *p - *p == 0;
    if (all) return {};
    const T* at = std::find_if(begin, end, [&](T v) { return std::isnan(v) || (infinity && std::isinf(v)); });
    if (at == end) return {};
    Shape index = x.shape();
    std::int64_t place = at - begin;
    for (int d = x.rank() - 1; d >= 0; --d) {
      index[d] = place % x.size(d);
      place /= x.size(d);
    }
    return fmt::format("{} at {}", *at, to_string(index));
  });
}

}  // namespace

void NanGuard::end(const detail::OpCall& call) {
  const char* name = call.op.info.name;
  // A rule is seen as an op from the cotangent of the result to those of the inputs.
  const bool rule = detail::context.backward_of == name;
  const std::size_t most = rule ? call.outputs.size() : static_cast<std::size_t>(call.op.info.outputs);
  for (std::size_t k = 0; k < std::min(most, call.outputs.size()); ++k) {
    const auto bad = find_bad(call.outputs[k], options_.infinity);
    if (!bad) continue;
    for (const Tensor* x : call.inputs)
      if (find_bad(*x, options_.infinity)) return;
    if (rule)
      detail::fail<GradientError>(
          name,
          fmt::format("expected its rule to give finite cotangents, got {} in that of input {}", *bad, k),
          call.site);
    detail::fail<ArgumentError>(
        name, fmt::format("expected a finite result of finite inputs, got {}", *bad), call.site);
  }
}

}  // namespace gradus
