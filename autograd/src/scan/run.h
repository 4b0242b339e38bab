#pragma once

#include "scan/segment.h"

#include <memory>
#include <vector>

namespace gradus::detail {

/// Where a scan stands.
struct ScanState {
  const ScanBody& body;
  const List& xs;
  const ScanOptions& options;
  CallSite site;
  std::int64_t steps, done = 0;
  List carry{};
  std::vector<List> ys{};  // in the order of steps: of each y parts [n, ...]

  List x(std::int64_t step) const;
  /// Takes in what the body gave for the next step; errors where it is not like what came before.
  void take(Scanned step);
  void check(std::span<const Tensor> carry, std::span<const Tensor> ys) const;
};

/// Runs steps by a program, as long as calls of the body do the same; the one that does not ends recorded. The number
/// of steps that did.
std::int64_t run_program(ScanState& state, const std::shared_ptr<const Program>& program);

}  // namespace gradus::detail
