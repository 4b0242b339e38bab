#include "suite.h"

#include "gradus/tensor/random.h"

#include <algorithm>
#include <cmath>

namespace gradus::op_suite {
namespace {

/// Kept between values and kinks, and between distinct values.
constexpr double kGap = 0.05;

bool near_kink(const Domain& domain, double x) {
  const double margin = std::min(kGap, 0.02 * (domain.high - domain.low));
  return std::any_of(
      domain.kinks.begin(), domain.kinks.end(), [&](double kink) { return std::abs(x - kink) < margin; });
}

double draw_real(const Domain& domain, Generator& random) {
  const double edge = 0.02 * (domain.high - domain.low);
  double x = 0;
  do x = domain.low + edge + (domain.high - domain.low - 2 * edge) * random.uniform();
  while (near_kink(domain, x));
  return x;
}

/// `n` values of a domain (beyond its end if need be) in random order, no two within kGap.
std::vector<double> draw_distinct(const Domain& domain, std::int64_t n, Generator& random) {
  const double slot = std::max(1.2 * kGap, (domain.high - domain.low) / static_cast<double>(n));
  std::vector<double> values;
  for (int k = 0; static_cast<std::int64_t>(values.size()) < n; ++k) {
    const double x = domain.low + slot * k + 0.5 * kGap + (slot - kGap) * random.uniform();
    if (!near_kink(domain, x)) values.push_back(x);
  }
  for (std::size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
  return values;
}

Tensor draw_sample(const Sample& sample, const Shape& shape, DType dtype, Generator& random) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  const auto fill = [&](auto next) { std::generate(values.begin(), values.end(), next); };
  switch (sample.kind) {
    case Sample::Kind::flag:
      fill([&] { return static_cast<double>(random.below(2)); });
      return cast(from_vector(values, shape), boolean);
    case Sample::Kind::index: {
      const auto low = static_cast<std::int64_t>(sample.domain.low);
      const auto high = static_cast<std::int64_t>(sample.domain.high);
      fill([&] { return static_cast<double>(low + random.below(std::max<std::int64_t>(high - low, 1))); });
      return cast(from_vector(values, shape), int64);
    }
    default: fill([&] { return draw_real(sample.domain, random); });
  }
  return cast(from_vector(values, shape), dtype);
}

}  // namespace

Point draw(const Subject& subject, DType dtype, std::span<const Shape> shapes) {
  Generator random(2);
  const std::vector<Sample>& samples = subject.example.inputs;
  const auto shape_of = [&](std::size_t i) { return shapes.empty() ? samples[i].shape : shapes[i]; };
  std::int64_t distinct = 0;
  const Domain* domain = nullptr;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].kind != Sample::Kind::distinct) continue;
    distinct += shape_of(i).numel();
    domain = &samples[i].domain;
  }
  std::vector<double> values;
  if (distinct > 0) values = draw_distinct(*domain, distinct, random);
  auto next = values.begin();

  Point point;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Shape shape = shape_of(i);
    if (samples[i].kind == Sample::Kind::distinct) {
      const auto end = next + shape.numel();
      point.inputs.push_back(cast(from_vector(std::vector<double>(next, end), shape), dtype));
      next = end;
    } else {
      point.inputs.push_back(draw_sample(samples[i], shape, dtype, random));
    }
    if (samples[i].takes_gradient()) point.real.push_back(i);
  }
  return point;
}

Tensor draw_cotangent(const Shape& shape, DType dtype, std::uint64_t seed) {
  Generator random(seed);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& v : values) {
    const double u = random.uniform();
    v = u < 0.5 ? -1 + u : u;
  }
  return cast(from_vector(values, shape), dtype);
}

List pick(std::span<const Tensor> all, const std::vector<std::size_t>& which) {
  List result;
  for (std::size_t i : which) result.push_back(all[i]);
  return result;
}

Tensor call(const Subject& subject, std::span<const Tensor> inputs) {
  struct Restore {
    Generator state = default_generator();
    ~Restore() { default_generator() = state; }
  } restore;
  manual_seed(4);
  return subject.example.call(inputs);
}

gradus::detail::Function function_at(const Subject& subject, const Point& point) {
  return [&subject, point](std::span<const Tensor> xs) {
    List inputs = point.inputs;
    for (std::size_t k = 0; k < xs.size(); ++k) inputs[point.real[k]] = xs[k];
    return List{call(subject, inputs)};
  };
}

bool has_derivative(const Subject& subject) {
  if (!subject.example.differentiable) return false;
  if (subject.op != nullptr && !subject.op->info.differentiable) return false;
  const std::vector<Sample>& samples = subject.example.inputs;
  return std::any_of(samples.begin(), samples.end(), [](const Sample& s) { return s.takes_gradient(); });
}

Recorded record(const Subject& subject, std::span<const Tensor> inputs, const std::vector<std::size_t>& real) {
  Recorded r;
  r.inputs.assign(inputs.begin(), inputs.end());
  for (std::size_t i : real) r.leaves.push_back(r.inputs[i] = leaf(detach(inputs[i])));
  const RecordingGuard on(true);
  r.y = call(subject, r.inputs);
  return r;
}

Outcome run(const Subject& subject, const Point& point, const Tensor& cotangent) {
  const Recorded r = record(subject, point.inputs, point.real);
  Outcome outcome{detach(r.y), {}};
  if (!requires_grad(r.y)) return outcome;
  const Tensor c = cotangent.defined() ? cotangent : draw_cotangent(r.y.shape(), r.y.dtype());
  outcome.gradients = grad(r.y, r.leaves, c);
  return outcome;
}

std::optional<std::string> difference(const Tensor& got, const Tensor& expected, double rtol) {
  const auto describe = [](const Tensor& x) {
    return fmt::format("{} {}", to_string(x.dtype()), to_string(x.shape()));
  };
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return fmt::format("expected {}, got {}", describe(expected), describe(got));
  const std::vector<double> a = got.to_vector(), b = expected.to_vector();
  double size = 0;
  for (double v : b)
    if (std::isfinite(v)) size = std::max(size, std::abs(v));
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) || std::abs(a[i] - b[i]) <= rtol * size) continue;
    return fmt::format("expected {:.9g} at place {} of {}, got {:.9g}", b[i], i, describe(expected), a[i]);
  }
  return {};
}

void compare(Failures& failures, const std::string& where, const Outcome& got, const Outcome& expected, double rtol) {
  if (const auto d = difference(got.y, expected.y, rtol)) fail(failures, "{}: value: {}", where, *d);
  if (got.gradients.size() != expected.gradients.size()) {
    fail(failures, "{}: expected {} gradients, got {}", where, expected.gradients.size(), got.gradients.size());
    return;
  }
  for (std::size_t k = 0; k < got.gradients.size(); ++k)
    if (const auto d = difference(got.gradients[k], expected.gradients[k], rtol))
      fail(failures, "{}: gradient {}: {}", where, k, *d);
}

}  // namespace gradus::op_suite
