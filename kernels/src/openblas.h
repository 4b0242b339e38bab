#pragma once

#include <cstddef>

// OpenBLAS, which is loaded when it is first needed, where it is installed (decision 0021).

namespace gradus::kernels {

/// The functions for one element type: CBLAS's, and LAPACK's as Fortran has them.
template <class T>
struct BlasOf {
  using Size = const int*;
  void (*gemm)(int order, int ta, int tb, int m, int n, int k, T, const T* a, int, const T* b, int, T, T* c, int);
  void (*trsm)(int order, int side, int triangle, int ta, int unit, int m, int n, T, const T* a, int, T* b, int);
  void (*getrf)(Size m, Size n, T* a, Size, int* pivots, int* info);
  void (*potrf)(const char* triangle, Size n, T* a, Size, int* info, std::size_t);
  void (*gesdd)(
      const char*, Size m, Size n, T* a, Size, T* s, T* u, Size, T* vt, Size, T*, Size, int*, int*, std::size_t);
  void (*syevd)(
      const char*, const char*, Size n, T* a, Size, T* w, T*, Size, int*, Size, int*, std::size_t, std::size_t);
};

/// CBLAS's enumerations.
constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112, kUpper = 121, kLower = 122, kNonUnit = 131, kUnit = 132,
              kLeft = 141;

struct OpenBlas {
  BlasOf<float> float32;
  BlasOf<double> float64;
  bool avx512;  // its kernels use it: recent AMD processors are taken for older ones
  bool own_threads;
  int (*get_num_threads)();
  void (*set_num_threads)(int);

  template <class T>
  const BlasOf<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float))
      return float32;
    else
      return float64;
  }
};

/// Null where it was not compiled in, is not installed or lacks LAPACK.
const OpenBlas* openblas();

/// While it lives, calls of OpenBLAS use their caller's thread alone: who needs several divides the work himself.
class OneBlasThread {
 public:
  explicit OneBlasThread(const OpenBlas& blas);
  ~OneBlasThread();
  OneBlasThread(const OneBlasThread&) = delete;
  OneBlasThread& operator=(const OneBlasThread&) = delete;

 private:
  const OpenBlas& blas_;
};

}  // namespace gradus::kernels
