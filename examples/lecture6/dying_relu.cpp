#include "dying_relu.h"

#include "digits.h"
#include "plot.h"

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <functional>

using namespace gradus;

namespace lecture6::dying_relu {
namespace {

using Function = std::function<Tensor(const Tensor&)>;

struct Net : nn::Module<Net> {
  Function f;
  nn::Linear fc1, fc2;
  Tensor forward(const Tensor& x) { return fc2(f(fc1(x))); }
};

/// The share of units whose derivative is 0 at all rows of z.
double dead_units(const Function& f, const Tensor& z) {
  const Tensor slope = grad([&](const Tensor& t) { return sum(f(t)); })(z);
  return mean(to(max(abs(slope), 0) == 0.0, float32)).item();
}

Outcome train_at(double rate, const Function& f, const data::Dataset& rows, const Options& options) {
  manual_seed(options.seed);
  Net net{{}, f, {rows.inputs.size(1), options.width}, {options.width, 10}};
  nn::init(net, init::he());
  optim::Sgd sgd(parameters(net), {.lr = rate});
  data::Loader loader(rows, {.shuffle = true});
  for (int epoch = 0; epoch < options.epochs; ++epoch)
    for (const auto& [x, y] : loader) {
      sgd.zero_grad();
      backward(nn::cross_entropy(net(x), y));
      sgd.step();
    }

  return {dead_units(f, detach(net.fc1(rows.inputs))), train::evaluate(net, rows).accuracy};
}

}  // namespace

std::vector<Row> run(const Options& options) {
  data::Dataset rows = digits(options.rows);
  rows.inputs = data::Standardize({.per = data::Per::all}).fit(rows.inputs)(rows.inputs);
  std::vector<Row> result;
  for (const double rate : options.rates)
    result.push_back({rate,
                      train_at(
                          rate, [](const Tensor& x) { return relu(x); }, rows, options),
                      train_at(rate, [&](const Tensor& x) { return leaky_relu(x, options.slope); }, rows, options)});
  return result;
}

void show(const std::vector<Row>& result, const std::string& folder) {
  fmt::print(
      "                  relu             leaky_relu\n    rate    dead  accuracy    dead  "
      "accuracy\n");
  Series dead{"relu", {}, {}}, leaky_dead{"leaky_relu", {}, {}}, accuracy = dead, leaky_accuracy = leaky_dead;
  for (const Row& r : result) {
    fmt::print("{:8}  {:5.1f}%  {:8.3f}  {:5.1f}%  {:8.3f}\n",
               r.rate,
               100 * r.relu.dead,
               r.relu.accuracy,
               100 * r.leaky_relu.dead,
               r.leaky_relu.accuracy);
    for (Series* s : {&dead, &leaky_dead, &accuracy, &leaky_accuracy}) s->x.push_back(r.rate);
    dead.y.push_back(r.relu.dead), leaky_dead.y.push_back(r.leaky_relu.dead);
    accuracy.y.push_back(r.relu.accuracy), leaky_accuracy.y.push_back(r.leaky_relu.accuracy);
  }
  write_svg(folder + "/dying_relu.svg",
            {{.title = "dead units",
              .x_label = "learning rate",
              .y_label = "share",
              .series = {dead, leaky_dead},
              .log_x = true,
              .y_min = 0,
              .y_max = 1.001},
             {.title = "accuracy on the training rows",
              .x_label = "learning rate",
              .series = {accuracy, leaky_accuracy},
              .log_x = true,
              .y_min = 0,
              .y_max = 1.001}},
            {.columns = 2});
}

}  // namespace lecture6::dying_relu
