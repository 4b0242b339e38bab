#include "gradus/train/find_rate.h"

#include "guards.h"
#include "measure.h"
#include "watch/kept.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace gradus::train {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Of the whole fall of the loss, what counts as barely moving.
constexpr double kBarely = 0.1;
// Points over which a slope is taken.
constexpr std::size_t kSpan = 5;

void check(const data::Dataset& data, const RateOptions& o, CallSite site) {
  const auto refuse = [&](const std::string& message) {
    gradus::detail::fail<ArgumentError>("find_rate", message, site);
  };
  if (data.size() == 0) refuse("expected rows, got none");
  if (!(o.low > 0 && o.high > o.low && std::isfinite(o.high)))
    refuse(fmt::format("expected rates 0 < low < high, got {} and {}", o.low, o.high));
  if (o.steps < 10) refuse(fmt::format("expected steps >= 10, got {}", o.steps));
  if (o.batch < 1) refuse(fmt::format("expected a batch >= 1, got {}", o.batch));
  if (!(o.smoothing >= 0 && o.smoothing < 1)) refuse(fmt::format("expected 0 <= smoothing < 1, got {}", o.smoothing));
  if (!(o.explosion > 1)) refuse(fmt::format("expected an explosion above 1, got {}", o.explosion));
}

/// Fills in what the curve says. `ended` tells that its last point is where the loss exploded.
void judge(RateRange& range, bool ended) {
  const std::vector<RatePoint>& curve = range.curve;
  range.low = range.high = range.suggested = kNaN;
  range.too_high = ended ? curve.back().lr : std::numeric_limits<double>::infinity();
  const auto lowest = std::min_element(
      curve.begin(), curve.end(), [](const RatePoint& a, const RatePoint& b) { return a.smooth < b.smooth; });
  const auto start = static_cast<std::ptrdiff_t>(std::min(kSpan, curve.size()));
  double first = 0;
  for (auto it = curve.begin(); it != curve.begin() + start; ++it) first += it->smooth / static_cast<double>(start);
  const double fall = first - lowest->smooth;
  if (!(fall > 0.05 * std::abs(first))) {
    range.verdict = fmt::format("the loss of {:.4g} falls at none of the rates from {:.2g} to {:.2g}",
                                first,
                                curve.front().lr,
                                curve.back().lr);
    return;
  }
  const auto moves =
      std::find_if(curve.begin(), curve.end(), [&](const RatePoint& p) { return p.smooth < first - kBarely * fall; });
  range.low = moves->lr;
  range.high = std::max(lowest->lr, range.low);
  double steepest = 0;
  range.suggested = range.low;
  for (auto it = moves; it + static_cast<std::ptrdiff_t>(kSpan) <= lowest; ++it)
    if (const double slope = it->smooth - (it + kSpan)->smooth; slope > steepest)
      steepest = slope, range.suggested = (it + kSpan / 2)->lr;
  range.verdict =
      fmt::format("below {:.2g} the loss barely moves: too low; it falls from {:.2g} to {:.2g}, fastest at {:.2g}",
                  range.low,
                  range.low,
                  range.high,
                  range.suggested);
  range.verdict += ended ? fmt::format("; at {:.2g} it is {:.4g}: too high", range.too_high, curve.back().loss)
                         : fmt::format("; up to {:.2g} it does not explode", curve.back().lr);
}

}  // namespace

RateRange detail::find_rate(const AnyModel& model,
                            const data::Dataset& data,
                            const RateOptions& options,
                            CallSite site) {
  check(data, options, site);
  const Kept kept(model.module);
  const RecordingGuard recording(true);
  default_generator() = Generator(options.seed);
  nn::detail::set_training(model.module, true);
  std::unique_ptr<optim::Optimizer> own;
  optim::Optimizer* optimizer = options.optimizer.get();
  if (optimizer == nullptr)
    own = std::make_unique<optim::Adam>(nn::detail::parameters(model.module)), optimizer = own.get();
  const optim::State state = optimizer->state();
  const AtEnd restore([&] { optimizer->set_state(state); });
  const Loss loss_of = loss_for(options.loss, data.targets, "find_rate", site);
  data::Loader loader(data,
                      {.batch = std::min(options.batch, data.size()),
                       .shuffle = true,
                       .drop_last = true,
                       .transform = options.transform,
                       .seed = options.seed});
  RateRange range;
  double mean = 0, weight = 0, lowest = std::numeric_limits<double>::infinity();
  bool ended = false;
  while (!ended && static_cast<std::int64_t>(range.curve.size()) < options.steps)
    for (const data::Batch& batch : loader) {
      const auto i = static_cast<double>(range.curve.size());
      const double lr = options.low * std::pow(options.high / options.low, i / static_cast<double>(options.steps - 1));
      optimizer->set_lr(lr);
      optimizer->zero_grad();
      const Tensor loss = loss_of(model.forward(model.object, Arg(batch.inputs, site)), batch.targets);
      const double value = loss.item<double>();
      mean = options.smoothing * mean + (1 - options.smoothing) * value;
      weight = options.smoothing * weight + (1 - options.smoothing);
      range.curve.push_back({lr, value, mean / weight});
      lowest = std::min(lowest, mean / weight);
      ended = !std::isfinite(value) || mean / weight > options.explosion * std::max(lowest, 1e-12);
      if (ended || static_cast<std::int64_t>(range.curve.size()) == options.steps) break;
      backward(loss);
      optimizer->step();
    }
  judge(range, ended);
  return range;
}

}  // namespace gradus::train
