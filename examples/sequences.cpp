// A two-layer LSTM learns to say at each step which symbol it was shown three steps ago.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

constexpr std::int64_t kSymbols = 6, kSteps = 16, kDelay = 3, kHidden = 32;

struct Net : nn::Module<Net> {
  nn::Embedding embedding{kSymbols, 16};
  nn::LSTM lstm{16, kHidden, {.num_layers = 2}};
  nn::Linear fc{kHidden, kSymbols};
  /// Scores of the symbols [T - delay, N, symbols].
  Tensor forward(const Tensor& x) { return fc(narrow(lstm(embedding(x)).y, 0, kDelay, kSteps - kDelay)); }
};

/// Sequences [T, N], and what is to be said.
std::pair<Tensor, Tensor> draw(std::int64_t count) {
  const Tensor x = cast(uniform({kSteps, count}, 0, kSymbols), int64);
  return {x, flatten(narrow(x, 0, 0, kSteps - kDelay), 0)};
}

int main() {
  manual_seed(1);
  Net net;
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  for (int step = 1; step <= 150; ++step) {
    const auto [x, y] = draw(32);
    adam.zero_grad();
    const Tensor loss = nn::cross_entropy(reshape(net(x), {-1, kSymbols}), y);
    backward(loss);
    optim::clip_grad_norm(adam.parameters(), 1.0);
    adam.step();
    if (step % 50 == 0) std::printf("step %3d  loss %.4f\n", step, loss.item());
  }
  const auto [x, y] = draw(500);
  const Tensor said = argmax(reshape(no_grad([&, &in = x] { return net(in); }), {-1, kSymbols}), 1);
  const double right = mean(cast(said == y, float32)).item();
  std::printf("%.1f %% of what it says about new sequences is right\n", 100 * right);
  return right < 0.98;
}
