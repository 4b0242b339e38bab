// Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, arXiv:1206.1901): the gradient of a density leads many chains
// at once through a banana whose moments are known.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

using namespace gradus::prelude;

constexpr int kChains = 400, kWarmup = 100, kKept = 500, kLeaps = 10;
constexpr double kStep = 0.25;

/// -log p of each row (x, y), up to a constant: x ~ N(0, 1), y ~ N(x², 1).
Tensor potential(const Tensor& q) {
  const Tensor x = select(q, 1, 0), y = select(q, 1, 1);
  return (square(x) + square(y - square(x))) / 2.0;
}
Tensor kinetic(const Tensor& p) { return sum(square(p), 1) / 2.0; }

const auto slope = grad([](const Tensor& q) { return sum(potential(q)); });

/// Along Hamilton's equations dq/dt = p, dp/dt = -slope(q), by the leapfrog method.
std::pair<Tensor, Tensor> leapfrog(Tensor q, Tensor p) {
  p = p - kStep / 2 * slope(q);
  for (int i = 0; i < kLeaps; ++i) {
    q = q + kStep * p;
    p = p - (i + 1 < kLeaps ? kStep : kStep / 2) * slope(q);
  }
  return {q, p};
}

int main() {
  manual_seed(0);
  Tensor q = zeros({kChains, 2}, float64);
  std::vector<Tensor> kept;
  double accepted = 0;
  for (int i = 0; i < kWarmup + kKept; ++i) {
    const Tensor p = normal({kChains, 2}, 0, 1, float64);
    const auto [next, momentum] = leapfrog(q, p);
    const Tensor rise = potential(next) + kinetic(momentum) - potential(q) - kinetic(p);
    const Tensor accept = log(uniform({kChains}, 0, 1, float64)) < -rise;
    q = where(unsqueeze(accept, 1), next, q);
    if (i < kWarmup) continue;
    kept.push_back(q);
    accepted += mean(cast(accept, float64)).item() / kKept;
  }

  const Tensor all = concat(kept, 0), x = select(all, 1, 0), y = select(all, 1, 1);
  const double mx = mean(x).item(), vx = var(x).item(), my = mean(y).item(), vy = var(y).item();
  std::printf(
      "accepted %.2f; mean and variance of x %.3f, %.3f (0, 1), of y %.3f, %.3f (1, 3)\n", accepted, mx, vx, my, vy);
  const bool right = std::abs(mx) < 0.1 && std::abs(vx - 1) < 0.15 && std::abs(my - 1) < 0.15 && std::abs(vy - 3) < 0.6;
  return !(right && accepted > 0.6);
}
