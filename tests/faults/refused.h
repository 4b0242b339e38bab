#pragma once

// A training from one seed, and functions whose requests for memory are refused in turn.

#include "allocations.h"

#include <gradus/autograd.h>
#include <gradus/nn.h>
#include <gradus/ops.h>
#include <gradus/optim.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <new>
#include <ostream>
#include <string>

namespace gradus::tests {

using State = std::map<std::string, Tensor>;

inline bool same(const State& a, const State& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && equal(x.second, y.second, true);
  });
}

struct Mlp : nn::Module<Mlp> {
  nn::Linear in{4, 8};
  nn::BatchNorm bn{8};
  nn::Dropout dropout{0.25};
  nn::Linear out{8, 3};
  Tensor forward(const Tensor& x) { return out(dropout(relu(bn(in(x))))); }
  static Tensor input() { return reshape(cos(linspace(0, 40, 6 * 4)), {6, 4}); }
};

struct Cnn : nn::Module<Cnn> {
  nn::Conv2d conv{1, 4, {.kernel = 3}};
  nn::BatchNorm bn{4};
  nn::Linear out{4 * 2 * 2, 3};
  Tensor forward(const Tensor& x) { return out(flatten(max_pool2d(tanh(bn(conv(x))), 2))); }
  static Tensor input() { return reshape(sin(linspace(0, 40, 6 * 36)), {6, 1, 6, 6}); }
};

/// A model and what trains it, from one seed.
template <class Net>
struct Training {
  Training() : generator_was(seed()), net(), adam(parameters(net), {.lr = 0.1}) {}
  static int seed() {
    manual_seed(3);
    return 3;
  }
  void step() {
    adam.zero_grad();
    backward(nn::cross_entropy(net(x), y));
    adam.step();
  }
  State parameters_and_sums() const {
    State all = adam.state();
    for (const nn::NamedParameter& p : named_parameters(net)) all["net/" + p.name] = clone(p.parameter);
    return all;
  }
  State buffers() const {
    State all;
    for (const nn::NamedBuffer& b : named_buffers(net)) all[b.name] = clone(b.buffer);
    return all;
  }
  /// Parameters that have a gradient.
  std::size_t gradients() const {
    std::size_t count = 0;
    for (const Parameter& p : adam.parameters()) count += gradient(p).defined();
    return count;
  }

  int generator_was;
  mutable Net net;
  optim::Adam adam;
  Tensor x = Net::input(), y = tensor({0, 1, 2, 0, 1, 2});
};

/// What is held of memory.
struct Held {
  std::int64_t tensors = memory_stats().live, blocks = blocks_held();
  friend bool operator==(const Held&, const Held&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Held& h) {
    return out << h.tensors << " bytes of tensors, " << h.blocks << " blocks";
  }
};

/// Calls `f` with its request number n refused, for n = 1, 1 + step, … until it has fewer. After each, `check` is told
/// whether f has thrown. Returns how many it has.
template <class F, class Check>
std::int64_t refuse_each(F&& f, Check&& check, bool all = false, std::int64_t step = 1) {
  for (std::int64_t n = 1;; n += step) {
    bool thrown = false, come = false;
    {
      const Refusal refusal(n, all);
      try {
        f();
      } catch (const Error&) {
        thrown = true;
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      come = Refusal::has_come();
    }
    if (!come) {
      EXPECT_FALSE(thrown) << "without cause";
      return n - 1;
    }
    check(thrown);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "at request " << n << (all ? " and those after" : "");
      return n;
    }
  }
}

}  // namespace gradus::tests
