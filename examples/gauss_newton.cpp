// A curve fitted by Gauss–Newton: each step solves JᵀJ s = -Jᵀr by conjugate gradients, with products by J
// (jvp) and Jᵀ (vjp); the Jacobian is never formed.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

using namespace gradus::prelude;

/// a e^(-b t) cos(c t): a damped oscillation.
Tensor model(const Tensor& p, const Tensor& t) {
  return select(p, 0, 0) * exp(-select(p, 0, 1) * t) * cos(select(p, 0, 2) * t);
}

/// The s with apply(s) = b, by conjugate gradients; `apply` multiplies by a symmetric positive matrix.
template <class Apply>
Tensor conjugate_gradients(Apply apply, const Tensor& b, int most) {
  Tensor s = zeros_like(b), r = b, d = b;
  double rr = sum(r * r).item();
  const double enough = 1e-24 * rr;
  for (int i = 0; i < most && rr > enough; ++i) {
    const Tensor ad = apply(d);
    const double step = rr / sum(d * ad).item();
    s = s + step * d;
    r = r - step * ad;
    const double next = sum(r * r).item();
    d = r + (next / rr) * d;
    rr = next;
  }
  return s;
}

int main() {
  gradus::Generator generator(7);
  const Tensor truth = tensor({2.0, 0.4, 3.0}, float64);
  const Tensor t = linspace(0, 6, 200, float64);
  const Tensor data = model(truth, t) + 0.01 * normal({200}, 0, 1, float64, generator);

  const auto residual = [&](const Tensor& p) { return model(p, t) - data; };
  Tensor p = tensor({1.0, 0.2, 2.7}, float64);
  for (int i = 0; i < 12; ++i) {
    const Tensor r = residual(p);
    const auto normal_matrix = [&](const Tensor& v) { return vjp(residual, p, jvp(residual, p, v).second).second; };
    const Tensor down = -vjp(residual, p, r).second;
    p = p + conjugate_gradients(normal_matrix, down, 10);
    std::printf("%2d  |r| = %.6f\n", i, std::sqrt(sum(r * r).item()));
  }
  std::printf("a, b, c = %.4f %.4f %.4f\n", select(p, 0, 0).item(), select(p, 0, 1).item(), select(p, 0, 2).item());
  // The least residual of 200 points with noise of 0.01 is about 0.01 √197.
  return !all_close(p, truth, 0, 0.01) || std::sqrt(sum(square(residual(p))).item()) > 0.16;
}
