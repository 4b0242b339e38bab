#include "openblas.h"

#ifdef GRADUS_HAVE_OPENBLAS

#include "gradus/tensor/runtime.h"

#include <dlfcn.h>

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace gradus::kernels {
namespace {

template <class F>
bool find(void* library, const std::string& name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name.c_str()));
  return function != nullptr;
}

/// `letter` is s or d.
template <class T>
bool find_all(void* library, const std::string& letter, BlasOf<T>& f) {
  return find(library, "cblas_" + letter + "gemm", f.gemm) && find(library, "cblas_" + letter + "trsm", f.trsm) &&
         find(library, letter + "getrf_", f.getrf) && find(library, letter + "potrf_", f.potrf) &&
         find(library, letter + "gesdd_", f.gesdd) && find(library, letter + "syevd_", f.syevd);
}

std::optional<OpenBlas> load() {
  void* const library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  OpenBlas blas{};
  int (*parallel)() = nullptr;
  char* (*core)() = nullptr;
  if (library == nullptr || !find_all(library, "s", blas.float32) || !find_all(library, "d", blas.float64) ||
      !find(library, "openblas_get_num_threads", blas.get_num_threads) ||
      !find(library, "openblas_set_num_threads", blas.set_num_threads) ||
      !find(library, "openblas_get_parallel", parallel) || !find(library, "openblas_get_corename", core))
    return std::nullopt;
  blas.own_threads = parallel() == 1;  // 2 is OpenMP, which ThreadLimit bounds
  for (const std::string_view wide : std::array{"SkylakeX", "Cooperlake", "SapphireRapids"})
    blas.avx512 = blas.avx512 || wide == core();
  return blas;
}

std::mutex mutex;
int living = 0, before = 1;

}  // namespace

const OpenBlas* openblas() {
  static const std::optional<OpenBlas> blas = load();
  return blas ? &*blas : nullptr;
}

OneBlasThread::OneBlasThread(const OpenBlas& blas) : blas_(blas) {
  if (!blas.own_threads) return;
  const std::scoped_lock lock(mutex);
  if (living++ > 0) return;
  before = blas.get_num_threads();
  if (before != 1) blas.set_num_threads(1);
}

OneBlasThread::~OneBlasThread() {
  if (!blas_.own_threads) return;
  const std::scoped_lock lock(mutex);
  if (--living == 0 && before != 1) blas_.set_num_threads(before);
}

}  // namespace gradus::kernels

#else

namespace gradus::kernels {

const OpenBlas* openblas() { return nullptr; }
OneBlasThread::OneBlasThread(const OpenBlas& blas) : blas_(blas) {}
OneBlasThread::~OneBlasThread() = default;

}  // namespace gradus::kernels

#endif
