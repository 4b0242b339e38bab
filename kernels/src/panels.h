#pragma once

#include "buffer.h"

#include <cstdint>

namespace gradus::kernels {

/// The k by n matrix op(b) in the order in which products with few rows read it: made once, it serves many products,
/// where a library would bring b into its own order for each of them.
template <class T>
class Panels {
 public:
  /// op(b) is b, or with `transpose` its transpose; its rows (or columns) are `ldb` apart.
  Panels(bool transpose, std::int64_t k, std::int64_t n, const T* b, std::int64_t ldb);

  /// c = a op(b) + beta c, for a [rows, k] and c [rows, n] without gaps, on the calling thread. The bits of a row
  /// depend on that row alone.
  void multiply(std::int64_t rows, const T* a, T beta, T* c) const;

 private:
  std::int64_t k_, n_;
  Buffer<T> values_;
};

}  // namespace gradus::kernels
