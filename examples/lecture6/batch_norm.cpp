#include "batch_norm.h"

#include "digits.h"
#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <cmath>

using namespace gradus;

namespace lecture6::batch_norm {
namespace {

nn::Sequential make_net(std::int64_t inputs, double scale, bool batch_norm, const Options& options) {
  nn::Sequential net;
  for (int i = 0; i < options.layers; ++i) {
    net.push_back(nn::Linear(i == 0 ? inputs : options.width, options.width));
    if (batch_norm) net.push_back(nn::BatchNorm(options.width));
    net.push_back(nn::ReLU());
  }
  net.push_back(nn::Linear(options.width, 10));
  nn::init(net, init::normal(0, scale));
  return net;
}

}  // namespace

std::vector<Curve> run(const Options& options) {
  data::Dataset rows = digits(options.rows);
  rows.inputs = data::Standardize({.per = data::Per::all}).fit(rows.inputs)(rows.inputs);
  std::vector<Curve> curves;
  for (const double scale : options.scales)
    for (const bool batch_norm : {false, true}) {
      manual_seed(options.seed);
      nn::Sequential net = make_net(rows.inputs.size(1), scale, batch_norm, options);
      optim::Sgd sgd(parameters(net), {.lr = options.rate});
      data::Loader loader(rows, {.shuffle = true, .drop_last = true});
      Curve curve{scale, batch_norm, {}, 0};
      for (int epoch = 0; epoch < options.epochs; ++epoch)
        for (const auto& [x, y] : loader) {
          sgd.zero_grad();
          const Tensor loss = nn::cross_entropy(net(x), y);
          backward(loss);
          sgd.step();
          curve.losses.push_back(loss.item());
        }
      curve.accuracy = train::evaluate(net, rows).accuracy;
      curves.push_back(std::move(curve));
    }
  return curves;
}

void show(const std::vector<Curve>& result, const std::string& folder) {
  fmt::print("weights       batch norm  first loss   last loss  accuracy\n");
  Panel panels[2] = {{.title = "without batch normalisation"}, {.title = "with batch normalisation"}};
  for (const Curve& c : result) {
    fmt::print("{:5} N(0,1)  {:<10}  {:>10.4g}  {:>10.4g}  {:8.3f}\n",
               c.scale,
               c.batch_norm ? "yes" : "no",
               c.losses.front(),
               std::abs(c.losses.back()),  // nan, not -nan
               c.accuracy);
    Series s{fmt::format("{} N(0,1)", c.scale), {}, c.losses};
    for (std::size_t i = 0; i < c.losses.size(); ++i) s.x.push_back(static_cast<double>(i + 1));
    panels[c.batch_norm].series.push_back(std::move(s));
  }
  for (Panel& p : panels) {
    p.x_label = "step", p.y_label = "loss";
    p.y_min = 0, p.y_max = 4;
  }
  write_svg(folder + "/batch_norm.svg", {panels[0], panels[1]}, {.columns = 2});
}

}  // namespace lecture6::batch_norm
