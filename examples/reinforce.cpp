// REINFORCE with a baseline (Williams 1992; Sutton & Barto 2018, section 13.4) learns to balance a pole on a cart
// (Barto, Sutton & Anderson 1983) by pushing it left or right.
#include <gradus/gradus.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <vector>

using namespace gradus::prelude;

constexpr int kMostSteps = 200, kCarts = 16;
constexpr double kDiscount = 0.99, kScale = 1 / (1 - kDiscount);  // the most that steps of 1 come to

struct CartPole {
  std::array<double, 4> state;  // position, speed, angle, angular speed
  int steps = 0;
  bool fallen = false;

  CartPole() {
    for (double& s : state) s = 0.1 * gradus::default_generator().uniform() - 0.05;
  }
  /// 0.02 s under a force of -10 or 10 N: a cart of 1 kg, a pole of 1 m and 0.1 kg.
  void push(bool right) {
    auto& [x, v, angle, spin] = state;
    const double force = right ? 10 : -10, s = std::sin(angle), c = std::cos(angle);
    const double t = (force + 0.05 * spin * spin * s) / 1.1;
    const double turn = (9.8 * s - c * t) / (0.5 * (4.0 / 3 - 0.1 * c * c / 1.1));
    const double speed_up = t - 0.05 * turn * c / 1.1;
    x += 0.02 * v;
    v += 0.02 * speed_up;
    angle += 0.02 * spin;
    spin += 0.02 * turn;
    ++steps;
    fallen = std::abs(x) > 2.4 || std::abs(angle) > 0.2095;
  }
  bool done() const { return fallen || steps == kMostSteps; }
};

struct Policy : nn::Module<Policy> {
  nn::Linear body{4, 32}, actions{32, 2}, value{32, 1};
  std::pair<Tensor, Tensor> forward(const Tensor& states) {
    const Tensor h = tanh(body(states));
    return {actions(h), squeeze(value(h), 1)};
  }
};

/// Every step of some episodes: what was seen, what was done, and the discounted sum of what followed (1 a step).
struct Played {
  Tensor states, actions, returns;
  double mean_length;
};

Tensor as_tensor(const std::vector<std::array<double, 4>>& states) {
  std::vector<float> all;
  for (const auto& state : states)
    for (double s : state) all.push_back(static_cast<float>(s));
  return reshape(from_vector(all), {-1, 4});
}

Played play(Policy& policy) {
  std::vector<CartPole> carts(kCarts);
  std::vector<std::array<double, 4>> states;
  std::vector<std::int64_t> actions, at;
  std::vector<std::size_t> running(kCarts), who;
  std::iota(running.begin(), running.end(), 0);
  while (!running.empty()) {
    std::vector<std::array<double, 4>> now;
    for (std::size_t i : running) now.push_back(carts[i].state);
    const Tensor drawn = no_grad([&] { return multinomial(softmax(policy(as_tensor(now)).first, 1), 1); });
    const std::vector<std::int64_t> choice = drawn.to_vector<std::int64_t>();
    for (std::size_t k = 0; k < running.size(); ++k) {
      states.push_back(now[k]);
      actions.push_back(choice[k]);
      who.push_back(running[k]);
      at.push_back(carts[running[k]].steps);
      carts[running[k]].push(choice[k] == 1);
    }
    std::erase_if(running, [&](std::size_t i) { return carts[i].done(); });
  }
  // 1 + g + g² + … over the steps from each one to the end of its episode.
  std::vector<float> returns;
  for (std::size_t k = 0; k < who.size(); ++k) {
    const auto left = static_cast<double>(carts[who[k]].steps - at[k]);
    returns.push_back(static_cast<float>((1 - std::pow(kDiscount, left)) / (1 - kDiscount)));
  }
  return {as_tensor(states), from_vector(actions), from_vector(returns), static_cast<double>(states.size()) / kCarts};
}

int main() {
  manual_seed(0);
  Policy policy;
  optim::Adam adam{parameters(policy), {.lr = 0.01}};
  const double before = play(policy).mean_length;
  for (int i = 0; i < 50; ++i) {
    const Played played = play(policy);
    const auto [scores, value] = policy(played.states);
    const Tensor advantage = played.returns - detach(value * kScale);
    const Tensor chosen = cross_entropy(scores, played.actions, {.reduction = Reduction::none});  // -log π(a | s)
    adam.zero_grad();
    backward(mean(chosen * advantage / stddev(advantage)) + nn::mse_loss(value, played.returns / kScale));
    adam.step();
  }
  const double after = play(policy).mean_length;
  std::printf(
      "the pole stands for %.0f steps of at most %d before learning, for %.0f after\n", before, kMostSteps, after);
  return !(after > 100 && after > 3 * before);
}
