// A generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661): a generator learns a mixture of eight
// normal distributions on a circle from a discriminator that tells its points from real ones.
#include <gradus/gradus.h>

#include <cstdio>
#include <numbers>

using namespace gradus::prelude;

constexpr std::int64_t kModes = 8, kBatch = 128;

Tensor centres() {
  const Tensor angle = arange(kModes, float32) * (2 * std::numbers::pi / kModes);
  return 2.0 * stack({cos(angle), sin(angle)}, 1);
}
Tensor draw(std::int64_t count) {
  return index_select(centres(), 0, cast(uniform({count}, 0, kModes), int64)) + 0.2 * normal({count, 2});
}

nn::Sequential network(std::int64_t in, std::int64_t out) {
  return {nn::Linear{in, 64}, relu, nn::Linear{64, 64}, relu, nn::Linear{64, out}};
}

/// The energy distance of two samples, 0 for equal distributions (Székely & Rizzo 2013).
double distance(const Tensor& a, const Tensor& b) {
  return (2.0 * mean(cdist(a, b)) - mean(cdist(a, a)) - mean(cdist(b, b))).item();
}

int main() {
  manual_seed(0);
  nn::Sequential generator = network(8, 2), discriminator = network(2, 1);
  const auto sample = [&](std::int64_t count) { return generator(normal({count, 8})); };
  const auto measure = [&] { return no_grad([&] { return distance(sample(1000), draw(1000)); }); };
  const double before = measure();

  optim::Adam adam_g{parameters(generator), {.lr = 1e-3, .beta1 = 0}};
  optim::Adam adam_d{parameters(discriminator), {.lr = 2e-3, .beta1 = 0}};
  const Tensor real = ones({kBatch, 1}), fake = zeros({kBatch, 1});
  for (int step = 0; step < 1500; ++step) {
    adam_d.zero_grad();
    backward(nn::bce_with_logits(discriminator(draw(kBatch)), real) +
             nn::bce_with_logits(discriminator(detach(sample(kBatch))), fake));
    adam_d.step();

    adam_g.zero_grad();
    backward(nn::bce_with_logits(discriminator(sample(kBatch)), real));  // -log D(G(z)), as the paper advises
    adam_g.step();
  }

  const double after = measure();
  const Tensor nearest = argmin(cdist(sample(1000), centres()), 1);
  const Tensor counts = sum(one_hot(nearest, kModes), 0);
  std::printf("energy distance to the mixture %.3f -> %.4f; of 1000 points near each mode: at least %.0f\n",
              before,
              after,
              min(counts).item());
  return !(after < 0.1 * before && min(counts).item() >= 20);
}
