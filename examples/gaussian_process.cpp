// Gaussian process regression (Rasmussen & Williams 2006, algorithm 2.1 and section 5.4.1): length, amplitude and noise
// by L-BFGS on the marginal likelihood, whose gradient passes through the Cholesky factor.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>
#include <numbers>

using namespace gradus::prelude;

/// Logarithms, so that all are positive.
struct Process : nn::Module<Process> {
  Parameter log_length{zeros({}, float64)}, log_amplitude{zeros({}, float64)}, log_noise{zeros({}, float64)};

  /// The squared exponential kernel between the rows of a and b.
  Tensor kernel(const Tensor& a, const Tensor& b) const {
    const Tensor d2 = sum(square(unsqueeze(a, 1) - unsqueeze(b, 0)), 2);
    return exp(2.0 * log_amplitude - d2 * exp(-2.0 * log_length) / 2.0);
  }
  /// The lower L with L Lᵀ = K + σ² I.
  Tensor factor(const Tensor& x) const {
    return cholesky(kernel(x, x) + exp(2.0 * log_noise) * eye(x.size(0), -1, float64));
  }
  /// -log p(y | x), for y [N, 1].
  Tensor negative_log_likelihood(const Tensor& x, const Tensor& y) const {
    const Tensor l = factor(x);
    const double n = static_cast<double>(x.size(0));
    return sum(square(triangular_solve(l, y))) / 2.0 + sum(log(diagonal(l))) + n / 2 * std::log(2 * std::numbers::pi);
  }
  /// Mean and variance at new points, of the function without noise.
  std::pair<Tensor, Tensor> predict(const Tensor& x, const Tensor& y, const Tensor& points) const {
    const Tensor l = factor(x), v = triangular_solve(l, kernel(x, points));
    return {matmul(transpose(v), triangular_solve(l, y)), exp(2.0 * log_amplitude) - unsqueeze(sum(square(v), 0), 1)};
  }
};

int main() {
  manual_seed(0);
  const auto f = [](const Tensor& x) { return sin(2.0 * x) + 0.5 * cos(5.0 * x); };
  const Tensor x = uniform({100, 1}, -3, 3, float64), y = f(x) + 0.1 * normal({100, 1}, 0, 1, float64);
  const Tensor points = reshape(linspace(-2.5, 2.5, 101, float64), {101, 1});

  Process process;
  const double before = process.negative_log_likelihood(x, y).item();
  optim::Lbfgs lbfgs{parameters(process), {.max_iterations = 50, .max_evaluations = 100}};
  lbfgs.step([&] {
    lbfgs.zero_grad();
    const Tensor loss = process.negative_log_likelihood(x, y);
    backward(loss);
    return loss.item();
  });
  const double after = process.negative_log_likelihood(x, y).item(), noise = exp(process.log_noise).item();

  const auto [mean_f, var_f] = process.predict(x, y, points);
  const Tensor error = abs(mean_f - f(points));
  const double rms = std::sqrt(mean(square(error)).item());
  const double covered = mean(cast(error < 3.0 * sqrt(var_f), float64)).item();
  std::printf("-log p(y) %.1f -> %.1f; length %.2f, amplitude %.2f, noise %.3f (0.1)\n",
              before,
              after,
              exp(process.log_length).item(),
              exp(process.log_amplitude).item(),
              noise);
  std::printf("error at new points %.3f rms; %.0f %% of them within three standard deviations\n", rms, 100 * covered);
  return !(after < before - 50 && noise > 0.06 && noise < 0.15 && rms < 0.1 && covered > 0.8);
}
