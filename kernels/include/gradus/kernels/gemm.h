#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// Who computes a matrix product. `automatic` chooses by dtype, size and what was compiled in.
enum class GemmBackend : std::uint8_t { automatic, loops, eigen, dnnl, openblas };

/// dnnl only where it was compiled in, and for float alone; openblas only where it is installed.
template <class T>
bool has_gemm_backend(GemmBackend backend);

/// c = alpha op(a) op(b) + beta c, all row-major; op transposes where asked. op(a) is [m, k], op(b) [k, n],
/// c [m, n] without overlap; `ld*` are the distances between stored rows. With beta 0, c is not read. When
/// deterministic, the result does not depend on the number of threads. T is float or double.
template <class T>
void gemm(bool transpose_a,
          bool transpose_b,
          std::int64_t m,
          std::int64_t n,
          std::int64_t k,
          T alpha,
          const T* a,
          std::int64_t lda,
          const T* b,
          std::int64_t ldb,
          T beta,
          T* c,
          std::int64_t ldc,
          GemmBackend backend = GemmBackend::automatic);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
