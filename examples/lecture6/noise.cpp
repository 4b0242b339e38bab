#include "noise.h"

#include "plot.h"
#include "training.h"

#include <fmt/format.h>

using namespace gradus;

namespace lecture6::noise {

std::vector<Case> run(const Options& options) {
  const data::Splits data = digit_splits(options.rows, options.rows);
  struct Entry {
    const char* name;
    nn::AnyModule f;
  };
  std::vector<Case> cases;
  for (const Entry& entry : {Entry{"relu", nn::ReLU()},
                             {"leaky_relu 0.01", nn::LeakyReLU(0.01)},
                             {"leaky_relu 0.25", nn::LeakyReLU(0.25)},
                             {"elu", nn::ELU()}}) {
    manual_seed(0);
    nn::Sequential unit{entry.f};
    const Tensor off = normal({100000}, options.at, options.deviation);
    Case c{entry.name, stddev(unit(off)).item(), options.deviations, {}};
    c.accuracies.resize(options.deviations.size());
    for (int seed = 0; seed < options.seeds; ++seed) {
      Training trained =
          train({.hidden = {100, 100}, .nonlinearity = entry.f, .seed = static_cast<std::uint64_t>(seed)}, data);
      for (std::size_t i = 0; i < c.accuracies.size(); ++i) {
        manual_seed(1);  // the same noise for each
        data::Dataset noisy = data.validation;
        noisy.inputs = noisy.inputs + options.deviations[i] * normal(noisy.inputs.shape());
        c.accuracies[i] += train::evaluate(trained.net, noisy).accuracy / options.seeds;
      }
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

void show(const std::vector<Case>& result, const std::string& folder) {
  fmt::print("{:<16}  noise of a unit that is off  accuracy at", "nonlinearity");
  for (const double d : result.at(0).deviations) fmt::print("{:7}", d);
  fmt::print("\n");
  Panel p{.title = "accuracy on noisy digits", .x_label = "deviation of the noise", .y_label = "accuracy"};
  for (const Case& c : result) {
    fmt::print("{:<16}  {:27.4f}  {:11}", c.nonlinearity, c.unit, "");
    for (const double a : c.accuracies) fmt::print("{:7.3f}", a);
    fmt::print("\n");
    p.series.push_back({c.nonlinearity, c.deviations, c.accuracies});
  }
  write_svg(folder + "/noise.svg", {p}, {.width = 560, .height = 360});
}

}  // namespace lecture6::noise
