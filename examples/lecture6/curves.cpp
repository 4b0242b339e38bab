#include "curves.h"

#include "plot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>

using namespace gradus;

namespace lecture6::curves {

Comparison rates() {
  Comparison result{1000, 500, {}};
  for (const bool batch_norm : {false, true})
    for (const double rate : {0.03, 0.1, 0.3, 1.0})
      result.setups.push_back({.name = fmt::format("{}{}", batch_norm ? "batch norm, " : "", rate),
                               .hidden = std::vector<std::int64_t>(10, 50),
                               .batch_norm = batch_norm,
                               .rate = rate,
                               .epochs = 12});
  return result;
}

Comparison batches() {
  Comparison result{2000, 500, {}};
  for (const std::int64_t batch : {2000, 64, 8})
    result.setups.push_back({.name = fmt::format("{} rows", batch), .hidden = {50}, .batch = batch});
  return result;
}

Comparison flat_start() {
  const Setup he{.name = "He", .hidden = {50, 50, 50, 50}, .momentum = 0.9, .epochs = 30};
  Setup small = he;
  small.name = "0.03 N(0,1)", small.policy = init::normal(0, 0.03);
  return {1000, 500, {small, he}};
}

Comparison gap() {
  const Setup wide{.name = "200 units", .hidden = {200}, .nonlinearity = nn::Tanh(), .epochs = 40};
  Setup narrow = wide;
  narrow.name = "1 unit", narrow.hidden = {1};
  return {100, 1000, {wide, narrow}};
}

Comparison weight_norms() {
  Comparison result{1000, 500, {}};
  for (const double decay : {0.0, 0.01, 0.1})
    result.setups.push_back(
        {.name = fmt::format("decay {}", decay), .hidden = {50}, .rate = 0.1, .decay = decay, .epochs = 30});
  return result;
}

Comparison rate_decay() {
  const Setup high{.hidden = {}, .rate = 0.1, .decay = 0.01, .batch = 8, .epochs = 12};
  Comparison result{2000, 500, {}};
  for (const auto& [name, curve] : {std::pair<const char*, optim::Curve>{"constant", {}},
                                    {"step", optim::step_decay(0.35, 0.1)},
                                    {"1/t", optim::inverse_time(20)},
                                    {"exponential", optim::exponential(0.01)}}) {
    result.setups.push_back(high);
    result.setups.back().name = name, result.setups.back().schedule = curve;
  }
  return result;
}

std::vector<Training> run(const Comparison& comparison) {
  const data::Splits data = digit_splits(comparison.rows, comparison.validation);
  std::vector<Training> result;
  for (const Setup& setup : comparison.setups) result.push_back(train(setup, data));
  return result;
}

void show(const std::vector<Training>& result, const std::string& folder, const std::string& name) {
  fmt::print("{:<20}  first loss  last loss  accuracy  validation  norm of weights  findings\n", "training");
  std::vector<Panel> panels = {{.title = "loss", .log_y = true},
                               {.title = "norm of the weights"},
                               {.title = "accuracy on the training rows", .y_min = 0, .y_max = 1.001},
                               {.title = "accuracy on other rows", .y_min = 0, .y_max = 1.001}};
  for (const Training& t : result) {
    fmt::print("{:<20}  {:>10.4f}  {:>9.4f}  {:>8.3f}  {:>10.3f}  {:>15.2f}  {}\n",
               t.name,
               t.train.front().loss,
               t.train.back().loss,
               t.train.back().accuracy,
               t.validation.back().accuracy,
               t.weight_norms.back(),
               fmt::join(t.findings, ", "));
    const std::function<double(std::size_t)> values[] = {[&](std::size_t i) { return t.train[i].loss; },
                                                         [&](std::size_t i) { return t.weight_norms[i]; },
                                                         [&](std::size_t i) { return t.train[i].accuracy; },
                                                         [&](std::size_t i) { return t.validation[i].accuracy; }};
    for (std::size_t p = 0; p < panels.size(); ++p) {
      panels[p].x_label = "epoch";
      Series s{t.name, {}, {}};
      for (std::size_t i = 0; i < t.train.size(); ++i)
        s.x.push_back(static_cast<double>(i)), s.y.push_back(values[p](i));
      panels[p].series.push_back(std::move(s));
    }
  }
  write_svg(folder + "/" + name + ".svg", panels, {.columns = 2});
}

}  // namespace lecture6::curves
