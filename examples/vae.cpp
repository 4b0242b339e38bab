// A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114) of drawn digits: the bound on the likelihood is
// maximised through samples that are differentiable in their mean and deviation.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

constexpr std::int64_t kPixels = 144, kHidden = 128, kLatent = 8;

struct Vae : nn::Module<Vae> {
  nn::Linear hidden{kPixels, kHidden}, mean{kHidden, kLatent}, log_var{kHidden, kLatent};
  nn::Sequential decode{nn::Linear{kLatent, kHidden}, relu, nn::Linear{kHidden, kPixels}};

  struct Bound {
    Tensor reconstruction, divergence;  // of an image, in nats
  };
  /// The two parts of -ELBO: -log p(x | z) for a z ~ q(z | x) = N(mean, var), and KL(q | N(0, 1)).
  Bound forward(const Tensor& x) {
    const Tensor h = relu(hidden(x)), m = mean(h), v = log_var(h);
    const Tensor z = m + exp(v / 2.0) * normal(m.shape());
    const double n = static_cast<double>(x.size(0));
    return {nn::bce_with_logits(decode(z), x, {.reduction = Reduction::sum}) / n,
            sum(square(m) + exp(v) - v - 1.0) / (2 * n)};
  }
};

int main() {
  manual_seed(0);
  const Tensor images =
      cast(flatten(data::drawn_digits({.count = 1500, .size = 12, .noise = 0}).inputs) > 0.5, float32);
  const Tensor train = narrow(images, 0, 0, 1000), test = narrow(images, 0, 1000, 500);

  // What independent pixels, each with its own frequency, say of the test images.
  const Tensor frequency = broadcast_to(clamp(mean(train, 0), 0.001, 0.999), test.shape());
  const double independent = bce_loss(frequency, test, {.reduction = Reduction::sum}).item() / 500;

  Vae vae;
  optim::Adam adam{parameters(vae), {.lr = 3e-3}};
  const double before = sum(stack({vae(test).reconstruction, vae(test).divergence}, 0)).item();
  for (int epoch = 0; epoch < 20; ++epoch)
    for (const auto& [x, none] : data::Loader(data::Dataset{train}, {.batch = 50, .shuffle = true})) {
      const auto [reconstruction, divergence] = vae(x);
      adam.zero_grad();
      backward(reconstruction + divergence);
      adam.step();
    }
  const auto [reconstruction, divergence] = no_grad([&] { return vae(test); });
  const double after = (reconstruction + divergence).item();
  std::printf("-ELBO of new images, in nats: %.1f -> %.1f (%.1f of it KL); independent pixels: %.1f\n",
              before,
              after,
              divergence.item(),
              independent);
  return !(after < 0.9 * independent && divergence.item() > 2);
}
