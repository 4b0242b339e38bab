// The greatest eigenvalue of the Hessian of a trained network's loss, by power iteration on products
// with it (Pearlmutter 1994); the Hessian itself, here 354 × 354, is formed only to check the result.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>
#include <utility>

using namespace gradus::prelude;

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 16};
  nn::Linear fc2{16, 16};
  nn::Linear fc3{16, 2};
  Tensor forward(const Tensor& x) { return fc3(tanh(fc2(tanh(fc1(x))))); }
};

int main() {
  manual_seed(3);
  Net net;
  to(net, float64);
  const data::Dataset moons = data::two_moons({.points = 100, .noise = 0.1});
  const Tensor x = cast(moons.inputs, float64), labels = moons.targets;
  const auto loss = [&] { return nn::cross_entropy(net(x), labels); };

  const std::vector<Parameter> weights = parameters(net);
  optim::Adam adam{weights, {.lr = 0.02}};
  for (int step = 0; step < 200; ++step) {
    adam.zero_grad();
    backward(loss());
    adam.step();
  }
  std::printf("loss after training %.4f\n", loss().item());

  // Power iteration over all parameters at once: v ← H v / |H v|.
  const auto dot = [](const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double total = 0;
    for (std::size_t i = 0; i < a.size(); ++i) total += sum(a[i] * b[i]).item();
    return total;
  };
  std::vector<Tensor> v;
  for (const Parameter& w : weights) v.push_back(normal(w.shape(), 0, 1, float64));
  double eigenvalue = 0;
  for (int i = 0; i < 200; ++i) {
    const double norm = std::sqrt(dot(v, v));
    for (Tensor& part : v) part = part / norm;
    const std::vector<Tensor> hv = hvp(loss, weights, v);
    const double before = std::exchange(eigenvalue, dot(v, hv));
    v = hv;
    if (std::abs(eigenvalue - before) < 1e-9 * std::abs(eigenvalue)) break;
  }
  std::printf("greatest eigenvalue of the Hessian, by power iteration %.6f\n", eigenvalue);

  // The same from the whole Hessian, put together from a block for each pair of parameters.
  const auto blocks = hessian(loss)(weights);
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::vector<Tensor> row;
    for (std::size_t j = 0; j < weights.size(); ++j)
      row.push_back(reshape(blocks[i][j], {weights[i].numel(), weights[j].numel()}));
    rows.push_back(concat(row, 1));
  }
  const double exact = max(abs(eigh(concat(rows)).values)).item();
  std::printf("                               by decomposition %.6f\n", exact);
  return std::abs(eigenvalue - exact) > 1e-4 * exact;
}
