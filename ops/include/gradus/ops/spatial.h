#pragma once

#include "gradus/tensor/shape.h"

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A whole number for each of up to three spatial axes, or one for all: 2, or {2, 1}.
class PerAxis {
 public:
  constexpr PerAxis() = default;
  template <std::integral I>
  constexpr PerAxis(I all) : count_(1) {
    values_.fill(static_cast<std::int64_t>(all));
  }
  /// ArgumentError unless there are 1 to 3.
  PerAxis(std::initializer_list<std::int64_t> values) : PerAxis(Shape(std::span(values.begin(), values.size()))) {}
  explicit PerAxis(const Shape& values);

  /// 0 if nothing was said, 1 if one number stands for all.
  int count() const { return count_; }
  std::int64_t operator[](int axis) const { return values_[static_cast<std::size_t>(count_ == 1 ? 0 : axis)]; }

 private:
  int count_ = 0;
  std::array<std::int64_t, 3> values_{};
};

/// How far zeros reach beyond each end of the spatial axes. `same`: as far as keeps the sizes (for stride 1;
/// an odd total has one more behind). `valid`: not at all. `asymmetric(low, high)`: by different numbers
/// before and behind: `asymmetric(2, 0)` makes a conv1d with a kernel of 3 causal.
class Padding {
 public:
  static const Padding same, valid;
  static Padding asymmetric(PerAxis low, PerAxis high) {
    Padding p(low);
    p.high_ = high;
    return p;
  }

  Padding(PerAxis both) : low_(both), high_(both) {}
  template <std::integral I>
  Padding(I both) : Padding(PerAxis(both)) {}
  Padding(std::initializer_list<std::int64_t> both) : Padding(PerAxis(both)) {}

  bool is_same() const { return same_; }
  const PerAxis& low() const { return low_; }
  const PerAxis& high() const { return high_; }

 private:
  enum class Kind : std::uint8_t { given, same };
  constexpr explicit Padding(Kind kind) : same_(kind == Kind::same), low_(0), high_(0) {}
  bool same_ = false;
  PerAxis low_, high_;
};

// (Braces would make a list of them.)
inline constexpr Padding Padding::same(Kind::same);
inline constexpr Padding Padding::valid(Kind::given);

}  // namespace gradus
GRADUS_EXPORT_END
