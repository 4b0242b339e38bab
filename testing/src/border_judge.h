#pragma once

// How values and derivatives at borders are told right from wrong.

#include "suite.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gradus::op_suite {

/// A value or derivative: what it is, in which way it was had, and its elements.
struct Line {
  std::string what;  // "gradient 0"
  int order;
  std::size_t input;  // which it is a derivative to
  const char* way;
  std::vector<double> elements;
};
using Lines = std::vector<Line>;

struct Place {
  const Subject& subject;
  List inputs;
  std::vector<std::size_t> real;

  bool elementwise() const { return subject.example.elementwise; }
  /// What a sum of results or gradients is weighted with: of independent elements it is the sum itself.
  Tensor weights(const Tensor& like, std::uint64_t seed) const {
    return elementwise() ? ones_like(like) : draw_cotangent(like.shape(), like.dtype(), seed);
  }
};

/// One place seen from a side that is looked at when it is needed; nothing if the op refuses the numbers.
class View {
 public:
  explicit View(std::function<std::optional<Lines>()> look) : look_(std::move(look)) {}
  const std::optional<Lines>& lines() {
    if (!looked_) seen_ = look_();
    looked_ = true;
    return seen_;
  }

 private:
  std::function<std::optional<Lines>()> look_;
  bool looked_ = false;
  std::optional<Lines> seen_;
};

/// All in float64.
struct Views {
  Lines here;
  View twin;                 // at the twins: what overflows in float32 does so there
  View beside;               // with every number moved a little
  View huge, large, larger;  // with finite numbers in place of infinite ones
};

/// Each line of `got` is as that of float64; `narrow`: had in float32.
void compare(const Place& at, Views& views, const Lines& got, bool narrow, Failures& failures);
/// Where values are finite, derivatives are numbers; at infinity they are the limit.
void compare_limits(const Place& at, Views& views, Failures& failures);

}  // namespace gradus::op_suite
