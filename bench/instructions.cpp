// Steps whose cost is the tape's and not that of numbers, to be counted in instructions: unlike times, these are nearly
// the same each time, however busy the machine is. tests/bench/instructions.sh does so.
//
//   gradus_bench_instructions            the names, one a line
//   gradus_bench_instructions NAME N     N steps

#include "workload_spec.h"

#include "gradus/gradus.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

namespace {

using namespace gradus;

using Step = std::function<void()>;

Step chain(std::int64_t length) {
  return [x = leaf(full({length}, bench::kChainStart))] {
    zero_grad(x);
    backward(sum(bench::chain(x, 50)));
  };
}

/// 20 steps down the slope of sum(x^2), each recorded behind the last.
void nested_gradients() {
  Tensor x = leaf(ones({8}));
  for (int i = 0; i < 20; ++i) x = x - 0.001 * grad([](const Tensor& v) { return sum(square(v)); })(x);
  backward(sum(x));
}

void rows_by_select() {
  const Tensor x = leaf(ones({50, 14}));
  Tensor y = select(x, 0, 0);
  for (int i = 1; i < 50; ++i) y = y + select(x, 0, i);
  backward(sum(y));
}

Step lambda() {
  const auto swish = elementwise("swish", [](auto t) { return t * sigmoid(t); });
  return [swish, x = leaf(ones({16}))] {
    Tensor y = x;
    for (int i = 0; i < 50; ++i) y = swish(y);
    zero_grad(x);
    backward(sum(y));
  };
}

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1{bench::kSmallInput, bench::kSmallHidden};
  nn::LayerNorm norm{bench::kSmallHidden};
  nn::Linear fc2{bench::kSmallHidden, bench::kSmallOutput};
  Tensor forward(const Tensor& x) { return fc2(relu(norm(fc1(x)))); }
};

Step training_step() {
  auto net = std::make_shared<Mlp>();
  auto adam = std::make_shared<optim::Adam>(parameters(*net));
  return [net, adam, x = ones({1, bench::kSmallInput}), target = ones({1, bench::kSmallOutput})] {
    adam->zero_grad();
    backward(mse_loss((*net)(x), target));
    adam->step();
  };
}

const std::map<std::string, std::function<Step()>> kSteps = {
    {"chain100_scalar", [] { return chain(1); }},
    {"chain100_vec64", [] { return chain(bench::kChainLength); }},
    {"lambda50_vec16", lambda},
    {"mlp_2_16_1_b1_adam", training_step},
    {"nested_gradients20", [] { return Step(nested_gradients); }},
    {"rows50_by_select", [] { return Step(rows_by_select); }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const auto& [name, make] : kSteps) fmt::print("{}\n", name);
    return 0;
  }
  const auto at = kSteps.find(argv[1]);
  if (argc != 3 || at == kSteps.end()) {
    fmt::print(stderr, "usage: gradus_bench_instructions [NAME N]\n");
    return 2;
  }
  set_num_threads(1);
  manual_seed(1);
  const Step step = at->second();
  for (int i = std::atoi(argv[2]); i > 0; --i) step();
}
