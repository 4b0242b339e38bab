#include "search.h"

#include "digits.h"
#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

using namespace gradus;

namespace lecture6::search {
namespace {

struct Net : nn::Module<Net> {
  nn::Linear fc1, fc2;
  Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
};

Trial cross_validate(double rate, double decay, const data::Dataset& rows, const Options& options) {
  Trial trial{rate, decay, 0};
  const Tensor all = arange(rows.size()), fold_of = remainder(all, options.folds);
  for (int fold = 0; fold < options.folds; ++fold) {
    manual_seed(options.seed);
    Net net{{}, {rows.inputs.size(1), options.hidden}, {options.hidden, 10}};
    nn::init(net, init::he());
    optim::Sgd sgd(parameters(net), {.lr = rate, .momentum = 0.9, .weight_decay = decay});
    data::Loader loader(rows, {.batch = 32, .shuffle = true, .indices = masked_select(all, fold_of != fold)});
    for (int epoch = 0; epoch < options.epochs; ++epoch)
      for (const auto& [x, y] : loader) {
        sgd.zero_grad();
        backward(nn::cross_entropy(net(x), y));
        sgd.step();
      }
    const data::Dataset left_out = rows.subset(masked_select(all, fold_of == fold));
    trial.accuracy += train::evaluate(net, left_out).accuracy / options.folds;
  }
  return trial;
}

/// The accuracy at a place between two trials, whose rates are evenly spaced in logarithm from share 0 to 1.
double between(const std::vector<Trial>& trials, double share) {
  const double place = share * static_cast<double>(trials.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(place), trials.size() - 2);
  return std::lerp(trials[i].accuracy, trials[i + 1].accuracy, place - static_cast<double>(i));
}

double in(const Decades& range, double share) { return std::pow(10, range.low + share * (range.high - range.low)); }

}  // namespace

const Trial& best(const std::vector<Trial>& trials) {
  return *std::max_element(
      trials.begin(), trials.end(), [](const Trial& a, const Trial& b) { return a.accuracy < b.accuracy; });
}

Result run(const Options& options) {
  data::Dataset rows = digits(options.rows);
  rows.inputs = data::Standardize({.per = data::Per::all}).fit(rows.inputs)(rows.inputs);
  Generator generator(options.seed);
  const auto at_random = [&](const Decades& rate, const Decades& decay) {
    std::vector<Trial> trials;
    for (int i = 0; i < options.side * options.side; ++i) {
      const double r = in(rate, generator.uniform()), d = in(decay, generator.uniform());
      trials.push_back(cross_validate(r, d, rows, options));
    }
    return trials;
  };

  Result result{};
  for (int i = 0; i < options.side; ++i)
    for (int j = 0; j < options.side; ++j)
      result.grid.push_back(cross_validate(
          in(options.rate, (i + 0.5) / options.side), in(options.decay, (j + 0.5) / options.side), rows, options));
  result.random = at_random(options.rate, options.decay);
  const Trial& good = best(result.random);
  const double rate = std::log10(good.rate), decay = std::log10(good.decay);
  result.fine = at_random({rate - 0.5, rate + 0.5}, {decay - 1, decay + 1});

  for (int i = 0; i < options.rates; ++i)
    result.rates.push_back(cross_validate(in(options.rate, i / (options.rates - 1.0)), 0, rows, options));
  const int draws = 10000;
  for (int draw = 0; draw < draws; ++draw) {
    double grid = 0, random = 0;
    const double shift = generator.uniform();
    for (int i = 0; i < options.side; ++i)  // each rate of a grid is tried `side` times
      grid = std::max(grid, between(result.rates, (i + shift) / options.side));
    for (int i = 0; i < options.side * options.side; ++i)
      random = std::max(random, between(result.rates, generator.uniform()));
    result.expected_grid += grid / draws;
    result.expected_random += random / draws;
  }
  return result;
}

void show(const Result& result, const std::string& folder) {
  Panel where{.title = "where", .x_label = "learning rate", .y_label = "weight decay", .log_x = true, .log_y = true};
  Panel found{.title = "what was found", .x_label = "learning rate", .y_label = "accuracy", .log_x = true};
  for (const auto& [name, trials] : {std::pair<const char*, const std::vector<Trial>*>{"grid", &result.grid},
                                     {"random", &result.random},
                                     {"fine", &result.fine}}) {
    fmt::print("{}\n      rate     decay  accuracy\n", name);
    Series places{name, {}, {}, Draw::dots}, accuracies = places;
    for (const Trial& t : *trials) {
      fmt::print("  {:8.2e}  {:8.2e}  {:8.3f}{}\n", t.rate, t.decay, t.accuracy, &t == &best(*trials) ? "  best" : "");
      places.x.push_back(t.rate), places.y.push_back(t.decay);
      accuracies.x.push_back(t.rate), accuracies.y.push_back(t.accuracy);
    }
    where.series.push_back(places);
    found.series.push_back(accuracies);
  }
  fmt::print("best accuracy to expect if the rate alone mattered: {:.3f} of a grid, {:.3f} at random\n",
             result.expected_grid,
             result.expected_random);
  write_svg(folder + "/search.svg", {where, found}, {.columns = 2});
}

}  // namespace lecture6::search
