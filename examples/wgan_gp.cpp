// A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028): the critic's slope between real
// and generated points is drawn to 1, so its loss holds a derivative that is differentiated once more.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

constexpr std::int64_t kBatch = 64;
constexpr int kCriticSteps = 5;
constexpr double kPenalty = 0.1;  // as the authors take it in the plane; 10 for images

struct Net : nn::Module<Net> {
  nn::Linear fc1, fc2, fc3;
  Net(std::int64_t in, std::int64_t out) : fc1(in, 64), fc2(64, 64), fc3(64, out) {}
  auto fields() { return nn::fields("fc1", fc1, "fc2", fc2, "fc3", fc3); }
  Tensor forward(const Tensor& x) { return fc3(relu(fc2(relu(fc1(x))))); }
};

Tensor draw(std::int64_t count) { return 2.0 * data::two_moons({.points = count / 2, .noise = 0.05}).inputs; }

/// The norm of the critic's gradient at points between real and generated ones.
Tensor slopes(Net& critic, const Tensor& real, const Tensor& fake) {
  const Tensor between = fake + uniform({real.size(0), 1}) * (real - fake);
  return norm(grad([&](const Tensor& x) { return sum(critic(x)); })(between), 2, 1);
}

/// The energy distance of two samples, 0 for equal distributions (Székely & Rizzo 2013).
double distance(const Tensor& a, const Tensor& b) {
  return (2.0 * mean(cdist(a, b)) - mean(cdist(a, a)) - mean(cdist(b, b))).item();
}

int main() {
  manual_seed(0);
  Net generator(4, 2), critic(2, 1);
  const auto sample = [&](std::int64_t count) { return no_grad([&] { return generator(normal({count, 4})); }); };
  const double before = distance(sample(1000), draw(1000));

  optim::Adam adam_g{parameters(generator), {.lr = 2e-3, .beta1 = 0.5, .beta2 = 0.9}};
  optim::Adam adam_c{parameters(critic), {.lr = 2e-3, .beta1 = 0.5, .beta2 = 0.9}};
  for (int step = 0; step < 600; ++step) {
    for (int i = 0; i < kCriticSteps; ++i) {
      const Tensor real = draw(kBatch), fake = sample(kBatch);
      adam_c.zero_grad();
      backward(mean(critic(fake)) - mean(critic(real)) + kPenalty * mean(square(slopes(critic, real, fake) - 1.0)));
      adam_c.step();
    }
    adam_g.zero_grad();
    backward(-mean(critic(generator(normal({kBatch, 4})))));
    adam_g.step();
  }

  const double after = distance(sample(1000), draw(1000));
  const double slope = mean(slopes(critic, draw(1000), sample(1000))).item();
  std::printf("energy distance to two moons %.3f -> %.4f; mean slope of the critic %.2f\n", before, after, slope);
  return !(after < 0.1 * before && slope > 0.3 && slope < 4);
}
