#pragma once

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

}  // namespace gradus::detail
GRADUS_EXPORT_END
