#pragma once

#include "gradus/autograd/gradcheck.h"
#include "gradus/graph/op.h"
#include "gradus/train/rule.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus::train {

/// A call of an op, kept so that it can be made again with its options.
class OwnCall {
 public:
  OwnCall(const gradus::detail::OpCall& call, std::string layer);

  /// Compares its gradient with differences of its values, at the inputs of the call and, unless it is right there, at
  /// others nearby. False if nothing can be said: random values, none in float64, no derivative, and so on.
  bool compare(double rtol, OwnOpSeen& seen) const;

  const OpClass& op() const { return *op_; }
  const std::string& layer() const { return layer_; }
  CallSite site() const { return site_; }

 private:
  /// The differentiable results, given the inputs that a gradient reached.
  std::vector<Tensor> again(std::span<const Tensor> reached) const;
  bool gives_the_same() const;
  std::vector<double> values(std::span<const Tensor> at, double step) const;
  bool has_slope(std::span<const Tensor> at, double error) const;
  gradus::Report check(std::span<const Tensor> at, double rtol, std::int64_t entries) const;
  gradus::Report check_input(std::span<const Tensor> at, std::size_t k, double rtol) const;
  std::string name_of(const gradus::Report::Entry& entry, std::size_t input) const;

  const OpClass* op_;
  std::shared_ptr<const void> attributes_;
  std::vector<Tensor> inputs_;        // floating ones in float64
  std::vector<Tensor> results_;       // the same
  std::vector<std::size_t> reached_;  // inputs that a gradient reached: the others are held constant
  std::string layer_;
  CallSite site_;
};

/// Keeps calls of ops that are none of the library's, while a forward pass runs: one of each op in a layer.
class OwnOps final : public gradus::detail::OpWatch {
 public:
  const std::vector<OwnCall>& calls() const { return calls_; }

 private:
  void end(const gradus::detail::OpCall& call) override;
  std::vector<OwnCall> calls_;
};

/// Those of which something can be said.
std::vector<OwnOpSeen> compare(const std::vector<OwnCall>& calls, double rtol);

}  // namespace gradus::train
