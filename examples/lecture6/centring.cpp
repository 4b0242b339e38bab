#include "centring.h"

#include "plot.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

using namespace gradus;

namespace lecture6::centring {
namespace {

data::Dataset tumours() {
  const char* shared = std::getenv("GRADUS_SHARED_DIR");
  const std::string path = std::string(shared != nullptr ? shared : "") + "/data/tabular/breast_cancer.csv";
  return std::filesystem::exists(path) ? data::csv(path) : far_from_zero(3);
}

/// Logistic regression by gradient descent from zero, at a rate that fits its curvature.
Row descend(const std::string& name, const Tensor& rows, const Tensor& classes, int steps) {
  const Tensor x = concat({to(rows, float64), ones({rows.size(0), 1}, float64)}, 1);  // 1: for the bias
  const Tensor y = to(classes, float64);
  const auto loss = [&](const Tensor& w) { return bce_with_logits(mv(x, w), y); };

  Tensor w = zeros({x.size(1)}, float64);
  const auto eigenvalues = eigh(hessian(loss)(w)).values.to_vector();
  Row row{name, eigenvalues.back(), eigenvalues.back() / eigenvalues.front(), {loss(w).item()}};
  for (int step = 0; step < steps; ++step) {
    w = w - grad(loss)(w) / row.curvature;
    row.losses.push_back(loss(w).item());
  }
  return row;
}

}  // namespace

data::Dataset far_from_zero(double offset, std::int64_t rows, std::int64_t features) {
  Generator generator(0);
  const Tensor classes = remainder(arange(rows), 2);
  const Tensor side = unsqueeze(to(classes, float64), 1) - 0.5;
  const Tensor direction = normal({features}, 0, 0.3, float64, generator);
  return {normal({rows, features}, offset, 1, float64, generator) + side * direction, classes};
}

std::vector<Row> run(const Options& options) {
  const data::Dataset rows = options.rows.size() > 0 ? options.rows : tumours();
  const Tensor x = to(rows.inputs, float64);
  const auto descent = [&](const char* name, const Tensor& made) {
    return descend(name, made, rows.targets, options.steps);
  };
  return {descent("as they are", x),
          descent("zero-centred", data::Center().fit(x)(x)),
          descent("standardised", data::Standardize().fit(x)(x)),
          descent("whitened", data::Pca({.whiten = data::Whiten::pca}).fit(x)(x))};
}

void show(const std::vector<Row>& result, const std::string& folder) {
  fmt::print("features      curvature  condition   loss at first  after a step  after {} steps\n",
             result.at(0).losses.size() - 1);
  Panel p{.title = "loss of logistic regression", .x_label = "step", .y_label = "loss"};
  for (const Row& r : result) {
    fmt::print("{:<12}  {:9.2e}  {:9.1e}  {:13.4f}  {:12.4f}  {:11.4f}\n",
               r.preprocessing,
               r.curvature,
               r.condition,
               r.losses[0],
               r.losses[1],
               r.losses.back());
    Series s{r.preprocessing, {}, r.losses};
    for (std::size_t i = 0; i < s.y.size(); ++i) s.x.push_back(static_cast<double>(i));
    p.series.push_back(std::move(s));
  }
  write_svg(folder + "/centring.svg", {p}, {.width = 560, .height = 360});
}

}  // namespace lecture6::centring
