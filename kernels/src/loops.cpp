#include "gradus/kernels/loops.h"

#include "gradus/tensor/error.h"

namespace gradus::kernels {

void check_one_shape(const Tensor& a, const Tensor& b) {
  detail::TensorImpl *p = a.impl(), *q = b.impl();
  if (p->rank != q->rank || !std::equal(p->sizes(), p->sizes() + p->rank, q->sizes()))
    detail::fail<ShapeError>(
        "elementwise", "expected inputs of one shape, got " + to_string(a.shape()) + " and " + to_string(b.shape()));
}

}  // namespace gradus::kernels
