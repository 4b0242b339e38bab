// Under set_deterministic the number of threads changes no bit: for all ops, made large enough for several threads, their
// gradients, and some models in training.

#include <gradus/autograd.h>
#include <gradus/nn.h>
#include <gradus/ops.h>
#include <gradus/ops/registry.h>
#include <gradus/optim.h>
#include <gradus/tensor.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace gradus {
namespace {

constexpr std::int64_t kEnough = 40'000;  // elements, so that loops are divided
constexpr std::int64_t kMost = 4'000'000;

Shape scaled(const Shape& shape, std::int64_t factor) {
  Shape large;
  for (const std::int64_t n : shape) large.push_back(n * factor);
  return large;
}

Tensor drawn(const Sample& s, const Shape& shape, Generator& generator) {
  const double low = s.domain.low, high = s.domain.high;
  switch (s.kind) {
    case Sample::Kind::flag: return uniform(shape, 0, 1, float32, generator) < 0.5;
    case Sample::Kind::index: return to(floor(uniform(shape, low, high, float64, generator)), int64);
    default: return uniform(shape, std::max(low, -10.0), std::min(high, 10.0), float32, generator);
  }
}

std::vector<Tensor> drawn(const Example& example, std::int64_t factor) {
  Generator generator(5);
  std::vector<Tensor> inputs;
  for (const Sample& s : example.inputs) inputs.push_back(drawn(s, scaled(s.shape, factor), generator));
  return inputs;
}

/// Results and gradients.
std::vector<Tensor> evaluated(const Example& example, std::vector<Tensor> inputs) {
  manual_seed(7);
  std::vector<Tensor> leaves;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (example.inputs[i].takes_gradient()) leaves.push_back(inputs[i] = leaf(inputs[i]));
  const Tensor y = example.call(inputs);
  std::vector<Tensor> all{detach(y)};
  if (!example.differentiable || !requires_grad(y)) return all;
  Generator generator(6);
  const auto gradients = grad(y, leaves, uniform(y.shape(), -1, 1, y.dtype(), generator));
  all.insert(all.end(), gradients.begin(), gradients.end());
  return all;
}

/// Elements of the result with sizes `factor` times as large; 0 where it can't be called so.
std::int64_t elements(const Example& example, std::int64_t factor) {
  try {
    const NoGrad guard;
    return std::max<std::int64_t>(1, example.call(drawn(example, factor)).numel());
  } catch (const Error&) {
    return 0;
  }
}

/// The factor that makes the largest input large, and the result not too large; 1 where sizes are given.
std::int64_t factor_for(const Example& example) {
  std::int64_t largest = 1;
  int rank = 1;
  for (const Sample& s : example.inputs)
    if (s.shape.numel() > largest) largest = s.shape.numel(), rank = s.shape.rank();
  auto factor =
      static_cast<std::int64_t>(std::ceil(std::pow(double(kEnough) / double(largest), 1.0 / std::max(rank, 1))));
  const std::int64_t one = elements(example, 1), two = elements(example, 2);
  if (one == 0 || two == 0) return 1;
  const double growth = std::log2(static_cast<double>(two) / static_cast<double>(one));
  while (factor > 1 && static_cast<double>(one) * std::pow(factor, growth) > kMost) factor /= 2;
  return factor;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) { return equal(x, y, true); });
}

class SameBits : public testing::Test {
 protected:
  void SetUp() override { set_deterministic(true); }
  void TearDown() override {
    set_deterministic(false);
    set_num_threads(threads_);
  }
  static void expect_same(const std::function<std::vector<Tensor>()>& f, const std::string& what) {
    set_num_threads(1);
    const std::vector<Tensor> one = f();
    for (const int threads : {2, 4}) {
      set_num_threads(threads);
      EXPECT_TRUE(same(f(), one)) << what << " with " << threads << " threads";
    }
  }
  int threads_ = num_threads();
};

TEST_F(SameBits, OfAllOpsAndTheirGradients) {
  std::set<std::string> all, large;
  for (const OpEntry& entry : all_ops()) {
    all.insert(entry.name);
    int tried = 0;
    for (const Example& example : entry.examples()) {
      if (++tried > 2) break;
      const std::int64_t factor = factor_for(example);
      const std::vector<Tensor> inputs = drawn(example, factor);
      try {
        set_num_threads(1);
        (void)evaluated(example, inputs);
      } catch (const Error&) {  // inputs that this op does not take: positive definite ones, say
        continue;
      }
      expect_same([&] { return evaluated(example, inputs); }, std::string(entry.name) + " " + example.label);
      if (factor > 1) large.insert(entry.name);
    }
  }
  EXPECT_GT(large.size() * 10, all.size() * 7) << large.size() << " of " << all.size() << " ops were large";
  RecordProperty("large", std::to_string(large.size()) + " of " + std::to_string(all.size()));
}

/// Parameters after three steps.
template <class Net>
std::vector<Tensor> trained(const Shape& input, const std::function<Tensor(const Tensor&)>& arrange = {}) {
  manual_seed(1);
  Net net;
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  for (int i = 0; i < 3; ++i) {
    const Tensor x = normal(input);
    adam.zero_grad();
    backward(mean(square(net(arrange ? arrange(x) : x))));
    adam.step();
  }
  std::vector<Tensor> values;
  for (const Parameter& p : parameters(net)) values.push_back(detach(p));
  return values;
}

struct Mlp : nn::Module<Mlp> {
  nn::Linear in{300, 400};
  nn::BatchNorm bn{400};
  nn::Dropout dropout{0.3};
  nn::Linear out{400, 10};
  Tensor forward(const Tensor& x) { return out(dropout(relu(bn(in(x))))); }
};

struct Cnn : nn::Module<Cnn> {
  nn::Conv2d first{3, 16, {.kernel = 3}}, second{16, 32, {.kernel = 3}};
  nn::BatchNorm bn{16};
  nn::Linear out{32, 10};
  Tensor forward(const Tensor& x) { return out(mean(second(max_pool2d(relu(bn(first(x))), 2)), {2, 3})); }
};

struct Recurrent : nn::Module<Recurrent> {
  nn::LSTM lstm{40, 64};
  Tensor forward(const Tensor& x) { return lstm(x).y; }
};

struct Attention : nn::Module<Attention> {
  nn::TransformerEncoderLayer layer{64, 4};
  Tensor forward(const Tensor& x) { return layer(x); }
};

TEST_F(SameBits, OfModelsInTraining) {
  expect_same([] { return trained<Mlp>({256, 300}); }, "an MLP");
  expect_same([] { return trained<Cnn>({16, 3, 40, 40}); }, "a CNN");
  expect_same([] { return trained<Recurrent>({20, 64, 40}); }, "an LSTM");
  expect_same([] { return trained<Attention>({16, 50, 64}); }, "a transformer's layer");
}

}  // namespace
}  // namespace gradus
