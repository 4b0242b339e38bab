#include "activations.h"

#include "plot.h"

#include <fmt/format.h>

#include <vector>

using namespace gradus;

namespace lecture6::activations {
namespace {

Layer measure(const Tensor& a) {
  return {
      mean(a).item(), stddev(a).item(), mean(square(a)).item(), mean(to(abs(a) > 0.99, float32)).item(), a.to_vector()};
}

}  // namespace

std::vector<Case> run(const Options& options) {
  const struct {
    const char* name;
    nn::AnyModule module;
  } nonlinearities[] = {{"tanh", nn::Tanh()}, {"relu", nn::ReLU()}};
  const struct {
    const char* name;
    init::Policy policy;
  } inits[] = {{"0.01 N(0,1)", init::normal(0, 0.01)},
               {"1 N(0,1)", init::normal(0, 1)},
               {"Xavier", init::xavier()},
               {"He", init::he()}};

  std::vector<Case> cases;
  for (const auto& f : nonlinearities)
    for (const auto& [name, policy] : inits) {
      manual_seed(options.seed);
      Tensor a = normal({options.rows, options.width});
      Case c{f.name, name, {}};
      for (int i = 0; i < options.layers; ++i) {
        nn::Sequential layer{nn::Linear(options.width, options.width), f.module};
        nn::init(layer, policy);
        a = no_grad([&] { return layer(a); });
        c.layers.push_back(measure(a));
      }
      cases.push_back(std::move(c));
    }
  return cases;
}

void show(const std::vector<Case>& result, const std::string& folder) {
  const auto row = [](const std::string& name, const Case& c, double Layer::* what) {
    fmt::print("{:<30}", name);
    for (const Layer& l : c.layers) fmt::print("{:9.2g}", l.*what);
    fmt::print("\n");
  };
  fmt::print("{:<30}", "layer");
  for (std::size_t i = 0; i < result.at(0).layers.size(); ++i) fmt::print("{:9}", i + 1);
  fmt::print("\n");
  std::vector<Panel> panels;
  for (const Case& c : result) {
    const bool bounded = c.nonlinearity == "tanh";
    row(fmt::format("{:<18} mean", c.nonlinearity + ", " + c.init), c, &Layer::mean);
    row("                   std", c, &Layer::std);
    if (bounded)
      row("                   saturated", c, &Layer::saturated);
    else
      row("                   square", c, &Layer::second_moment);
    for (std::size_t i = 0; i < c.layers.size(); ++i) {
      const Layer& l = c.layers[i];
      Panel p{.title = i == 0 ? c.nonlinearity + ", " + c.init : fmt::format("layer {}", i + 1)};
      p.x_min = bounded ? -1 : 0, p.x_max = bounded ? 1 : 3;
      auto values = l.values;
      std::erase(values, 0.0);  // half of relu's, which would dwarf the others
      p.series = {histogram(values, p.x_min, p.x_max, 30)};
      panels.push_back(std::move(p));
    }
  }
  write_svg(folder + "/activations.svg", panels, {.columns = result[0].layers.size(), .width = 110, .height = 100});
}

}  // namespace lecture6::activations
