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

train::CrossValidation cross_validate(const train::Values& values,
                                      int folds,
                                      const data::Dataset& rows,
                                      const Options& options) {
  Generator generator(options.seed);
  const auto accuracy = [&](const data::Splits& split) {
    manual_seed(options.seed);
    Net net{{}, {rows.inputs.size(1), options.hidden}, {options.hidden, 10}};
    nn::init(net, init::he());
    optim::Sgd sgd(parameters(net), {.lr = values.real("rate"), .momentum = 0.9, .weight_decay = values.real("decay")});
    data::Loader loader(split.train, {.batch = 32, .shuffle = true});
    for (int epoch = 0; epoch < options.epochs; ++epoch)
      for (const auto& [x, y] : loader) {
        sgd.zero_grad();
        backward(nn::cross_entropy(net(x), y));
        sgd.step();
      }
    return train::evaluate(net, split.validation).accuracy;
  };
  return train::cross_validate(rows, {.folds = folds}, accuracy, generator);
}

/// The accuracy at a place between two of them, evenly spaced from share 0 to 1.
double between(const std::vector<double>& accuracies, double share) {
  const double place = share * static_cast<double>(accuracies.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(place), accuracies.size() - 2);
  return std::lerp(accuracies[i], accuracies[i + 1], place - static_cast<double>(i));
}

/// The mean of the best accuracy, over many grids and many draws.
void expect(Result& result, const Options& options) {
  Generator generator(options.seed);
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
}

}  // namespace

Result run(const Options& options) {
  data::Dataset rows = digits(options.rows);
  rows.inputs = data::Standardize({.per = data::Per::all}).fit(rows.inputs)(rows.inputs);
  const auto objective = [&](train::Trial& trial) {
    return trial.from(cross_validate(trial.values(), options.folds, rows, options));
  };
  const int trials = options.side * options.side;
  Result result{};
  result.grid = train::Search(options.space, train::Grid{options.side}, {.maximize = true}).run(objective);
  result.random = train::Search(options.space,
                                train::Random{trials},
                                {.maximize = true, .seed = options.seed, .fine = trials, .fine_share = 0.25})
                      .run(objective);

  for (int i = 0; i < options.rates; ++i) {
    const double place[] = {i / (options.rates - 1.0), 0};
    result.rates.push_back(cross_validate(options.space.at(place), options.folds, rows, options).mean);
  }
  expect(result, options);

  result.folds = cross_validate(result.random.best().values, options.many_folds, rows, options);
  const double p = result.folds.mean, n = static_cast<double>(options.rows) / options.many_folds;
  result.chance = std::sqrt(p * (1 - p) / n);
  return result;
}

Hits hits(double width, int side, int searches) {
  const train::Space space{{"matters", train::Uniform{0, 1}}, {"other", train::Uniform{0, 1}}};
  Generator generator(0);
  Hits result{0, 0};
  for (int search = 0; search < searches; ++search) {
    const double best = generator.uniform();
    const auto hit = [&](const train::Method& method) {
      const auto distance = [&](train::Trial& trial) { return std::abs(trial.real("matters") - best); };
      const train::SearchOptions options{.seed = static_cast<std::uint64_t>(search)};
      return train::Search(space, method, options).run(distance).best().value < width / 2;
    };
    result.grid += hit(train::Grid{side}) / static_cast<double>(searches);
    result.random += hit(train::Random{side * side}) / static_cast<double>(searches);
  }
  return result;
}

void show(const Result& result, const std::string& folder) {
  Panel where{.title = "where", .x_label = "learning rate", .y_label = "weight decay", .log_x = true, .log_y = true};
  Panel found{.title = "what was found", .x_label = "learning rate", .y_label = "accuracy", .log_x = true};
  where.series =
      found.series = {{"grid", {}, {}, Draw::dots}, {"random", {}, {}, Draw::dots}, {"fine", {}, {}, Draw::dots}};
  for (const train::SearchResults* trials : {&result.grid, &result.random}) {
    fmt::print("{}\n{}", trials == &result.grid ? "grid" : "random, then fine", trials->table());
    for (const std::string& warning : trials->warnings()) fmt::print("{}\n", warning);
    for (const train::TrialResult& t : trials->trials) {
      const std::size_t kind = trials == &result.grid ? 0 : t.fine ? 2 : 1;
      where.series[kind].x.push_back(t.values.real("rate")), where.series[kind].y.push_back(t.values.real("decay"));
      found.series[kind].x.push_back(t.values.real("rate")), found.series[kind].y.push_back(t.value);
    }
  }
  fmt::print("best accuracy to expect if the rate alone mattered: {:.3f} of a grid, {:.3f} at random\n",
             result.expected_grid,
             result.expected_random);
  const Hits tenth = hits(0.1, 3);
  fmt::print("a tenth of the range found: by {:.0f}% of grids of 3 x 3, {:.0f}% of 9 random trials\n",
             100 * tenth.grid,
             100 * tenth.random);
  fmt::print("{} folds of the best: {:.3f}, spread {:.3f}; by chance {:.3f}\n ",
             result.folds.values.size(),
             result.folds.mean,
             result.folds.spread,
             result.chance);
  for (const double value : result.folds.values) fmt::print(" {:.3f}", value);
  fmt::print("\n");
  write_svg(folder + "/search.svg", {where, found}, {.columns = 2});
}

}  // namespace lecture6::search
