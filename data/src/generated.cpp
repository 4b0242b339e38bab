#include "gradus/data/generated.h"

#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace gradus::data {
namespace {

using gradus::detail::fail;

void check(const char* op, std::int64_t classes, std::int64_t points, double noise) {
  if (classes < 1) fail<ArgumentError>(op, fmt::format("expected classes >= 1, got {}", classes));
  if (points < 1) fail<ArgumentError>(op, fmt::format("expected points >= 1, got {}", points));
  if (!(noise >= 0 && std::isfinite(noise))) fail<ArgumentError>(op, fmt::format("expected noise >= 0, got {}", noise));
}

/// A data set of points in the plane, class after class: `place(class, i, out)` sets each one's two
/// coordinates, i from 0 to 1.
template <class Place>
Dataset make_points(std::int64_t classes, std::int64_t points, Place&& place) {
  Dataset result{empty({classes * points, 2}), empty({classes * points}, int64), {}, {"x", "y"}};
  auto* xy = result.inputs.mutable_data<float>();
  auto* label = result.targets.mutable_data<std::int64_t>();
  for (std::int64_t j = 0; j < classes; ++j) {
    result.class_names.push_back(std::to_string(j));
    for (std::int64_t i = 0; i < points; ++i, xy += 2) {
      place(j, points == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(points - 1), xy);
      *label++ = j;
    }
  }
  return result;
}

}  // namespace

Dataset spiral(const SpiralOptions& options, Generator& generator, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check("spiral", options.classes, options.points, options.noise);
  const Tensor noise = normal({options.classes * options.points}, 0, options.noise, float64, generator);
  const double* shift = noise.data<double>();
  return make_points(options.classes, options.points, [&](std::int64_t j, double r, float* xy) {
    const double t = 4 * (static_cast<double>(j) + r) + *shift++;
    xy[0] = static_cast<float>(r * std::sin(t));
    xy[1] = static_cast<float>(r * std::cos(t));
  });
}

Dataset two_moons(const MoonsOptions& options, Generator& generator, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check("two_moons", 2, options.points, options.noise);
  const Tensor noise = normal({2 * options.points, 2}, 0, options.noise, float64, generator);
  const double* shift = noise.data<double>();
  return make_points(2, options.points, [&](std::int64_t j, double part, float* xy) {
    const double t = std::numbers::pi * part, x = std::cos(t), y = std::sin(t);
    xy[0] = static_cast<float>((j == 0 ? x : 1 - x) + *shift++);
    xy[1] = static_cast<float>((j == 0 ? y : 0.5 - y) + *shift++);
  });
}

}  // namespace gradus::data
