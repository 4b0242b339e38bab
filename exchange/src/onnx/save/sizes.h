#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gradus::onnx {

/// How often a model is recorded, each time with other sizes of what varies.
inline constexpr std::size_t kRecordings = 4;

/// A whole number as it was in each recording.
using Sizes = std::array<std::int64_t, kRecordings>;

inline bool varies(const Sizes& s) {
  for (const std::int64_t size : s)
    if (size != s[0]) return true;
  return false;
}

/// A number in terms of others, its atoms, by their places in a list:
///   the product of `factors` times `times`, or their sum; then divided by `over`, rounded down, and `plus` added.
/// A sum takes the second factor `times` and has no `over`.
struct SizeFormula {
  std::vector<std::size_t> factors;
  bool is_sum = false;
  std::int64_t times = 1, over = 1, before = 0, plus = 0;
};

/// The simplest formula that gives `wanted` in every recording: an atom, a whole multiple or part of one plus a
/// number, a product of two or three of them, the sum or difference of two.
std::optional<SizeFormula> formula_of(const Sizes& wanted, std::span<const Sizes> atoms);

/// Its value in one recording.
std::int64_t value_of(const SizeFormula& formula, std::span<const Sizes> atoms, std::size_t recording);

}  // namespace gradus::onnx
