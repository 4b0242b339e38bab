// Values and derivatives where arithmetic has borders: zeros of either sign, the ends and kinks of a domain,
// infinities, NaN, the largest, smallest and subnormal numbers.

#include "border_judge.h"

#include "gradus/autograd/functional.h"
#include "gradus/tensor/random.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::op_suite {
namespace {

using Row = std::vector<double>;
using Float = std::numeric_limits<float>;
using Double = std::numeric_limits<double>;
constexpr double kInfinity = Double::infinity(), kNaN = Double::quiet_NaN();

/// A number (rounded to float32 there), and the one that lies as near to the ends of float64.
struct Border {
  double here, twin;
};

/// Of either sign, from 0 to infinity, and those of a domain. Far ones are such whose squares overflow; of
/// results that come together from many elements, such whose squares don't.
std::vector<Border> borders_of(const Domain& domain, bool elementwise) {
  std::vector<Border> all{{kNaN, kNaN}};
  const auto add = [&](double here, double twin) {
    const auto same = [=](const Border& b) { return b.here == here && std::signbit(b.here) == std::signbit(here); };
    if (!std::isnan(here) && std::none_of(all.begin(), all.end(), same)) all.push_back({here, twin});
  };
  const int reach = elementwise ? 100 : 60;
  const double most = elementwise ? 1 : 0x1p-10;  // sums of a few don't overflow
  for (const double sign : {1., -1.}) {
    for (const double x : {0., 1., kInfinity}) add(sign * x, sign * x);
    add(std::ldexp(sign, reach), std::ldexp(sign, 9 * reach));
    add(std::ldexp(sign, -reach), std::ldexp(sign, -9 * reach));
    add(sign * most * static_cast<double>(Float::max()), sign * most * Double::max());
    add(sign * static_cast<double>(Float::min()), sign * Double::min());
    add(sign * static_cast<double>(Float::denorm_min()), sign * Double::denorm_min());
  }
  add(domain.low, domain.low);
  add(domain.high, domain.high);
  for (double kink : domain.kinks) add(kink, kink);
  return all;
}

/// A number within 1/1024 of x (or of ordinary size) on the same side of 0.
double beside(double x) {
  if (x == 0) return std::copysign(0x1p-10, x);
  return std::isinf(x) ? std::copysign(3, x) : x * (1 - 0x1p-10);
}
/// A finite number in place of an infinite one; its cube is finite too.
double huge(double x) { return std::isinf(x) ? std::copysign(0x1.4p300, x) : x; }
double large(double x) { return std::isinf(x) ? std::copysign(1234.567, x) : x; }
double larger(double x) { return std::isinf(x) ? std::copysign(87654.321, x) : x; }

void add_forward(const Place& at, std::size_t k, Lines& lines) {
  const Point one{at.inputs, {at.real[k]}};
  const List x = pick(at.inputs, one.real);
  const auto along = jvp(function_at(at.subject, one), x, {at.weights(x[0], 5)});
  const char* what = at.elementwise() ? "gradient" : "jvp";
  lines.push_back({fmt::format("{} {}", what, k), 1, at.real[k], " by jvp", along.second[0].to_vector()});
}

/// All derivatives to second order; throws as the op does.
Lines derive(const Place& at) {
  const Recorded r = record(at.subject, at.inputs, at.real);
  Lines lines{{"value", 0, 0, "", r.y.to_vector()}};
  if (!has_derivative(at.subject) || !requires_grad(r.y)) return lines;
  const Tensor c = at.weights(r.y, 3);
  const List fused = grad(r.y, r.leaves, c, {.retain_graph = true});
  const RecordingGuard on(true);
  const List composed = grad(r.y, r.leaves, c, {.create_graph = true});
  const std::size_t n = fused.size();
  for (std::size_t k = 0; k < n; ++k) {
    const std::string what = fmt::format("gradient {}", k);
    lines.push_back({what, 1, at.real[k], "", fused[k].to_vector()});
    lines.push_back({what, 1, at.real[k], " recorded", composed[k].to_vector()});
    add_forward(at, k, lines);
  }
  for (std::size_t k = 0; k < n; ++k) {
    if (!requires_grad(composed[k])) continue;
    const List second = grad(composed[k], r.leaves, at.weights(composed[k], 7 + k), {.retain_graph = true});
    for (std::size_t j = 0; j < n; ++j)
      lines.push_back({fmt::format("second derivative {} {}", k, j), 2, at.real[j], "", second[j].to_vector()});
  }
  return lines;
}

/// Nothing if the op refuses the inputs.
std::optional<Lines> try_derive(const Place& at) {
  try {
    return derive(at);
  } catch (const Error&) {
    return {};
  }
}

// ---- the places ----------------------------------------------------------------------------------

using Numbers = std::vector<std::vector<Border>>;  // of each input

/// The place with `change` made to the numbers of floating inputs.
template <class F>
Place with(const Place& at, const Numbers& numbers, DType dtype, F change) {
  Place result = at;
  for (std::size_t k = 0; k < at.inputs.size(); ++k) {
    Tensor& x = result.inputs[k];
    if (!is_floating(x.dtype())) continue;
    Row values;
    for (const Border& b : numbers[k]) values.push_back(change(b));
    x = cast(from_vector(values, x.shape()), dtype);
  }
  return result;
}

void judge(const Place& at, const Numbers& numbers, Failures& failures) {
  const auto here = [](const Border& b) { return b.here; };
  std::optional<Lines> wide = try_derive(with(at, numbers, float64, here));
  if (!wide) return;
  const auto view = [&](double (*change)(double)) {
    return View([&, change] {
      return try_derive(with(at, numbers, float64, [=](const Border& b) { return change(b.here); }));
    });
  };
  const auto twin = [](const Border& b) { return b.twin; };
  Views views{std::move(*wide),
              View([&] { return try_derive(with(at, numbers, float64, twin)); }),
              view(beside),
              view(huge),
              view(large),
              view(larger)};
  const Place place = with(at, numbers, float64, here);
  compare(place, views, views.here, false, failures);
  compare_limits(place, views, failures);
  if (const auto narrow = try_derive(with(at, numbers, float32, here))) compare(place, views, *narrow, true, failures);
}

bool takes_borders(const Sample& s) { return s.kind != Sample::Kind::index && s.kind != Sample::Kind::flag; }

/// Those to be tried: of a user's op finite ones only within the domain that it is declared for.
std::vector<Border> borders_of(const Subject& subject, const Sample& sample) {
  std::vector<Border> all = borders_of(sample.domain, subject.example.elementwise);
  if (!subject.library)
    std::erase_if(all, [&](const Border& b) {
      return std::isfinite(b.here) && !(b.here >= sample.domain.low && b.here <= sample.domain.high);
    });
  return all;
}

/// All combinations of borders at once, each for an element of its own; of very many 20000 drawn ones.
void check_elements(const Subject& subject, Failures& failures) {
  const std::vector<Sample>& samples = subject.example.inputs;
  constexpr std::int64_t most = 20000;
  std::int64_t n = 1;
  std::vector<std::vector<Border>> borders;
  for (const Sample& s : samples) {
    borders.push_back(takes_borders(s) ? borders_of(subject, s) : std::vector<Border>(2));
    n = std::min(most + 1, n * static_cast<std::int64_t>(borders.back().size()));
  }
  const bool all = n <= most;
  if (!all) n = most;
  const Point point = draw(subject, float64, std::vector<Shape>(samples.size(), Shape{n}));
  Generator random(9);
  Numbers numbers(samples.size());
  for (std::int64_t e = 0; e < n; ++e) {
    std::int64_t code = e;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const auto count = static_cast<std::int64_t>(borders[k].size());
      numbers[k].push_back(borders[k][static_cast<std::size_t>(all ? code % count : random.below(count))]);
      code /= count;
    }
  }
  judge({subject, point.inputs, point.real}, numbers, failures);
}

/// Each border for one element of an input, and for all of it.
void check_one_by_one(const Subject& subject, Failures& failures) {
  const std::vector<Sample>& samples = subject.example.inputs;
  const Point point = draw(subject);
  Numbers ordinary;
  for (const Tensor& x : point.inputs) {
    ordinary.emplace_back();
    for (double v : x.to_vector()) {
      const double rounded = static_cast<double>(static_cast<float>(v));
      ordinary.back().push_back({rounded, rounded});
    }
  }
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (!takes_borders(samples[k]) || ordinary[k].empty()) continue;
    for (const Border& b : borders_of(subject, samples[k])) {
      Numbers numbers = ordinary;
      numbers[k][numbers[k].size() / 2] = b;
      judge({subject, point.inputs, point.real}, numbers, failures);
      std::fill(numbers[k].begin(), numbers[k].end(), b);
      judge({subject, point.inputs, point.real}, numbers, failures);
      if (failures.size() > 8) return;
    }
  }
}

}  // namespace

void check_borders(const Subject& subject, Failures& failures) {
  subject.example.elementwise ? check_elements(subject, failures) : check_one_by_one(subject, failures);
}

}  // namespace gradus::op_suite
