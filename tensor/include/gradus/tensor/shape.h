#pragma once

#include "gradus/tensor/error.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The largest number of dimensions of a tensor.
inline constexpr int kMaxRank = 8;

/// Sizes (or strides, or axes) of up to `kMaxRank` dimensions, held inline.
class Shape {
 public:
  constexpr Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  /// ShapeError if there are more than `kMaxRank`.
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t numel() const {
    std::int64_t n = 1;
    for (std::int64_t size : *this) n *= size;
    return n;
  }

  std::int64_t operator[](int i) const { return sizes_[static_cast<std::size_t>(i)]; }
  std::int64_t& operator[](int i) { return sizes_[static_cast<std::size_t>(i)]; }
  std::int64_t back() const { return (*this)[rank_ - 1]; }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  std::int64_t* begin() { return sizes_.data(); }
  std::int64_t* end() { return sizes_.data() + rank_; }

  /// ShapeError beyond `kMaxRank`.
  void push_back(std::int64_t size);
  void insert(int at, std::int64_t size);
  void erase(int at);

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  std::array<std::int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

/// "[2, 3]".
std::string to_string(const Shape& shape);

/// The shape both broadcast to by NumPy's rule; ShapeError, named by `op`, if there is none.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op = "broadcast_shapes", CallSite site = {});

/// `axis` counted from the front; negative axes count from the back.
/// IndexError, named by `op`, if it is out of range.
int normalize_axis(std::int64_t axis, int rank, const char* op, CallSite site = {});

/// Row-major strides, in elements.
Shape contiguous_strides(const Shape& shape);

}  // namespace gradus
GRADUS_EXPORT_END
