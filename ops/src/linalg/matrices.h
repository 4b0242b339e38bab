#pragma once

// What the decompositions share: batches of matrices, and checks of them.

#include "family.h"

#include "gradus/ops/shape.h"
#include "gradus/tensor/eigen.h"

#include <atomic>
#include <string>

namespace gradus::detail {

template <class T>
using MatrixIn = Eigen::Map<const EigenMatrix<T>>;
template <class T>
using MatrixOut = Eigen::Map<EigenMatrix<T>>;

/// A tensor [*, rows, columns], its matrices one after the other.
struct Matrices {
  Tensor tensor;
  std::int64_t rows, columns, count;

  explicit Matrices(const Tensor& x)
      : tensor(contiguous(x)), rows(x.shape()[x.rank() - 2]), columns(x.shape().back()), count(1) {
    for (int d = 0; d < x.rank() - 2; ++d) count *= x.shape()[d];
  }

  template <class T>
  MatrixIn<T> at(std::int64_t i) const {
    return {tensor.data<T>() + i * rows * columns, rows, columns};
  }

  template <class T>
  MatrixOut<T> in(T* x, std::int64_t i) const {
    return {x + i * rows * columns, rows, columns};
  }

  /// Runs f(i) for each matrix; gives the first for which it said false, or -1. Nothing is run if they are empty.
  template <class F>
  std::int64_t each(F f) const {
    if (rows * columns == 0) return -1;
    std::atomic<std::int64_t> bad{count};
    const std::int64_t work = rows * columns * std::min(rows, columns);
    parallel_for(count, 1 + kGrain / work, [&](std::int64_t begin, std::int64_t end) {
      const ThreadLimit limit(1);  // which parts Eigen would make depends on their number
      for (std::int64_t i = begin; i < end; ++i)
        if (!f(i)) {
          for (std::int64_t old = bad; i < old && !bad.compare_exchange_weak(old, i);) {
          }
          return;
        }
    });
    return bad == count ? -1 : bad.load();
  }

  /// " (batch 2)", or nothing where there is one matrix only.
  std::string place(std::int64_t i) const { return tensor.rank() == 2 ? "" : fmt::format(" (batch {})", i); }
};

/// `first` is what `each` gave.
inline void check_regular(const char* op, const Matrices& x, std::int64_t first) {
  if (first >= 0) fail<ArgumentError>(op, "expected a regular matrix, got a singular one" + x.place(first));
}

/// Floating, of rank >= 2.
inline void check_matrix(const char* op, Arg x) {
  check_floating(op, x);
  if (x->rank() < 2) fail<ShapeError>(op, "expected [*, m, n], got " + to_string(x->shape()), x.site);
}

/// The same with as many rows as columns.
inline void check_square(const char* op, Arg x) {
  check_floating(op, x);
  if (x->rank() < 2 || x->shape().back() != x->shape()[x->rank() - 2])
    fail<ShapeError>(op, "expected [*, n, n], got " + to_string(x->shape()), x.site);
}

/// The shape of a batch of one column of each matrix.
inline Shape columns_of(const Tensor& x) {
  Shape shape = x.shape();
  shape.erase(x.rank() - 1);
  return shape;
}
/// The shape of a batch of numbers for a batch of matrices.
inline Shape batch_shape(const Tensor& x) {
  Shape shape = columns_of(x);
  shape.erase(x.rank() - 2);
  return shape;
}

// An op has one result to save, so factors stand side by side in one tensor [*, k, …]: matrices whose columns
// belong together are transposed.

/// Place for factors of the matrices of x.
inline Tensor packed(const Tensor& x, std::int64_t rows, std::int64_t columns) {
  Shape shape = batch_shape(x);
  shape.push_back(rows);
  shape.push_back(columns);
  return empty(shape, x.dtype());
}
/// `count` columns from `first` on.
inline Tensor part(const Tensor& x, std::int64_t first, std::int64_t count) { return narrow(x, -1, first, count); }

/// Both sides of a system of equations, with the same leading dimensions.
struct System {
  Tensor a, b;
  bool vector;  // b was one, and is a column now
};
System system_of(const char* op, Arg a, const Tensor& b);

/// For examples: close to a diagonal with 1, 2, 3, so that singular values are far apart.
Tensor far_apart(const Tensor& x);

}  // namespace gradus::detail
