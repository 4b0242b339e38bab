#include "gradus/nn/init.h"

#include "gradus/graph/recording.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace gradus::init {

using gradus::detail::fail;
using gradus::detail::SitePin;

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + slope * slope));
    case Nonlinearity::selu: return 0.75;
    default: return 1;
  }
}

double gain(const std::function<Tensor(const Tensor&)>& f) {
  constexpr double reach = 12, step = 1.0 / 1024;
  return no_grad([&] {
    const Tensor z = arange(-reach, reach + step / 2, step, float64);
    const Tensor density = exp(square(z) * -0.5) * (step / std::sqrt(2 * std::numbers::pi));
    return 1 / std::sqrt(sum(square(f(z)) * density).item());
  });
}

static void check_dimensions(const Tensor& weight, int least, int most, const char* what) {
  if (weight.rank() < least || weight.rank() > most)
    fail<ShapeError>("init", fmt::format("expected {}, got {}", what, to_string(weight.shape())));
}

std::pair<std::int64_t, std::int64_t> fans(const Tensor& weight, CallSite site) {
  const SitePin pin(site);
  check_dimensions(weight, 2, kMaxRank, "a weight of at least two dimensions");
  const Shape shape = weight.shape();
  std::int64_t field = 1;
  for (int d = 2; d < shape.rank(); ++d) field *= shape[d];
  return {shape[1] * field, shape[0] * field};
}

// ---- fills --------------------------------------------------------------------------------------

Tensor& constant(Target target, double value) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  copy_into(weight, full_like(weight, value));
  return weight;
}
Tensor& zeros(Target target) { return constant(target, 0); }
Tensor& ones(Target target) { return constant(target, 1); }

Tensor& identity(Target target) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  check_dimensions(weight, 2, 2, "a matrix");
  copy_into(weight, eye(weight.size(0), weight.size(1), weight.dtype()));
  return weight;
}

Tensor& dirac(Target target, std::int64_t groups) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  check_dimensions(weight, 3, 5, "a kernel of 3 to 5 dimensions");
  const std::int64_t out = weight.size(0), in = weight.size(1);
  if (groups < 1 || out % groups != 0)
    fail<ArgumentError>("init", fmt::format("expected groups that divide {} channels, got {}", out, groups));
  std::int64_t field = 1, middle = 0;
  for (int d = 2; d < weight.rank(); ++d) {
    field *= weight.size(d);
    middle = middle * weight.size(d) + weight.size(d) / 2;
  }
  std::vector<double> values(static_cast<std::size_t>(weight.numel()), 0.0);
  for (std::int64_t g = 0; field > 0 && g < groups; ++g)
    for (std::int64_t d = 0; d < std::min(out / groups, in); ++d)
      values[static_cast<std::size_t>(((g * (out / groups) + d) * in + d) * field + middle)] = 1;
  copy_into(weight, from_vector(values, weight.shape()));
  return weight;
}

Tensor& normal(Target target, double mean, double std, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  copy_into(weight, gradus::normal(weight.shape(), mean, std, weight.dtype(), generator));
  return weight;
}

Tensor& uniform(Target target, double low, double high, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  copy_into(weight, gradus::uniform(weight.shape(), low, high, weight.dtype(), generator));
  return weight;
}

Tensor& truncated_normal(Target target, double mean, double std, double low, double high, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  copy_into(weight, gradus::truncated_normal(weight.shape(), mean, std, low, high, weight.dtype(), generator));
  return weight;
}

/// Uniform with the standard deviation `std`; of no elements where a fan is 0.
static Tensor& symmetric(Tensor& weight, double std, Generator& generator) {
  const double bound = std::isfinite(std) ? std::sqrt(3.0) * std : 0;
  return uniform(weight, -bound, bound, generator);
}

static double xavier_std(const Tensor& weight, double gain) {
  const auto [in, out] = fans(weight);
  return gain * std::sqrt(2.0 / static_cast<double>(in + out));
}

Tensor& xavier_uniform(Target target, double gain, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  return symmetric(weight, xavier_std(weight, gain), generator);
}
Tensor& xavier_normal(Target target, double gain, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  return normal(weight, 0, xavier_std(weight, gain), generator);
}

static double he_std(const Tensor& weight, const HeOptions& options) {
  const auto [in, out] = fans(weight);
  return gain(options.nonlinearity, options.slope) / std::sqrt(static_cast<double>(options.fan == Fan::in ? in : out));
}

Tensor& he_uniform(Target target, HeOptions options, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  return symmetric(weight, he_std(weight, options), generator);
}
Tensor& he_normal(Target target, HeOptions options, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  return normal(weight, 0, he_std(weight, options), generator);
}
Tensor& lecun_uniform(Target target, Generator& generator) {
  return he_uniform(target, {.nonlinearity = Nonlinearity::linear}, generator);
}
Tensor& lecun_normal(Target target, Generator& generator) {
  return he_normal(target, {.nonlinearity = Nonlinearity::linear}, generator);
}

Tensor& orthogonal(Target target, double gain, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  const auto [in, out] = fans(weight);
  const std::int64_t rows = weight.size(0), rest = in, many = std::max(rows, rest), few = std::min(rows, rest);
  if (few == 0 || out == 0) return weight;
  no_grad([&] {
    const auto [q, r] = qr(gradus::normal({many, few}, 0, 1, float64, generator));
    const Tensor columns = q * sign(diagonal(r)) * gain;
    const Tensor matrix = rows < rest ? transpose(columns) : columns;
    copy_into(weight, reshape(matrix, weight.shape()));
  });
  return weight;
}

Tensor& sparse(Target target, double sparsity, double std, Generator& generator) {
  Tensor& weight = target.tensor;
  const SitePin pin(target.site);
  if (!(sparsity >= 0 && sparsity <= 1))
    fail<ArgumentError>("init", fmt::format("expected a sparsity in [0, 1], got {}", sparsity));
  const std::int64_t rest = fans(weight).first, rows = weight.size(0),
                     none = static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  std::vector<double> values = gradus::normal(weight.shape(), 0, std, float64, generator).to_vector();
  for (std::int64_t column = 0; column < rest; ++column) {
    const auto order = permutation(rows, generator);
    for (std::int64_t i = 0; i < none; ++i)
      values[static_cast<std::size_t>(order.data<std::int64_t>()[i] * rest + column)] = 0;
  }
  copy_into(weight, from_vector(values, weight.shape()));
  return weight;
}

// ---- policies -----------------------------------------------------------------------------------

Policy constant(double value) {
  return {[=](Tensor& w, Generator&) { constant(w, value); }};
}
Policy zeros() { return constant(0); }
Policy ones() { return constant(1); }
Policy identity() {
  return {[](Tensor& w, Generator&) { w.rank() == 2 ? identity(w) : dirac(w); }};
}
Policy uniform(double low, double high) {
  return {[=](Tensor& w, Generator& g) { uniform(w, low, high, g); }};
}
Policy normal(double mean, double std) {
  return {[=](Tensor& w, Generator& g) { normal(w, mean, std, g); }};
}
Policy truncated_normal(double mean, double std, double low, double high) {
  return {[=](Tensor& w, Generator& g) { truncated_normal(w, mean, std, low, high, g); }};
}
Policy xavier(double gain) {
  return {[=](Tensor& w, Generator& g) { xavier_normal(w, gain, g); }};
}
Policy xavier_uniform(double gain) {
  return {[=](Tensor& w, Generator& g) { xavier_uniform(w, gain, g); }};
}
Policy he(HeOptions options) {
  return {[=](Tensor& w, Generator& g) { he_normal(w, options, g); }};
}
Policy he_uniform(HeOptions options) {
  return {[=](Tensor& w, Generator& g) { he_uniform(w, options, g); }};
}
Policy lecun() {
  return {[](Tensor& w, Generator& g) { lecun_normal(w, g); }};
}
Policy lecun_uniform() {
  return {[](Tensor& w, Generator& g) { lecun_uniform(w, g); }};
}
Policy orthogonal(double gain) {
  return {[=](Tensor& w, Generator& g) { orthogonal(w, gain, g); }};
}
Policy sparse(double sparsity, double std) {
  return {[=](Tensor& w, Generator& g) { sparse(w, sparsity, std, g); }};
}

}  // namespace gradus::init
