#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

// Decompositions by OpenBLAS's LAPACK, on the calling thread. Matrices are row-major without gaps and finite, of sizes
// from 1 on. T is float or double.

/// Whether the others may be called, for matrices of at most so many rows and columns: was OpenBLAS found?
bool has_lapack(std::int64_t largest);

/// a = L U P in its place: L lower, U upper with ones on its diagonal, (P x)_i = x[order[i]].
template <class T>
void lapack_lu(std::int64_t n, T* a, std::int64_t* order);

/// The lower triangle of a becomes the L with L L^T = a, the upper one stays; false if a is not positive definite.
template <class T>
bool lapack_cholesky(std::int64_t n, T* a);

/// Which half of a matrix is read.
enum class Triangle : bool { lower, upper };
/// b [n, k] becomes the x with a x = b, or a^T x = b, for that triangle of a, with ones on its diagonal if `unit`. Else
/// no number there is 0 or subnormal.
template <class T>
void lapack_triangular_solve(
    Triangle triangle, bool transpose, bool unit, std::int64_t n, std::int64_t k, const T* a, T* b);

/// a [m, n] = u diag(values) vt, values descending; u [m, k], vt [k, n] for k = min(m, n). a is overwritten. False if
/// it does not converge.
template <class T>
bool lapack_svd(std::int64_t m, std::int64_t n, T* a, T* u, T* values, T* vt);

/// The lower triangle of the symmetric a is read; its eigenvectors take its place, one a row, values ascending. False
/// if it does not converge.
template <class T>
bool lapack_eigh(std::int64_t n, T* a, T* values);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
