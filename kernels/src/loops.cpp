#include "gradus/kernels/loops.h"

#include "gradus/tensor/error.h"

#include <cstdlib>

namespace gradus::kernels {

void check_one_shape(const Tensor& a, const Tensor& b) {
  detail::TensorImpl *p = a.impl(), *q = b.impl();
  if (p->rank != q->rank || !std::equal(p->sizes(), p->sizes() + p->rank, q->sizes()))
    detail::fail<ShapeError>(
        "elementwise", "expected inputs of one shape, got " + to_string(a.shape()) + " and " + to_string(b.shape()));
}

bool is_transposed(const Tensor& x) {
  const Shape sizes = x.shape(), strides = x.strides();
  int last = sizes.rank() - 1;
  while (last > 0 && sizes[last] == 1) --last;
  for (int d = 0; d < last; ++d)
    if (sizes[d] > 1 && strides[d] != 0 && std::abs(strides[d]) < std::abs(strides[last])) return true;
  return false;
}

}  // namespace gradus::kernels
