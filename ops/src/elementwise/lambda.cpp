#include "gradus/ops/lambda.h"

#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

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
    fail<DTypeError>(name, fmt::format("expected float32 or float64, got {}", to_string(dtype)), site);
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

Tensor apply_lambda(const OpClass& op_class, const void* op, std::span<const Tensor> inputs, CallSite site) {
  return run_op(op_class, op, TensorPointers(inputs), site, [&] { return op_class.forward(op, inputs); })[0];
}

}  // namespace gradus::detail
