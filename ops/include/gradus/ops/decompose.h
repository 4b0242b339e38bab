#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

// Matrices taken apart, and what is made of them. Any leading dimensions * are batches.
//   errors    ShapeError unless the shapes are as said; DTypeError unless all are of one floating dtype;
//             ArgumentError for matrices that are not regular, or definite, where that is asked for. A matrix
//             counts as singular if elimination meets a pivot of exactly 0.
//   source    Giles 2008, "An extended collection of matrix derivative results"; Seeger et al. 2017, arXiv:1710.08717

/// The determinant; 1 of a matrix [0, 0].
///   shapes    x [*, n, n], y [*]
///   gradient  det(x) x^-T; the cofactors, in n^5 steps, if a matrix of the batch is singular
Tensor det(Arg x);
/// Sign and logarithm of |det(x)|: 0 and -infinity of a singular matrix. The sign takes no gradient.
///   shapes    x [*, n, n], both [*]
///   gradient  x^-T; ArgumentError for a singular matrix
struct SlogdetResult {
  Tensor sign, logabsdet;
};
SlogdetResult slogdet(Arg x);
/// log det(x); NaN where it is negative.
Tensor logdet(Arg x);

/// The inverse matrix.
///   shapes    x [*, n, n], y like x
///   gradient  -y^T g y^T
Tensor inverse(Arg x);
/// x multiplied with itself, by repeated squaring; the inverse of that if the exponent is negative.
///   shapes    x [*, n, n], y like x
Tensor matrix_power(Arg x, std::int64_t exponent);
/// y with a y = b, by elimination with pivoting.
///   shapes    a [*, n, n], b [*, n, k] or a vector [n], y like b; leading dimensions broadcast
///   gradient  u = a^-T g for b, -u y^T for a
Tensor solve(Arg a, const Tensor& b);

/// Which half of a matrix counts, if it is transposed, if 1 is put on the diagonal.
struct Triangular {
  bool upper = false, transpose = false, unit = false;
};
/// solve with a triangular matrix; the other half is not read. With `transpose`, a^T y = b.
///   errors    ArgumentError for a 0 on the diagonal
Tensor triangular_solve(Arg a, const Tensor& b, const Triangular& form = {});

/// The lower triangular matrix y with y y^T = x, for symmetric x; its upper half is not read.
///   shapes    x [*, n, n], y like x
///   gradient  for symmetric changes: that of x is symmetric too
///   errors    ArgumentError if x is not positive definite
Tensor cholesky(Arg x);

/// x = q r with q^T q = 1 and r upper triangular, by reflections (signs on r's diagonal are LAPACK's).
///   shapes    x [*, m, n], q [*, m, k], r [*, k, n] with k = min(m, n)
///   gradient  needs the first k columns of x to be independent, else ArgumentError
struct QrResult {
  Tensor q, r;
};
QrResult qr(Arg x);

/// x = u diag(s) vh with u^T u = vh vh^T = 1 and s >= 0 in descending order. Signs are free: a function whose
/// gradient is taken must not depend on them. NaN if x is not finite.
///   shapes    x [*, m, n], u [*, m, k], s [*, k], vh [*, k, n] with k = min(m, n)
///   gradient  infinite or NaN through u and vh where singular values are equal, or 0 and m != n; that through s
///             alone is always finite
struct SvdResult {
  Tensor u, s, vh;
};
SvdResult svd(Arg x);

/// x = v diag(w) v^T with v^T v = 1 and w in ascending order, for symmetric x; its upper half is not read. Signs
/// are free, as of svd. NaN if x is not finite.
///   shapes    x [*, n, n], values [*, n], vectors [*, n, n], one a column
///   gradient  for symmetric changes; infinite or NaN through vectors where eigenvalues are equal, that
///             through values alone is always finite
struct EighResult {
  Tensor values, vectors;
};
EighResult eigh(Arg x);

/// y with the smallest |a y - b|, and of these the smallest |y|, by qr: a must have full rank.
///   shapes    a [*, m, n], b [*, m, k] or a vector [m], y [*, n, k] or [n]
///   errors    ArgumentError for a 0 on the diagonal of r
Tensor lstsq(Arg a, const Tensor& b);
/// The pseudo-inverse (Moore-Penrose), by svd. Singular values up to rtol times the largest count as 0; by default
/// rtol is max(m, n) times the dtype's epsilon.
///   shapes    x [*, m, n], y [*, n, m]
///   gradient  that for changes which keep the rank (Golub & Pereyra 1973)
Tensor pinverse(Arg x, double rtol = -1);

}  // namespace gradus
GRADUS_EXPORT_END
