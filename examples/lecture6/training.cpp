#include "training.h"

#include "digits.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace gradus;

namespace lecture6 {
namespace {

nn::Sequential make_net(const Setup& setup, std::int64_t inputs) {
  nn::Sequential net;
  const auto linear = [&](std::int64_t width, double bias) {
    nn::Linear layer(inputs, width);
    nn::init(layer, setup.policy);
    init::constant(layer.bias, bias);
    net.push_back(std::move(layer));
    inputs = width;
  };
  for (const std::int64_t width : setup.hidden) {
    linear(width, setup.bias);
    if (setup.batch_norm) net.push_back(nn::BatchNorm(width));
    net.push_back(setup.nonlinearity);
  }
  linear(10, 0);
  return net;
}

double weight_norm(nn::Sequential& net) {
  double squares = 0;
  for (const Parameter& p : parameters(net))
    if (p.shape().rank() >= 2) squares += no_grad([&] { return sum(square(p)).item(); });
  return std::sqrt(squares);
}

/// One pass over the rows. False if a loss is not finite.
bool run_epoch(nn::Sequential& net,
               data::Loader& loader,
               optim::Optimizer& sgd,
               optim::Schedule& schedule,
               train::Babysitter& sitter,
               double epochs) {
  const double step = 1 / (epochs * static_cast<double>(loader.size()));
  for (const auto& [x, y] : loader) {
    sgd.zero_grad();
    const Tensor loss = nn::cross_entropy(net(x), y);
    if (!std::isfinite(loss.item())) return false;
    backward(loss);
    sitter.after_backward(loss);
    sgd.step();
    sitter.after_step(sgd);
    schedule.set_time(schedule.time() + step);
  }
  return true;
}

}  // namespace

data::Splits digit_splits(std::int64_t rows, std::int64_t validation) {
  data::Dataset all = digits(rows + validation);
  all.inputs = data::Standardize({.per = data::Per::all}).fit(all.inputs)(all.inputs);
  return {.train = all.slice(0, rows), .validation = all.slice(rows, rows + validation)};
}

Training train(const Setup& setup, const data::Splits& data) {
  manual_seed(setup.seed);
  Training result{setup.name, {}, {}, {}, {}, make_net(setup, data.train.inputs.size(1))};
  nn::Sequential& net = result.net;
  optim::Sgd sgd(parameters(net), {.lr = setup.rate, .momentum = setup.momentum, .weight_decay = setup.decay});
  optim::Schedule schedule(sgd, setup.schedule);
  data::Loader loader(data.train, {.batch = setup.batch, .shuffle = true});
  const double never = std::numeric_limits<double>::infinity();  // how slow a loader is, is the machine's
  train::Babysitter sitter(net, {.print = false, .thresholds = {{"loader-slow", never}}});
  bool finite = true;
  for (int epoch = 0; epoch <= setup.epochs; ++epoch) {
    if (epoch > 0) finite = finite && run_epoch(net, loader, sgd, schedule, sitter, setup.epochs);
    result.train.push_back(finite ? train::evaluate(net, data.train) : train::Score());
    result.validation.push_back(finite ? train::evaluate(net, data.validation) : train::Score());
    result.weight_norms.push_back(finite ? weight_norm(net) : std::numeric_limits<double>::quiet_NaN());
    if (epoch > 0 && finite)
      sitter.after_epoch({.epoch = epoch, .train = result.train.back(), .validation = result.validation.back()});
  }
  for (const train::Finding& f : sitter.findings())
    if (std::ranges::find(result.findings, f.rule) == result.findings.end()) result.findings.push_back(f.rule);
  return result;
}

}  // namespace lecture6
