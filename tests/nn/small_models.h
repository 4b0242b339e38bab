#pragma once

#include "errors.h"

#include "gradus/graph/node.h"
#include "gradus/graph/scope.h"
#include "gradus/nn/module.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"

#include <cstdint>
#include <string>

/// Modules to test with, and what is asked of their results.
namespace gradus::nn::small {

/// A layer as a library would have it: a constructor, and ops that bear the caller's line.
class Affine : public Module<Affine> {
 public:
  Affine(std::int64_t in, std::int64_t out, bool bias = true)
      : weight(full({out, in}, 0.5)), bias_(bias ? Parameter(zeros({out})) : Parameter()) {}
  Tensor forward(Arg x) { return linear(x, weight, bias_); }
  auto fields() { return nn::fields("weight", weight, "bias", bias_); }
  std::string describe() const { return std::to_string(weight.size(1)) + " → " + std::to_string(weight.size(0)); }

  Parameter weight;

 private:
  Parameter bias_;
};

struct Scale : Module<Scale> {
  Parameter alpha = full({1}, 0.25);
  static constexpr std::uint32_t kLine = __LINE__ + 1;
  Tensor forward(const Tensor& x) { return alpha * x; }
};

struct Noise : Module<Noise> {
  double p = 0.5;
  bool training = true;
  Tensor forward(const Tensor& x) { return training ? x * p : x; }
};

struct Statistics : Module<Statistics> {
  Buffer mean = zeros({4});
  Buffer steps = zeros({}, int64);
  bool in_training = true;
  void train(bool on) { in_training = on; }
  Tensor forward(const Tensor& x) { return x - mean; }
};

struct Net : Module<Net> {
  Affine fc1{4, 8}, fc2{8, 2};
  Scale scale;
  Noise noise;
  static constexpr std::uint32_t kLine = __LINE__ + 1;
  Tensor forward(const Tensor& x) { return fc2(noise(scale(fc1(x)))); }
};

template <class M>
std::string names(const M& model) {
  std::string all;
  for (const auto& [name, p] : named_parameters(model)) all += name + ' ';
  return all;
}

inline CallSite line_of(const Tensor& x) { return node_of(x)->site(); }
inline std::string scope_of(const Tensor& x) { return node_of(x)->scope()->path(); }
using tests::message_of;

}  // namespace gradus::nn::small
