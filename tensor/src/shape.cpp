#include "gradus/tensor/shape.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace gradus {

static void check_rank(std::size_t rank) {
  if (rank > kMaxRank)
    detail::fail<ShapeError>("shape", fmt::format("expected at most {} dimensions, got {}", kMaxRank, rank));
}

Shape::Shape(std::span<const std::int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  check_rank(sizes.size());
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

void Shape::push_back(std::int64_t size) { insert(rank_, size); }

void Shape::insert(int at, std::int64_t size) {
  check_rank(static_cast<std::size_t>(rank_) + 1);
  std::copy_backward(begin() + at, end(), end() + 1);
  (*this)[at] = size;
  ++rank_;
}

void Shape::erase(int at) {
  std::copy(begin() + at + 1, end(), begin() + at);
  --rank_;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", ")); }

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op, CallSite site) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result(std::span(std::array<std::int64_t, kMaxRank>{}.data(), static_cast<std::size_t>(rank)));
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t x = i <= a.rank() ? a[a.rank() - i] : 1;
    const std::int64_t y = i <= b.rank() ? b[b.rank() - i] : 1;
    if (x != y && x != 1 && y != 1)
      detail::fail<ShapeError>(
          op, fmt::format("expected shapes that broadcast together, got {} and {}", to_string(a), to_string(b)), site);
    result[rank - i] = x == 1 ? y : x;
  }
  return result;
}

int normalize_axis(std::int64_t axis, int rank, const char* op, CallSite site) {
  const std::int64_t result = axis < 0 ? axis + rank : axis;
  if (result < 0 || result >= rank) {
    if (rank == 0) detail::fail<IndexError>(op, fmt::format("expected no axis for rank 0, got {}", axis), site);
    detail::fail<IndexError>(op, fmt::format("expected an axis in {}..{}, got {}", -rank, rank - 1, axis), site);
  }
  return static_cast<int>(result);
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  std::int64_t step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[d] = step;
    step *= shape[d] > 1 ? shape[d] : 1;
  }
  return strides;
}

}  // namespace gradus
