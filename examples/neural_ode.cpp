// A neural ordinary differential equation (Chen et al. 2018, arXiv:1806.07366) learns a spiral. Its gradient is that of
// the adjoint method: the state is integrated back in time along with its cotangent, so no step is kept.
#include <gradus/gradus.h>

#include <algorithm>
#include <cstdio>
#include <vector>

using namespace gradus::prelude;
using gradus::Cotangents, gradus::Op, gradus::OpInfo, gradus::Pullback, gradus::Saves;

using State = std::vector<Tensor>;

/// a + c b
State add(const State& a, double c, const State& b) {
  State y;
  for (std::size_t i = 0; i < a.size(); ++i) y.push_back(a[i] + c * b[i]);
  return y;
}

/// dy/dt = f(y) by the classical Runge–Kutta method, from 0 to `time`, which may be negative.
template <class F>
State integrate(F f, State y, double time, int steps = 10) {
  const double h = time / steps;
  for (int i = 0; i < steps; ++i) {
    const State k1 = f(y), k2 = f(add(y, h / 2, k1)), k3 = f(add(y, h / 2, k2)), k4 = f(add(y, h, k3));
    y = add(add(add(add(y, h / 6, k1), h / 3, k2), h / 3, k3), h / 6, k4);
  }
  return y;
}

constexpr double kTime = 0.5;

/// dz/dt: a network of the cubes of the coordinates, as in the paper's example.
Tensor field(const Tensor& z, const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2) {
  return linear(tanh(linear(z * z * z, w1, b1)), w2, b2);
}

/// Where points z [N, 2] are after kTime.
Tensor unrolled(const Tensor& z, const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2) {
  return integrate([&](const State& y) { return State{field(y[0], w1, b1, w2, b2)}; }, {z}, kTime)[0];
}

struct Flow : Op {
  static constexpr OpInfo info{.name = "flow", .arity = 5, .saves = Saves::inputs | Saves::output};
  Tensor forward(const Tensor& z, const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2) const {
    return unrolled(z, w1, b1, w2, b2);
  }
  /// Back from the end: z by dz/dt = f, its cotangent a by da/dt = -aᵀ df/dz, those of the weights by -aᵀ df/dw.
  Cotangents vjp(const Pullback& p) const {
    State y{p.out(), p.g};
    for (int i = 1; i < 5; ++i) y.push_back(zeros_like(p.in(i)));
    const auto back = [&](const State& at) {
      const auto [f, cotangents] = gradus::vjp(field, {at[0], p.in(1), p.in(2), p.in(3), p.in(4)}, at[1]);
      State slope{f};
      for (const Tensor& c : cotangents) slope.push_back(-c);
      return slope;
    };
    y = integrate(back, y, -kTime);
    return {y[1], y[2], y[3], y[4], y[5]};
  }
};
const auto flow = make_op<Flow>();

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 32, {.dtype = float64}}, fc2{32, 2, {.dtype = float64}};
  Tensor forward(const Tensor& z) { return flow(z, fc1.weight, fc1.bias, fc2.weight, fc2.bias); }
};

/// Points on spirals, and where they are after kTime: dz/dt = A z³.
std::pair<Tensor, Tensor> draw(std::int64_t count) {
  const Tensor z = uniform({count, 2}, -2, 2, float64), a = tensor({{-0.1, 2.0}, {-2.0, -0.1}}, float64);
  const auto truth = [&](const State& y) { return State{linear(y[0] * y[0] * y[0], a)}; };
  return {z, integrate(truth, {z}, kTime, 40)[0]};
}

int main() {
  manual_seed(0);
  Net net;
  const auto [z, target] = draw(100);
  const auto check = [&](const auto& f) {
    const auto loss = [&] {
      return nn::mse_loss(f(z, net.fc1.weight, net.fc1.bias, net.fc2.weight, net.fc2.bias), target);
    };
    return grad(loss, parameters(net));
  };
  const auto adjoint = check(flow), exact = check(unrolled);
  double difference = 0;
  for (std::size_t i = 0; i < exact.size(); ++i)
    difference = std::max(difference, (norm(adjoint[i] - exact[i]) / norm(exact[i])).item());
  std::printf("gradients by the adjoint method and by unrolling differ by %.1e\n", difference);

  const double before = nn::mse_loss(net(z), target).item();
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  for (int step = 0; step < 300; ++step) {
    const auto [start, end] = draw(50);
    adam.zero_grad();
    backward(nn::mse_loss(net(start), end));
    adam.step();
  }
  const double after = nn::mse_loss(net(z), target).item();
  std::printf("mean squared error of where points go: %.3f -> %.4f\n", before, after);
  return !(difference < 1e-5 && after < 0.05 * before);
}
