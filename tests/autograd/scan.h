#pragma once

// Scans beside the loops that they stand for.

#include "gradus/autograd/scan.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace gradus::tests {

using List = std::vector<Tensor>;
using Span = std::span<const Tensor>;
using Body = std::function<Scanned(Span carry, Span x)>;

inline Tensor draw(const Shape& shape) { return normal(shape, 0, 0.5, float64); }

/// What scan is to give, step by step.
inline Scanned loop(const Body& body, List carry, const List& xs, const ScanOptions& options = {}) {
  const std::int64_t steps = xs.empty() ? options.length : xs[0].size(0);
  std::vector<List> ys;
  for (std::int64_t i = 0; i < steps; ++i) {
    List x;
    for (const Tensor& all : xs) x.push_back(select(all, 0, options.reverse ? steps - 1 - i : i));
    Scanned step = body(carry, x);
    carry = step.carry;
    ys.resize(step.ys.size());
    for (std::size_t k = 0; k < ys.size(); ++k) ys[k].insert(options.reverse ? ys[k].begin() : ys[k].end(), step.ys[k]);
  }
  Scanned result{carry, {}};
  for (const List& y : ys) result.ys.push_back(stack(y, 0));
  return result;
}

/// All results, and the gradients of a sum of these with weights of all signs.
inline List with_gradients(const Scanned& all, const List& by) {
  List results = all.carry, floating, weights;
  results.insert(results.end(), all.ys.begin(), all.ys.end());
  for (const Tensor& y : results) {
    if (!requires_grad(y)) continue;
    floating.push_back(y);
    weights.push_back(reshape(cos(arange(0, double(y.numel()), 1, float64)), y.shape()));
  }
  if (by.empty()) return results;
  for (const Tensor& g : grad(floating, by, weights)) results.push_back(g);
  return results;
}

inline void expect_close(const List& got, const List& expected, double tolerance = 1e-12) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].shape(), expected[i].shape()) << i;
    EXPECT_TRUE(all_close(got[i], expected[i], tolerance, tolerance)) << i << ": " << to_string(got[i]) << "\n"
                                                                      << to_string(expected[i]);
  }
}

/// Scans with bodies that `make` makes, each with a state of its own, against the loop.
inline void expect_like_loop(
    const std::function<Body()>& make, const List& carry, const List& xs, const List& by, std::int64_t length = -1) {
  for (const bool reverse : {false, true})
    for (const std::int64_t every : {0, 1, 3, 100}) {
      SCOPED_TRACE(std::string(reverse ? "reverse, " : "") + "checkpoint_every " + std::to_string(every));
      const ScanOptions options{.length = length, .reverse = reverse, .checkpoint_every = every};
      manual_seed(7);
      const List expected = with_gradients(loop(make(), carry, xs, options), by);
      manual_seed(7);
      expect_close(with_gradients(scan(make(), carry, xs, options), by), expected);
    }
}

}  // namespace gradus::tests
