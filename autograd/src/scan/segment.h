#pragma once

#include "scan/program.h"

#include "gradus/graph/op.h"

#include <cstdint>
#include <memory>
#include <span>

namespace gradus::detail {

/// Successive steps that were run on plain memory.
struct Segment {
  std::shared_ptr<const Program> program;
  std::int64_t steps;  // that were run
  std::int64_t chunk;  // slots: steps whose numbers lie in memory at once
  bool whole;          // the numbers of all are kept
  bool reverse;
  List results;  // carry and ys, until they are handed over

  std::int64_t chunks() const { return (steps + chunk - 1) / chunk; }
};

/// The first slot in use where `count` of `slots` are.
inline std::int64_t first_slot(bool reverse, std::int64_t slots, std::int64_t count) {
  return reverse ? slots - count : 0;
}
/// The slot, or place in time, of step i of n.
inline std::int64_t slot_of(bool reverse, std::int64_t n, std::int64_t i) { return reverse ? n - 1 - i : i; }

/// A segment as one op. Inputs: carry, xs of its steps, what is captured, then the numbers of all steps (undefined
/// unless they are kept) and the carry at the beginning of each chunk. Results: carry, ys.
struct ScanOp : Op {
  static constexpr OpInfo info{
      .name = "scan", .arity = kVariadic, .saves = Saves::inputs, .outputs = kMostResults, .flops = 0};
  std::shared_ptr<Segment> segment;

  Tensors forward(std::span<const Tensor> inputs) const;
  Cotangents vjp(const Pullback& p) const;
};

/// Runs ops of a program up to `count`, recorded where they were: `values` has carry and xs, and what is captured.
void run_ops(const Program& p, std::size_t count, List& values);

}  // namespace gradus::detail
