#pragma once

#include "gradus/data/dataset.h"

#include <cstdint>
#include <span>

namespace gradus::data {

/// Copies of rows of `x`; the caller has checked them. Those of a large mapped file are read from it, so that its pages
/// don't become the process's: IoError if that fails.
Tensor gather_rows(const Tensor& x, std::span<const std::int64_t> rows);

/// Has the system read rows of a contiguous tensor ahead, which rise, if they are such.
void expect_rows(const Tensor& x, std::span<const std::int64_t> rows);

/// ShapeError, named by `op`, if there are targets but not one for each row of the inputs.
void check_targets(const char* op, const Dataset& dataset);

/// Rows in the order of three parts: those to train on before `first`, those of the test from `second` on.
struct Deal {
  Tensor order{};  // undefined: as they stand
  std::int64_t first = 0, second = 0;
};
/// Deals n rows, `targets` their classes. ArgumentError as for `split`.
Deal deal_rows(std::int64_t n, const Tensor& targets, const SplitOptions& options, Generator& generator);

/// `indices` as a contiguous tensor; DTypeError, ShapeError or IndexError, named by `op`, unless
/// they are int64 [M], each in 0 … n - 1.
Tensor check_rows(const char* op, const Tensor& indices, std::int64_t n);

/// The elements of a contiguous int64 tensor.
inline std::span<const std::int64_t> as_span(const Tensor& indices) {
  return {indices.data<std::int64_t>(), static_cast<std::size_t>(indices.numel())};
}

}  // namespace gradus::data
