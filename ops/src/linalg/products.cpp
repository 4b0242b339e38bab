// Products made of matmul and other public ops.

#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

/// ShapeError, naming what was expected, unless it `fits`.
void check_shapes(const char* op, bool fits, const char* expected, Arg a, const Tensor& b) {
  if (!fits)
    fail<ShapeError>(
        op, fmt::format("expected {}, got {} and {}", expected, to_string(a->shape()), to_string(b.shape())), a.site);
}

void check_matrices(const char* op, int rank, Arg a, const Tensor& b) {
  check_floating(op, a);
  check_same_dtype(op, a, b);
  bool fits = a->rank() == rank && b.rank() == rank && a->shape().back() == b.shape()[rank - 2];
  if (rank == 3) fits = fits && a->shape()[0] == b.shape()[0];
  check_shapes(op, fits, rank == 3 ? "[b, m, k] and [b, k, n]" : "[m, k] and [k, n]", a, b);
}

void check_vectors(const char* op, bool one_size, Arg a, const Tensor& b) {
  const bool fits = a->rank() == 1 && b.rank() == 1 && (!one_size || a->shape()[0] == b.shape()[0]);
  check_shapes(op, fits, one_size ? "two vectors of one size" : "two vectors", a, b);
}

Tensor add_product(const char* op, int rank, Arg c, const Tensor& a, const Tensor& b, double alpha, double beta) {
  const SitePin pin(c.site);
  check_matrices(op, rank, Arg(a, c.site), b);
  check_same_dtype(op, c, a);
  Shape shape = a.shape();
  shape[rank - 1] = b.shape().back();
  bool fits = c->rank() <= rank;
  for (int d = 1; fits && d <= c->rank(); ++d) {
    const std::int64_t n = c->shape()[c->rank() - d];
    fits = n == 1 || n == shape[rank - d];
  }
  if (!fits)
    fail<ShapeError>(
        op,
        fmt::format("expected a first tensor that broadcasts to {}, got {}", to_string(shape), to_string(c->shape())),
        c.site);
  Tensor y = matmul(a, b);
  if (alpha != 1) y = y * alpha;
  if (beta == 0) return y;
  return y + (beta == 1 ? c.tensor : c * beta);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor bmm(Arg a, const Tensor& b) {
  check_matrices("bmm", 3, a, b);
  return matmul(a, b);
}

Tensor addmm(Arg c, const Tensor& a, const Tensor& b, double alpha, double beta) {
  return add_product("addmm", 2, c, a, b, alpha, beta);
}

Tensor baddbmm(Arg c, const Tensor& a, const Tensor& b, double alpha, double beta) {
  return add_product("baddbmm", 3, c, a, b, alpha, beta);
}

Tensor mv(Arg a, const Tensor& x) {
  check_shapes("mv", a->rank() == 2 && x.rank() == 1 && a->shape()[1] == x.shape()[0], "[m, n] and [n]", a, x);
  return matmul(a, x);
}

Tensor dot(Arg a, const Tensor& b) {
  check_vectors("dot", true, a, b);
  return matmul(a, b);
}

Tensor outer(Arg a, const Tensor& b) {
  const SitePin pin(a.site);
  check_vectors("outer", false, a, b);
  return unsqueeze(a, 1) * b;
}

Tensor trace(Arg x) {
  if (x->rank() < 2) fail<ShapeError>("trace", "expected [*, m, n], got " + to_string(x->shape()), x.site);
  const SitePin pin(x.site);
  return sum(diagonal(x, 0, -2, -1), -1);
}

Tensor kron(Arg a, const Tensor& b) {
  const SitePin pin(a.site);
  const int rank = std::max(a->rank(), b.rank());
  check_shapes("kron", 2 * rank <= kMaxRank, "tensors of rank 4 or less", a, b);
  Shape left, right, result;
  for (int d = rank; d > 0; --d) {
    const std::int64_t m = d > a->rank() ? 1 : a->shape()[a->rank() - d];
    const std::int64_t n = d > b.rank() ? 1 : b.shape()[b.rank() - d];
    for (const std::int64_t size : {m, std::int64_t{1}}) left.push_back(size);
    for (const std::int64_t size : {std::int64_t{1}, n}) right.push_back(size);
    result.push_back(m * n);
  }
  return reshape(reshape(a, left) * reshape(b, right), result);
}

Tensor cross(Arg a, const Tensor& b, std::int64_t axis) {
  const SitePin pin(a.site);
  const int d = check_axis("cross", a, axis, a->rank());
  check_shapes("cross",
               a->rank() == b.rank() && a->shape()[d] == 3 && b.shape()[d] == 3,
               "tensors of one rank, of size 3 along the axis",
               a,
               b);
  return roll(a, -1, d) * roll(b, -2, d) - roll(a, -2, d) * roll(b, -1, d);
}

}  // namespace gradus
