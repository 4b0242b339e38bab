#include "gradus/ops/lambda.h"

#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <cstring>
#include <deque>
#include <mutex>

namespace gradus::detail {

const OpClass* lambda_class(const OpClass& prototype, const char* name) {
  struct Known {
    std::string name;
    OpClass op;
  };
  static std::mutex mutex;
  static auto* const known = new std::deque<Known>;  // nodes may outlive static destructors
  const std::scoped_lock lock(mutex);
  for (const Known& k : *known)
    if (k.op.forward == prototype.forward && k.name == name) return &k.op;
  Known& added = known->emplace_back(Known{name, prototype});
  added.op.info.name = added.name.c_str();
  return &added.op;
}

Tensors match_lambda(const char* name, std::span<const Tensor* const> inputs, CallSite site) {
  const SitePin pin(site);
  const Tensor& first = *inputs[0];
  DType dtype = first.dtype();
  bool same = true;
  for (const Tensor* x : inputs) {
    dtype = promote(dtype, x->dtype());
    same = same && same_layout(first, *x);
  }
  if (!is_floating(dtype))
    fail<DTypeError>(
        name, fmt::format("expected float32 or float64, got {}", to_string(dtype)), site);
  Tensors result;
  if (same) {
    for (const Tensor* x : inputs) result.push_back(*x);
    return result;
  }
  Shape shape = first.shape();
  for (const Tensor* x : inputs) shape = broadcast_shapes(shape, x->shape(), name);
  for (const Tensor* x : inputs) {
    Tensor y = x->dtype() == dtype ? *x : to(*x, dtype);
    result.push_back(y.shape() == shape ? y : broadcast_to(y, shape));
  }
  return result;
}

void fail_lambda_order(const char* name) {
  fail<GradientError>(name,
                      fmt::format("expected derivatives of an elementwise lambda up to order {}, "
                                  "got one of order {} (an op "
                                  "with a rule has all orders)",
                                  kLambdaOrder,
                                  kLambdaOrder + 1));
}

Tensor apply_lambda(const OpClass& op_class,
                    const void* op,
                    bool wanted,
                    std::span<const Tensor* const> inputs,
                    CallSite site) {
  const Watched watched;
  Tensors list;
  for (const Tensor* x : inputs) list.push_back(*x);
  Tensors results = [&] {
    const ForwardGuard guard(site);
    return op_class.forward(op, list);
  }();
  if (wanted && is_recording())
    record(op_class, op, inputs, {results.begin(), results.size()}, site);
  if (watched) watched.end({op_class, op, inputs, span_of(results), site});
  return results[0];
}

}  // namespace gradus::detail
