// Rosenbrock's function minimised by Newton's method: gradient and Hessian of a plain function.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

/// (1 - x)² + 100 (y - x²)², least at (1, 1), where it is 0 (Rosenbrock 1960).
Tensor rosenbrock(const Tensor& p) {
  const Tensor x = select(p, 0, 0), y = select(p, 0, 1);
  return square(1 - x) + 100 * square(y - square(x));
}

int main() {
  const auto gradient = grad(rosenbrock);
  const auto curvature = hessian(rosenbrock);

  Tensor p = tensor({-1.2, 1.0}, float64);
  int steps = 0;
  for (; rosenbrock(p).item() > 1e-20 && steps < 50; ++steps) {
    std::printf(
        "%2d  (%9.6f, %9.6f)  f = %.3e\n", steps, select(p, 0, 0).item(), select(p, 0, 1).item(), rosenbrock(p).item());
    p = p - solve(curvature(p), gradient(p));
  }
  std::printf("reached f = %.1e after %d steps\n", rosenbrock(p).item(), steps);
  return steps > 10 || !all_close(p, ones({2}, float64), 1e-8);
}
