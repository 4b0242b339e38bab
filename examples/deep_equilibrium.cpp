// A deep equilibrium layer (Bai, Kolter & Koltun 2019, arXiv:1909.01377): its result is the fixed point of
// z = tanh(W z + x), its rule the implicit function theorem, so nothing of the iteration is kept for the backward pass.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;
using gradus::Cotangents, gradus::Op, gradus::OpInfo, gradus::Pullback, gradus::Saves;

/// z = f(z), for a contraction f.
template <class F>
Tensor fixed_point(F f, Tensor z) {
  for (int i = 0; i < 500; ++i) {
    const Tensor next = f(z);
    const double change = max(abs(next - z)).item();
    z = next;
    if (change < 1e-10) break;
  }
  return z;
}

struct Equilibrium : Op {
  static constexpr OpInfo info{.name = "equilibrium", .arity = 2, .saves = Saves::inputs | Saves::output};
  static Tensor step(const Tensor& z, const Tensor& x, const Tensor& w) { return tanh(linear(z, w) + x); }

  Tensor forward(const Tensor& x, const Tensor& w) const {
    return fixed_point([&](const Tensor& z) { return step(z, x, w); }, zeros_like(x));
  }
  /// u = g + Jᵀ u with J = d step / dz; then the cotangents of x and W are those of one step, for u.
  Cotangents vjp(const Pullback& p) const {
    const auto pull = [&](const Tensor& u) { return gradus::vjp(step, {p.out(), p.in(0), p.in(1)}, u).second; };
    const auto cotangents = pull(fixed_point([&](const Tensor& u) { return p.g + pull(u)[0]; }, p.g));
    return {cotangents[1], cotangents[2]};
  }
};
const auto equilibrium = make_op<Equilibrium>();

/// Rows with a sum of at most 0.9 make the step a contraction.
Tensor contractive(const Tensor& w) { return 0.9 * w / clamp(sum(abs(w), 1, true), 0.9, 1e9); }

struct Net : nn::Module<Net> {
  nn::Linear in{2, 24};
  Parameter w{normal({24, 24}, 0, 0.1)};
  nn::Linear out{24, 2};
  Tensor forward(const Tensor& x) { return out(equilibrium(3.0 * in(x), contractive(w))); }
};

int main() {
  manual_seed(0);
  const auto layer = [](const Tensor& x, const Tensor& w) { return equilibrium(x, contractive(w)); };
  const auto check = gradcheck(layer, {normal({2, 4}), normal({4, 4})});
  std::printf("the rule differs from difference quotients by %.1e\n", check.max_relative_error);

  auto [x, y, names, features] = data::two_moons({.points = 60, .noise = 0.1});
  x = to(x, float64);
  Net net;
  to(net, float64);
  optim::Adam adam{parameters(net), {.lr = 0.02}};
  double first = 0, last = 0;
  for (int i = 0; i < 60; ++i) {
    adam.zero_grad();
    const Tensor loss = nn::cross_entropy(net(x), y);
    backward(loss);
    adam.step();
    last = loss.item();
    if (i == 0) first = last;
  }
  const double accuracy = mean(cast(argmax(net(x), 1) == y, float64)).item();
  std::printf("two moons: loss %.3f -> %.3f, accuracy %.3f\n", first, last, accuracy);
  return !(check.ok && last < 0.2 * first && accuracy > 0.95);
}
