#include "zigzag.h"

#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <cmath>

using namespace gradus;

namespace lecture6::zigzag {
namespace {

/// The share of rows for which all gradients of a neuron's weights have the same sign.
double one_sign(const Tensor& rows) {
  const std::int64_t weights = rows.size(1);
  nn::Linear neuron(weights, 1);
  int count = 0;
  for (const Tensor& row : unbind(rows)) {
    nn::zero_grad(neuron);
    backward(sum(sigmoid(neuron(row))));
    const double signs = sum(sign(gradient(neuron.weight))).item();
    count += std::abs(signs) == static_cast<double>(weights);
  }
  return count / static_cast<double>(rows.size(0));
}

Path descend(const std::string& name, bool centre, const Result& goal, const Options& options) {
  manual_seed(options.seed);
  const double low = centre ? -0.5 : 0;
  const auto inputs = [&](std::int64_t n) { return uniform({options.rows, n}, low, low + 1); };
  Path path{name, one_sign(inputs(2)), one_sign(inputs(options.many)), {0}, {0}};

  nn::Linear neuron(2, 1, {.bias = false});
  init::zeros(neuron.weight);
  const Tensor x = inputs(2), y = linear(x, tensor({{goal.target_x, goal.target_y}}));
  optim::Sgd sgd(parameters(neuron), {.lr = options.rate});
  const double distance = std::hypot(goal.target_x, goal.target_y);
  data::Loader loader({x, y}, {.batch = 1});
  for (int epoch = 0; epoch < options.epochs; ++epoch)
    for (const auto& [row, wanted] : loader) {
      sgd.zero_grad();
      backward(nn::mse_loss(neuron(row), wanted));
      sgd.step();
      const auto w = neuron.weight.to_vector();
      const double step = std::hypot(w[0] - path.x.back(), w[1] - path.y.back());
      path.x.push_back(w[0]), path.y.push_back(w[1]);
      if (path.steps_to_target < 0) {
        path.length += step / distance;
        if (std::hypot(w[0] - goal.target_x, w[1] - goal.target_y) < 0.1 * distance)
          path.steps_to_target = static_cast<std::int64_t>(path.x.size()) - 1;
      }
    }
  return path;
}

}  // namespace

Result run(const Options& options) {
  Result result;
  result.positive = descend("all positive", false, result, options);
  result.centred = descend("zero-centred", true, result, options);
  return result;
}

void show(const Result& result, const std::string& folder) {
  fmt::print("inputs         one sign of 2  of many  steps to 9/10  length of path\n");
  std::vector<Panel> panels;
  for (const Path* path : {&result.positive, &result.centred}) {
    fmt::print("{:<13}  {:12.0f}%  {:6.1f}%  {:13}  {:14.2f}\n",
               path->inputs,
               100 * path->one_sign_of_two,
               100 * path->one_sign_of_many,
               path->steps_to_target,
               path->length);
    const auto first = path->steps_to_target + 1;
    panels.push_back(
        {.title = path->inputs,
         .x_label = "first weight",
         .y_label = "second weight",
         .series = {{"", {path->x.begin(), path->x.begin() + first}, {path->y.begin(), path->y.begin() + first}},
                    {"sought", {result.target_x}, {result.target_y}, Draw::dots}},
         .x_min = -0.6,
         .x_max = 1.4,
         .y_min = -1.4,
         .y_max = 0.6});
  }
  write_svg(folder + "/zigzag.svg", panels, {.columns = 2, .width = 360, .height = 360});
}

}  // namespace lecture6::zigzag
