#include "watching.h"

#include "digits.h"
#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <cmath>

using namespace gradus;

namespace lecture6::watching {
namespace {

struct Net : nn::Module<Net> {
  nn::Linear fc1, fc2;
  Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
};

Net make_net(std::int64_t inputs, const init::Policy& policy, const Options& options) {
  manual_seed(options.seed);
  Net net{{}, {inputs, options.hidden}, {options.hidden, 10}};
  nn::init(net, policy);
  return net;
}

Curve train_at(double rate, const data::Dataset& rows, const Options& options) {
  Net net = make_net(rows.inputs.size(1), init::he(), options);
  optim::Sgd sgd(parameters(net), {.lr = rate});
  data::Loader loader(rows, {.shuffle = true, .drop_last = true});
  train::Babysitter sitter(net, {.every = 1, .print = false});
  Curve curve{rate, {}, 0};
  for (int epoch = 0; epoch < options.epochs; ++epoch)
    for (const auto& [x, y] : loader) {
      sgd.zero_grad();
      const Tensor loss = nn::cross_entropy(net(x), y);
      if (!std::isfinite(loss.item())) break;
      curve.losses.push_back(loss.item());
      backward(loss);
      sitter.after_backward(loss);
      sgd.step();
      sitter.after_step(sgd);
    }
  std::vector<double> ratios;
  for (const auto& seen : sitter.measurements().parameters.at(0).samples) ratios.push_back(seen.update / seen.weight);
  curve.update_ratio = median(from_vector(ratios)).item();
  return curve;
}

}  // namespace

Result run(const Options& options) {
  data::Dataset rows = digits(options.rows);
  rows.inputs = data::Standardize({.per = data::Per::all}).fit(rows.inputs)(rows.inputs);
  Result result;

  Net net = make_net(rows.inputs.size(1), init::normal(0, options.scale), options);
  result.weights = net.fc1.weight.numel() + net.fc2.weight.numel();
  for (const double penalty : options.penalties) {
    const Tensor squares = sum(square(net.fc1.weight)) + sum(square(net.fc2.weight));
    const Tensor loss = nn::cross_entropy(net(rows.inputs), rows.targets) + penalty / 2 * squares;
    result.starts.push_back({penalty, loss.item()});
  }

  const data::Dataset few = rows.slice(0, options.overfit_rows);
  optim::Adam adam(parameters(net));
  for (int step = 0; step < options.overfit_steps; ++step) {
    adam.zero_grad();
    const Tensor loss = nn::cross_entropy(net(few.inputs), few.targets);
    backward(loss);
    adam.step();
    result.overfit_losses.push_back(loss.item());
    result.overfit_accuracies.push_back(train::evaluate(net, few).accuracy);
  }

  Net fresh = make_net(rows.inputs.size(1), init::he(), options);
  optim::Sgd sgd(parameters(fresh));
  result.range = train::find_rate(fresh, rows, {.low = 1e-5, .high = 100, .optimizer = sgd, .seed = options.seed});
  for (const double rate : options.rates) result.curves.push_back(train_at(rate, rows, options));
  return result;
}

void show(const Result& result, const std::string& folder) {
  fmt::print("loss before training; log 10 = {:.4f}\n  penalty        loss\n", std::log(10));
  for (const Start& s : result.starts) fmt::print("  {:7}  {:10.4f}\n", s.penalty, s.loss);
  fmt::print("a few rows learnt by heart\n  step      loss  accuracy\n");
  for (std::size_t i = 0; i < result.overfit_losses.size(); i += 1 + i)
    fmt::print("  {:4}  {:8.4f}  {:8.2f}\n", i + 1, result.overfit_losses[i], result.overfit_accuracies[i]);
  fmt::print("learning rates\n      rate  steps  first loss   last loss  last updates / weights\n");
  Panel overfit{.title = "a few rows learnt by heart", .x_label = "step", .y_label = "loss"};
  Panel rates{.title = "learning rates", .x_label = "step", .y_label = "loss"};
  rates.y_min = 0, rates.y_max = 4;
  const auto line = [](std::string name, const std::vector<double>& losses) {
    Series s{std::move(name), {}, losses};
    for (std::size_t i = 0; i < losses.size(); ++i) s.x.push_back(static_cast<double>(i + 1));
    return s;
  };
  overfit.series = {line("", result.overfit_losses)};
  for (const Curve& c : result.curves) {
    fmt::print("  {:8}  {:5}  {:10.4f}  {:10.4g}  {:23.1e}\n",
               c.rate,
               c.losses.size(),
               c.losses.front(),
               c.losses.back(),
               c.update_ratio);
    rates.series.push_back(line(fmt::format("{}", c.rate), c.losses));
  }
  fmt::print("range test: {}\n", result.range.verdict);
  Panel range{.title = "range test", .x_label = "learning rate", .y_label = "loss", .log_x = true};
  range.y_min = 0, range.y_max = 4;
  range.series = {{"", {}, {}}};
  for (const train::RatePoint& p : result.range.curve)
    range.series[0].x.push_back(p.lr), range.series[0].y.push_back(p.smooth);
  write_svg(folder + "/watching.svg", {overfit, rates, range}, {.columns = 2});
}

}  // namespace lecture6::watching
