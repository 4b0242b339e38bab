#pragma once

#include "gradus/tensor/tensor.h"

#include <cstdint>
#include <vector>

namespace gradus::train {

/// A nonlinearity whose results tell dead and saturated units.
struct Bend {
  const char* op;
  bool has_zero;     // units may be zero for every row
  double low, high;  // results at or beyond these are where it is flat; equal where it has no such ends
};
/// Null for another op.
const Bend* find_bend(const char* op);

/// Counts over some batches which units of a nonlinearity never left zero, and how many results were saturated.
class UnitCounts {
 public:
  /// y is [N, U], [N, …, U] or, with channels first, [N, U, …].
  void add(const Bend& bend, const Tensor& y, bool channels_first);
  std::int64_t batches() const { return batches_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t units() const { return static_cast<std::int64_t>(alive_.size()); }
  double dead_share() const;
  double saturated_share() const;
  void clear() { *this = {}; }

 private:
  std::vector<unsigned char> alive_;
  bool has_zero_ = false;
  std::int64_t rows_ = 0, batches_ = 0, elements_ = 0, saturated_ = 0;
};

}  // namespace gradus::train
