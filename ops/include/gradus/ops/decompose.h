#pragma once

#include "gradus/graph/arg.h"

#include <concepts>
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
/// x multiplied with itself, by repeated squaring; the inverse of that if the exponent is negative. For an exponent
/// with a fraction, the power of x's symmetric part by `spectral`: NaN for negative eigenvalues.
///   shapes    x [*, n, n], y like x
Tensor matrix_power(Arg x, std::int64_t exponent);
Tensor matrix_power(Arg x, double exponent);
template <std::integral Exponent>
Tensor matrix_power(Arg x, Exponent exponent) {
  return matrix_power(x, static_cast<std::int64_t>(exponent));
}
/// sum_k x^k / k!, of any square matrix, by scaling and squaring in double; NaN if x is not finite.
///   shapes    x [*, n, n], y like x
///   gradient  the corner [1, 2] of exp [x^T g; 0 x^T], in every order
///   source    Higham 2005, "The scaling and squaring method for the matrix exponential revisited"; Al-Mohy &
///             Higham 2009a, "Computing the Frechet derivative of the matrix exponential", equation 2.2, and 2009b,
///             "A new scaling and squaring algorithm for the matrix exponential"
Tensor matrix_exp(Arg x);
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

/// Whether the result whose gradient is taken depends on vectors of equal values through nothing but the space
/// that all of them span: u u^T for all u of one value, or a projection onto the leading ones that ends between two
/// values. Terms between equal values are then left out, which is right for such functions in every order,
/// and wrong without notice for all others, v f(w) v^T and second derivatives of f(w) among them.
struct SpectrumOptions {
  bool basis_free = false;
};

/// x = u diag(s) vh with u^T u = vh vh^T = 1 and s >= 0 in descending order. Signs are free: a function whose
/// gradient is taken must not depend on them. NaN if x is not finite.
///   shapes    x [*, m, n], u [*, m, k], s [*, k], vh [*, k, n] with k = min(m, n)
///   gradient  through s alone always finite (of equal values, or of 0, as of the vectors found). GradientError
///             where vectors of equal singular values matter, or of 0 if m != n: between values that differ by no
///             more than rounding, 4 k epsilon times the largest, vectors have no derivative. So have
///             functions of s no second one, if x moves such that they mix: use `spectral(x^T x, f)`. Between close
///             values digits are lost, epsilon / gap, in the second order epsilon / gap^2; `spectral` loses none
struct SvdResult {
  Tensor u, s, vh;
};
SvdResult svd(Arg x, const SpectrumOptions& options = {});

/// x = v diag(w) v^T with v^T v = 1 and w in ascending order, for symmetric x; its upper half is not read. Signs
/// are free, as of svd. NaN if x is not finite.
///   shapes    x [*, n, n], values [*, n], vectors [*, n, n], one a column
///   gradient  for symmetric changes. Through values alone always finite; GradientError where vectors of equal
///             eigenvalues matter, as of svd: use `spectral(x, f)` for v f(w) v^T and functions of w
struct EighResult {
  Tensor values, vectors;
};
EighResult eigh(Arg x, const SpectrumOptions& options = {});

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
