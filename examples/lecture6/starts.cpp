#include "starts.h"

#include "plot.h"
#include "training.h"

#include <fmt/format.h>

#include <cmath>

using namespace gradus;

namespace lecture6::starts {
namespace {

double share(const Tensor& condition) { return mean(to(condition, float32)).item(); }

/// W x + b for normal inputs, weights of this deviation.
Tensor first_layer(double scale, double bias, const Options& options) {
  manual_seed(0);
  const Tensor x = normal({options.rows, options.width});
  return matmul(x, normal({options.width, options.width}, 0, scale)) + bias;
}

Bias start_with(double bias, const data::Splits& data, const Options& options) {
  const double he = std::sqrt(2.0 / static_cast<double>(options.width));
  std::vector<double> accuracies;
  for (int seed = 0; seed < options.seeds; ++seed)
    accuracies.push_back(
        train({.bias = bias, .seed = static_cast<std::uint64_t>(seed)}, data).validation.back().accuracy);
  const train::CrossValidation all = train::mean_and_spread(accuracies);
  return {bias, share(first_layer(he, bias, options) > 0.0), all.mean, all.spread};
}

Saturation saturate(double scale, const Options& options) {
  const Tensor s = sigmoid(first_layer(scale, 0, options));
  const Tensor slope = s * (1 - s);
  return {scale, mean(slope).item(), share(slope < 0.0025)};
}

Offset propagate(double offset, const Options& options) {
  manual_seed(0);
  Tensor x = normal({options.rows, options.width}, offset);
  const double he = std::sqrt(2.0 / static_cast<double>(options.width));
  Offset result{offset, {}};
  for (int layer = 0; layer < options.layers; ++layer) {
    result.shares.push_back((sum(square(mean(x, 0))) / mean(sum(square(x), 1))).item());
    x = relu(matmul(x, normal({options.width, options.width}, 0, he)));
  }
  return result;
}

}  // namespace

Result run(const Options& options) {
  const data::Splits data = digit_splits(1000, 1000);
  Result result;
  for (const double bias : options.biases) result.biases.push_back(start_with(bias, data, options));
  for (const double scale : options.scales) result.saturations.push_back(saturate(scale, options));
  for (const double offset : options.offsets) result.offsets.push_back(propagate(offset, options));
  return result;
}

void show(const Result& result, const std::string& folder) {
  fmt::print("relu, He\n  bias  active  accuracy\n");
  for (const Bias& b : result.biases)
    fmt::print("  {:4}  {:5.1f}%  {:.3f} ± {:.3f}\n", b.bias, 100 * b.active, b.accuracy, b.spread);
  fmt::print("sigmoid\n  weights       mean slope  saturated\n");
  Series slopes{"mean slope", {}, {}}, saturated{"saturated", {}, {}};
  for (const Saturation& s : result.saturations) {
    fmt::print("  {:4} N(0,1)  {:11.4f}  {:8.1f}%\n", s.scale, s.slope, 100 * s.saturated);
    slopes.x.push_back(s.scale), slopes.y.push_back(s.slope);
    saturated.x.push_back(s.scale), saturated.y.push_back(s.saturated);
  }
  Panel layers{.title = "share of the mean in a layer's inputs", .x_label = "layer", .y_min = 0, .y_max = 1.001};
  fmt::print("share of the mean in a layer's inputs: relu, He\n");
  for (const Offset& o : result.offsets) {
    fmt::print("  inputs of mean {}  ", o.offset);
    Series s{fmt::format("mean {}", o.offset), {}, o.shares};
    for (const double value : o.shares) {
      fmt::print("{:7.3f}", value);
      s.x.push_back(static_cast<double>(s.x.size() + 1));
    }
    fmt::print("\n");
    layers.series.push_back(std::move(s));
  }
  write_svg(folder + "/starts.svg",
            {{.title = "sigmoid", .x_label = "deviation of the weights", .series = {slopes, saturated}, .log_x = true},
             layers},
            {.columns = 2});
}

}  // namespace lecture6::starts
