#pragma once

#include "gradus/train/space.h"

#include <cstdint>
#include <vector>

namespace gradus::train {

/// A domain as an interval [0, 1] in which equal lengths are equally likely. Of n whole numbers or words each has a
/// part of it.
class Scale {
 public:
  explicit Scale(const Domain& domain);

  Value at(double coordinate) const;
  double coordinate(const Value& value) const;
  /// `points` values, from one end to the other: all of a Choice, and no whole number twice.
  std::vector<Value> grid(int points) const;
  /// The domain reduced to `share` of its width around a value.
  Domain around(const Value& value, double share) const;

 private:
  double forward(double x) const;
  double back(double y) const;

  const Domain& domain_;
  double low_ = 0, high_ = 1;  // in the scale, which is logarithmic if log_
  bool log_ = false;
};

}  // namespace gradus::train
