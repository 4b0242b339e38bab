#include "gradients.h"

#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <cmath>

using namespace gradus;

namespace lecture6::gradients {

std::vector<Curve> run(const Options& options) {
  const struct {
    const char* name;
    nn::AnyModule nonlinearity;
    init::Policy policy;
  } cases[] = {{"sigmoid, Xavier", nn::Sigmoid(), init::xavier()},
               {"tanh, Xavier", nn::Tanh(), init::xavier()},
               {"relu, Xavier", nn::ReLU(), init::xavier()},
               {"relu, He", nn::ReLU(), init::he()}};

  std::vector<Curve> curves;
  for (const auto& c : cases) {
    manual_seed(options.seed);
    Curve curve{c.name, options.depths, {}};
    for (const int depth : options.depths) {
      double logs = 0;
      for (int repeat = 0; repeat < options.repeats; ++repeat) {
        nn::Sequential net;
        for (int i = 0; i < depth; ++i) {
          net.push_back(nn::Linear(options.width, options.width));
          net.push_back(c.nonlinearity);
        }
        net.push_back(nn::Linear(options.width, 10));
        nn::init(net, c.policy);

        const Tensor x = normal({options.rows, options.width});
        backward(nn::cross_entropy(net(x), remainder(arange(options.rows), 10)));
        logs += std::log(norm(gradient(parameters(net)[0])).item());
      }
      curve.norms.push_back(std::exp(logs / options.repeats));
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

double factor_per_layer(const Curve& curve) {
  return std::pow(curve.norms.back() / curve.norms.front(), 1.0 / (curve.depths.back() - curve.depths.front()));
}

void show(const std::vector<Curve>& result, const std::string& folder) {
  fmt::print("norm of the first layer's gradient\n{:<18}", "hidden layers");
  for (const int depth : result.at(0).depths) fmt::print("{:>9}", depth);
  fmt::print("  a layer\n");
  Panel p{.title = "gradient of the first layer", .x_label = "hidden layers", .y_label = "norm", .log_y = true};
  for (const Curve& c : result) {
    fmt::print("{:<18}", c.name);
    for (const double n : c.norms) fmt::print("{:9.1e}", n);
    fmt::print("  × {:.2f}\n", factor_per_layer(c));
    p.series.push_back({c.name, {c.depths.begin(), c.depths.end()}, c.norms});
  }
  write_svg(folder + "/gradients.svg", {p}, {.width = 560, .height = 360});
}

}  // namespace lecture6::gradients
