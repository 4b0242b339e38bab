// What programs that time by themselves share.
#pragma once

#include <algorithm>
#include <ctime>
#include <vector>

namespace bench {

/// Of an even number the upper of the two in the middle.
inline double median(std::vector<double> v) {
  const auto middle = v.begin() + std::ssize(v) / 2;
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

/// Processor time of f(), which other work on the machine does not add to.
template <class F>
double seconds(F&& f) {
  const std::clock_t start = std::clock();
  f();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace bench
