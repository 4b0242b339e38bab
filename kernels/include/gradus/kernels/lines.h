#pragma once

#include "gradus/tensor/export.h"
#include "gradus/tensor/shape.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// A dense array along one of its axes: [outer, size, inner], row-major. Its lines, outer * inner of them, have `size`
/// elements, `inner` apart.
struct Lines {
  std::int64_t outer = 1, size = 1, inner = 1;

  Lines() = default;
  Lines(const Shape& shape, int axis) {
    for (int d = 0; d < shape.rank(); ++d) (d < axis ? outer : d == axis ? size : inner) *= shape[d];
  }
  std::int64_t count() const { return outer * inner; }
  /// Where the first element of a line stands.
  std::int64_t start(std::int64_t line) const {
    return inner == 1 ? line * size : line / inner * size * inner + line % inner;
  }
};

}  // namespace gradus::kernels
GRADUS_EXPORT_END
