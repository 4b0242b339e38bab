// Whole numbers: what an op makes of int64 is what it makes of float64, and at the ends of int64 it gives a result or
// an error. That nothing overflows on the way is for the sanitizers to say.

#include "suite.h"

#include <array>
#include <cmath>
#include <limits>

namespace gradus::op_suite {
namespace {

using Limits = std::numeric_limits<std::int64_t>;
constexpr std::array<std::int64_t, 7> kEnds{
    Limits::min(), Limits::min() + 1, -1, 0, 1, Limits::max() - 1, Limits::max()};

/// The point with int64 in place of floating inputs: element i of input k, there v, is of(v, i, k).
template <class F>
List whole(const Point& point, F of) {
  List inputs = point.inputs;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!is_floating(inputs[k].dtype())) continue;
    const std::vector<double> from = inputs[k].to_vector();
    inputs[k] = empty(inputs[k].shape(), int64);
    std::int64_t* to = inputs[k].mutable_data<std::int64_t>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = of(from[i], i, k);
  }
  return inputs;
}

/// Nothing if the op refuses the inputs.
std::optional<Tensor> attempt(const Subject& subject, const List& inputs) {
  try {
    return call(subject, inputs);
  } catch (const Error&) {
    return {};
  }
}

/// Whether the op takes whole numbers; then its result is the one for the same in float64, if that is taken too.
bool takes(const Subject& subject, const Point& point, const List& small, Failures& failures) {
  const std::optional<Tensor> got = attempt(subject, small);
  if (!got) return false;
  List wide = small;
  for (std::size_t k = 0; k < wide.size(); ++k)
    if (is_floating(point.inputs[k].dtype())) wide[k] = cast(small[k], float64);
  if (const std::optional<Tensor> want = attempt(subject, wide))
    if (const auto d = difference(cast(*got, float64), cast(*want, float64), is_floating(got->dtype()) ? 1e-6 : 0))
      fail(failures, "of int64: {}", *d);
  return true;
}

}  // namespace

void check_integers(const Subject& subject, Failures& failures) {
  const Point point = draw(subject);
  const auto small = [](double v) {
    const auto n = static_cast<std::int64_t>(std::floor(4 * v));
    return n == 0 ? 1 : n;  // may be a divisor
  };
  const auto any = [&](double v, std::size_t, std::size_t) { return small(v); };
  const auto positive = [&](double v, std::size_t, std::size_t) { return std::abs(small(v)); };
  if (!takes(subject, point, whole(point, any), failures) && !takes(subject, point, whole(point, positive), failures))
    return;
  // Neighbours, and elements of two inputs that belong together, are each pair of ends once.
  for (std::size_t start = 0; start < kEnds.size(); ++start)
    for (std::size_t shift = 0; shift < kEnds.size(); ++shift)
      attempt(subject, whole(point, [&](double, std::size_t i, std::size_t k) {
                return kEnds[(start + i + shift * k) % kEnds.size()];
              }));
}

}  // namespace gradus::op_suite
