#include "gradus/kernels/lapack.h"

#include "openblas.h"

#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

// LAPACK's matrices stand column by column, so it is shown transposes: lower triangles are upper ones there, u and v^T
// change places.

namespace gradus::kernels {
using namespace detail;

namespace {

/// What each call needs: the functions, and one thread.
struct Call {
  const OpenBlas& blas = *openblas();
  ThreadLimit openmp{1};
  OneBlasThread own{blas};
};

/// Of as many numbers as LAPACK said, which may be rounded down.
template <class T>
std::vector<T> workspace(T wanted) {
  return std::vector<T>(static_cast<std::size_t>(static_cast<double>(wanted) * (1 + 0x1p-20)) + 1);
}

}  // namespace

bool has_lapack(std::int64_t largest) {
  constexpr std::int64_t limit = 1 << 14;  // the workspace of svd, 4 n^2, is counted in 32 bits
  return largest <= limit && openblas() != nullptr;
}

template <class T>
void lapack_lu(std::int64_t n, T* a, std::int64_t* order) {
  const Call call;
  const int size = static_cast<int>(n);
  int info = 0;
  std::vector<int> swaps(static_cast<std::size_t>(n));  // with which row, counted from 1, in turn
  call.blas.of<T>().getrf(&size, &size, a, &size, swaps.data(), &info);
  std::iota(order, order + n, std::int64_t{0});
  for (std::int64_t i = 0; i < n; ++i) std::swap(order[i], order[swaps[static_cast<std::size_t>(i)] - 1]);
}

template <class T>
bool lapack_cholesky(std::int64_t n, T* a) {
  const Call call;
  const int size = static_cast<int>(n);
  int info = 0;
  call.blas.of<T>().potrf("U", &size, a, &size, &info, 1);
  return info == 0;
}

template <class T>
void lapack_triangular_solve(
    Triangle triangle, bool transpose, bool unit, std::int64_t n, std::int64_t k, const T* a, T* b) {
  const Call call;
  const int rows = static_cast<int>(n), columns = static_cast<int>(k);
  call.blas.of<T>().trsm(kRowMajor,
                         kLeft,
                         triangle == Triangle::upper ? kUpper : kLower,
                         transpose ? kTransposed : kPlain,
                         unit ? kUnit : kNonUnit,
                         rows,
                         columns,
                         T(1),
                         a,
                         rows,
                         b,
                         columns);
}

template <class T>
bool lapack_svd(std::int64_t m, std::int64_t n, T* a, T* u, T* values, T* vt) {
  const Call call;
  const int rows = static_cast<int>(n), columns = static_cast<int>(m), k = std::min(rows, columns);
  std::vector<int> integers(static_cast<std::size_t>(8 * k));
  int info = 0;
  const auto run = [&](T* work, int size) {
    call.blas.of<T>().gesdd(
        "S", &rows, &columns, a, &rows, values, vt, &rows, u, &k, work, &size, integers.data(), &info, 1);
  };
  T wanted = 0;
  run(&wanted, -1);
  std::vector<T> work = workspace(wanted);
  run(work.data(), static_cast<int>(work.size()));
  return info == 0;
}

template <class T>
bool lapack_eigh(std::int64_t n, T* a, T* values) {
  const Call call;
  const int size = static_cast<int>(n);
  int info = 0;
  const auto run = [&](T* work, int count, int* integers, int integer_count) {
    call.blas.of<T>().syevd("V", "U", &size, a, &size, values, work, &count, integers, &integer_count, &info, 1, 1);
  };
  T wanted = 0;
  int wanted_integers = 0;
  run(&wanted, -1, &wanted_integers, -1);
  std::vector<T> work = workspace(wanted);
  std::vector<int> integers(static_cast<std::size_t>(wanted_integers));
  run(work.data(), static_cast<int>(work.size()), integers.data(), wanted_integers);
  return info == 0;
}

#define GRADUS_LAPACK(T)                                                                                               \
  template GRADUS_EXPORT void lapack_lu(std::int64_t, T*, std::int64_t*);                                              \
  template GRADUS_EXPORT bool lapack_cholesky(std::int64_t, T*);                                                       \
  template GRADUS_EXPORT void lapack_triangular_solve(Triangle, bool, bool, std::int64_t, std::int64_t, const T*, T*); \
  template GRADUS_EXPORT bool lapack_svd(std::int64_t, std::int64_t, T*, T*, T*, T*);                                  \
  template GRADUS_EXPORT bool lapack_eigh(std::int64_t, T*, T*);
GRADUS_LAPACK(float)
GRADUS_LAPACK(double)
#undef GRADUS_LAPACK

}  // namespace gradus::kernels
