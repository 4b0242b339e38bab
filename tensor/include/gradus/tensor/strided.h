#pragma once

#include "gradus/tensor/runtime.h"
#include "gradus/tensor/tensor.h"

#include <array>
#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// The nested loops over N operands of one shape, with neighbouring dimensions merged wherever every
/// operand's strides allow. Strides are in elements; the last dimension is the inner loop.
template <int N>
struct Loops {
  int rank = 0;
  std::int64_t sizes[kMaxRank]{};
  std::int64_t strides[N][kMaxRank]{};

  std::int64_t inner_size() const { return rank == 0 ? 1 : sizes[rank - 1]; }
  std::int64_t inner_stride(int k) const { return rank == 0 ? 1 : strides[k][rank - 1]; }

  /// `operands[k]` are `shape_rank` strides of operand k for `shape`.
  Loops(int shape_rank, const std::int64_t* shape, const std::array<const std::int64_t*, N>& operands) {
    for (int d = 0; d < shape_rank; ++d) {
      if (shape[d] == 1) continue;
      bool merge = rank > 0;
      for (int k = 0; merge && k < N; ++k)
        merge = strides[k][rank - 1] == operands[static_cast<std::size_t>(k)][d] * shape[d];
      if (merge) {
        sizes[rank - 1] *= shape[d];
      } else {
        sizes[rank++] = shape[d];
      }
      for (int k = 0; k < N; ++k) strides[k][rank - 1] = operands[static_cast<std::size_t>(k)][d];
    }
  }

  /// Calls `row(offsets)` for each inner loop, offsets in elements. Nothing where a size is 0.
  template <class Row>
  void for_each_row(Row&& row) const {
    std::array<std::int64_t, N> offsets{};
    for (int d = 0; d < rank; ++d)
      if (sizes[d] == 0) return;
    std::int64_t index[kMaxRank]{};
    while (true) {
      row(offsets);
      int d = rank - 2;
      for (; d >= 0; --d) {
        for (int k = 0; k < N; ++k) offsets[static_cast<std::size_t>(k)] += strides[k][d];
        if (++index[d] < sizes[d]) break;
        for (int k = 0; k < N; ++k) offsets[static_cast<std::size_t>(k)] -= strides[k][d] * sizes[d];
        index[d] = 0;
      }
      if (d < 0) return;
    }
  }
};

/// row(offsets, n) for each inner loop of n elements, or part of one, on several threads where each has `grain`
/// elements. No two may write to one place.
template <int N, class Row>
void parallel_rows(const Loops<N>& loops, std::int64_t grain, Row row) {
  std::int64_t count = 1;
  for (int d = 0; d < loops.rank; ++d) count *= loops.sizes[d];
  if (count == 0) return;
  const std::int64_t outermost = loops.rank == 0 ? 1 : loops.sizes[0];
  parallel_for(outermost, 1 + grain * outermost / (1 + count), [&](std::int64_t begin, std::int64_t end) {
    Loops<N> part = loops;
    part.sizes[0] = end - begin;
    part.for_each_row([&, n = part.inner_size()](auto at) {
      for (int k = 0; k < N; ++k) at[static_cast<std::size_t>(k)] += begin * loops.strides[k][0];
      row(at, n);
    });
  });
}

}  // namespace gradus::detail
GRADUS_EXPORT_END
