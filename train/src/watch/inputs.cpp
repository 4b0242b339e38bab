#include "watch/inputs.h"

#include "gradus/tensor/dtype.h"

#include <cmath>
#include <cstddef>
#include <vector>

namespace gradus::train {
namespace {

struct Sums {
  double sum = 0, square = 0, first = 0;
  bool constant = true;
};

/// Sums of each feature, which is `inner` neighbouring elements; values are taken less the first, so that a large
/// offset costs no digits.
template <class T>
std::vector<Sums> add_up(const T* p, std::int64_t rows, std::int64_t features, std::int64_t inner) {
  std::vector<Sums> all(static_cast<std::size_t>(features));
  for (std::int64_t f = 0; f < features; ++f)
    all[static_cast<std::size_t>(f)].first = static_cast<double>(p[f * inner]);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < features; ++f) {
      Sums& s = all[static_cast<std::size_t>(f)];
      for (std::int64_t i = 0; i < inner; ++i) {
        const double d = static_cast<double>(*p++) - s.first;
        s.sum += d;
        s.square += d * d;
        s.constant = s.constant && d == 0;
      }
    }
  return all;
}

}  // namespace

InputsSeen look_at_inputs(const Tensor& inputs) {
  InputsSeen seen;
  if (!inputs.defined() || inputs.rank() < 2 || inputs.numel() == 0 || !is_floating(inputs.dtype())) return seen;
  const Tensor dense = contiguous(inputs);
  const std::int64_t rows = inputs.size(0);
  const bool channels = inputs.rank() == 4;
  const std::int64_t features = channels ? inputs.size(1) : inputs.numel() / rows;
  const std::int64_t inner = inputs.numel() / (rows * features);
  const std::vector<Sums> all =
      dispatch_floating(inputs.dtype(), [&]<class T>() { return add_up(dense.data<T>(), rows, features, inner); });
  seen.rows = rows;
  seen.features = features;
  const auto n = static_cast<double>(rows * inner);
  double total = 0, square = 0;
  for (std::int64_t f = 0; f < features; ++f) {
    const Sums& s = all[static_cast<std::size_t>(f)];
    const double mean = s.first + s.sum / n;
    const double std = std::sqrt(std::max(s.square / n - s.sum / n * (s.sum / n), 0.0));
    total += mean;
    square += std * std + mean * mean;
    if (s.constant) {
      ++seen.constant;
      continue;
    }
    if (std::abs(mean) > seen.offset * std) seen.offset = std::abs(mean) / std, seen.offset_feature = f;
    if (std > seen.largest) seen.largest = std, seen.largest_feature = f;
    if (seen.smallest == 0 || std < seen.smallest) seen.smallest = std;
  }
  seen.mean = total / static_cast<double>(features);
  seen.std = std::sqrt(std::max(square / static_cast<double>(features) - seen.mean * seen.mean, 0.0));
  return seen;
}

}  // namespace gradus::train
