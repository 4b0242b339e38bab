// Model-agnostic meta-learning (Finn et al. 2017, arXiv:1703.03400): a start from which one step of gradient
// descent on ten points fits a sine of any amplitude and phase. The gradient passes through that step.
#include <gradus/gradus.h>

#include <cstdio>
#include <map>
#include <string>

using namespace gradus::prelude;

constexpr double kInnerRate = 0.02;

struct Net : nn::Module<Net> {
  nn::Linear fc1{1, 40}, fc2{40, 40}, fc3{40, 1};
  Tensor forward(const Tensor& x) { return fc3(tanh(fc2(tanh(fc1(x))))); }
};

struct Task {
  double amplitude = uniform({}, 0.5, 2).item(), phase = uniform({}, 0, 3).item();
  Tensor operator()(const Tensor& x) const { return amplitude * sin(x + phase); }
};

// The loss on new points after one step on ten. With `create_graph` its gradient passes through the step.
Tensor loss_after_step(Net& net, const Task& task, bool create_graph) {
  const Tensor seen = uniform({10, 1}, -3, 3), fresh = uniform({10, 1}, -3, 3);
  std::vector<Tensor> weights;
  for (const Parameter& p : parameters(net)) weights.push_back(p);
  const auto g = grad(nn::mse_loss(net(seen), task(seen)), weights, {}, {.create_graph = create_graph});
  std::map<std::string, Tensor> stepped;
  std::size_t i = 0;
  for (const auto& [name, p] : named_parameters(net)) stepped[name] = p - kInnerRate * g[i++];
  return nn::mse_loss(nn::functional_call(net, stepped, fresh), task(fresh));
}

double mean_loss(Net& net, int tasks) {
  double total = 0;
  for (int i = 0; i < tasks; ++i) total += loss_after_step(net, Task(), false).item();
  return total / tasks;
}

int main() {
  manual_seed(0);
  Net net;
  const double before = mean_loss(net, 100);
  optim::Adam adam{parameters(net), {.lr = 2e-3}};
  for (int step = 0; step < 1000; ++step) {
    adam.zero_grad();
    Tensor loss = loss_after_step(net, Task(), true);
    for (int i = 1; i < 4; ++i) loss = loss + loss_after_step(net, Task(), true);
    backward(loss / 4.0);
    adam.step();
  }
  const double after = mean_loss(net, 100);
  std::printf("loss after one step: %.3f from a random start, %.3f from the learnt one\n", before, after);
  return after > 0.5 * before;
}
