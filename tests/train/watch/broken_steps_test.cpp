#include "zoo.h"

// Trainings with a fault in rate, loss, regularisation or gradient.

namespace gradus::train::zoo {
namespace {

const Names kFast{"nan", "loss-explodes", "loss-rises", "loss-swings", "updates-large"};
const Names kAfterFast{"dead-units",
                       "units-saturated",
                       "gradient-explodes",
                       "loss-stuck",
                       "overfitting",
                       "parameter-unchanged",
                       "gradient-vanishes",
                       "capacity",
                       "labels-shuffled",
                       "validation-better"};
const Names kLow{"loss-stuck", "updates-small"};

/// A net of which some op goes wrong.
struct Log : nn::Module<Log> {
  nn::Linear a, b;
  explicit Log(Generator g = Generator(1)) : a(256, 32, {}, g), b(32, 10, {}, g) {}
  Tensor forward(const Tensor& x) { return b(log(relu(a(flatten(x))))); }
  auto fields() { return nn::fields("a", a, "b", b); }
};
struct Root : nn::Module<Root> {
  nn::Linear a, b;
  explicit Root(Generator g = Generator(1)) : a(4, 16, {}, g), b(16, 1, {}, g) {}
  Tensor forward(const Tensor& x) { return b(sqrt(relu(a(x)))); }
  auto fields() { return nn::fields("a", a, "b", b); }
};
struct Ratio : nn::Module<Ratio> {
  nn::Linear a, b;
  explicit Ratio(Generator g = Generator(1)) : a(256, 32, {}, g), b(32, 10, {}, g) {}
  Tensor forward(const Tensor& x) {
    const Tensor h = relu(a(flatten(x)));
    return b(h / mean(relu(h - 100), 1, true));
  }
  auto fields() { return nn::fields("a", a, "b", b); }
};
/// A net whose first layer is cut off from the tape.
struct Detached : nn::Module<Detached> {
  nn::Linear a, b;
  explicit Detached(Generator g = Generator(1)) : a(256, 64, {}, g), b(64, 10, {}, g) {}
  Tensor forward(const Tensor& x) { return b(detach(relu(a(flatten(x))))); }
  auto fields() { return nn::fields("a", a, "b", b); }
};

data::Splits few_digits() {
  data::Splits data = digits(400);
  data.train = data.train.slice(0, 40);
  return data;
}
Tensor summed(const Tensor& y, const Tensor& t) { return cross_entropy(y, t, {.reduction = Reduction::sum}); }

}  // namespace

// Long: a table.
std::vector<Case> broken_steps() {
  return {
      // ---- rates
      {"sgd at a rate of 20, mlp",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = sgd(20)});
       }},
      {"adam at a rate of 1, cnn in a loop",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         auto n = plain_cnn();
         return train(n, digits(400), {.optimizer = adam(1), .by_fit = false});
       }},
      {"sgd at a rate of 3, regression",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         return train(n, values(), {.optimizer = sgd(3)});
       }},
      {"adam at a rate of 1, lstm",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         Reader n;
         return train(n, sequences(), {.optimizer = adam(1)});
       }},
      {"adam at a rate of 0.5 with batch norm",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         auto n = cnn();
         return train(n, digits(400), {.optimizer = adam(0.5), .by_fit = false});
       }},
      {"momentum of 0.99 at a high rate",
       "rate too high",
       kFast,
       kAfterFast,
       [] {
         auto n = mlp(2);
         return train(n, digits(), {.optimizer = sgd(0.3, 0.99), .by_fit = false});
       }},
      {"adam at a rate of 1e-7, mlp",
       "rate too low",
       kLow,
       {},
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = adam(1e-7), .epochs = 12});
       }},
      {"sgd at a rate of 1e-6, cnn in a loop",
       "rate too low",
       kLow,
       {},
       [] {
         auto n = cnn();
         return train(n, digits(400), {.optimizer = sgd(1e-6), .epochs = 12, .by_fit = false});
       }},
      {"adam at a rate of 1e-6, lstm",
       "rate too low",
       kLow,
       {},
       [] {
         Reader n;
         return train(n, sequences(), {.optimizer = adam(1e-6), .epochs = 10});
       }},
      {"sgd at a rate of 1e-6, regression",
       "rate too low",
       kLow,
       {},
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         return train(n, values(), {.optimizer = sgd(1e-6), .epochs = 10, .by_fit = false});
       }},
      {"the loss is made large, mlp",
       "sign",
       {"loss-rises", "loss-explodes", "loss-negative", "nan"},
       kAfterFast,
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = [](std::vector<Parameter> p) {
                        return std::make_unique<optim::Sgd>(std::move(p),
                                                            optim::SgdOptions{.lr = 0.05, .maximize = true});
                      }});
       }},
      {"the loss has the wrong sign, regression",
       "sign",
       {"loss-rises", "loss-explodes", "loss-negative", "nan"},
       kAfterFast,
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         return train(n,
                      values(),
                      {.optimizer = adam(1e-2),
                       .loss = [](const Tensor& y, const Tensor& t) { return -mse_loss(y, t); },
                       .by_fit = false});
       }},
      {"a sum of losses instead of a mean",
       "sum",
       {"initial-loss", "loss-swings", "loss-rises", "loss-explodes", "updates-large", "nan"},
       kAfterFast,
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = sgd(0.1), .loss = summed});
       }},
      // ---- values that are not finite
      {"log of a relu",
       "nan",
       {"nan"},
       kAfterFast,
       [] {
         Log n;
         return train(n, digits());
       }},
      {"log of a relu in a loop",
       "nan",
       {"nan"},
       kAfterFast,
       [] {
         Log n(Generator(3));
         return train(n, digits(), {.by_fit = false});
       }},
      {"root of a relu, regression",
       "nan",
       {"nan"},
       kAfterFast,
       [] {
         Root n;
         return train(n, values(), {.by_fit = false});
       }},
      {"division by a mean of nothing",
       "nan",
       {"nan"},
       kAfterFast,
       [] {
         Ratio n;
         return train(n, digits());
       }},
      // ---- what can be learnt, and what is
      {"a wide net and 40 rows",
       "overfitting",
       {"overfitting"},
       {},
       [] {
         auto n = net("fc 256, relu, fc 128, relu, fc 10", kDigit);
         return train(n, few_digits(), {.epochs = 60, .batch = 20});
       }},
      {"a cnn and 40 rows in a loop",
       "overfitting",
       {"overfitting"},
       {},
       [] {
         auto n = plain_cnn();
         return train(n, few_digits(), {.epochs = 60, .batch = 20, .by_fit = false});
       }},
      {"regression of noise with a wide net",
       "overfitting",
       {"overfitting"},
       {},
       [] {
         auto n = net("fc 128, relu, fc 128, relu, fc 1", {4});
         data::Splits d = values(300, 0.8);
         d.train = d.train.slice(0, 60);
         return train(n, d, {.optimizer = adam(5e-3), .epochs = 80, .batch = 20});
       }},
      {"weight decay of 5, mlp",
       "regularisation",
       {"weights-shrink"},
       {"loss-stuck", "dead-units", "capacity", "gradient-vanishes", "updates-large", "parameter-unchanged"},
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = sgd(0.05, 0, 5)});
       }},
      {"decoupled weight decay of 100, cnn in a loop",
       "regularisation",
       {"weights-shrink"},
       {"loss-stuck", "dead-units", "capacity", "gradient-vanishes", "updates-large"},
       [] {
         auto n = plain_cnn();
         return train(n,
                      digits(400),
                      {.optimizer =
                           [](std::vector<Parameter> p) {
                             return std::make_unique<optim::AdamW>(
                                 std::move(p), optim::AdamWOptions{.lr = 1e-3, .weight_decay = 100});
                           },
                       .by_fit = false});
       }},
      {"l2 penalty of 1 in the loss",
       "regularisation",
       {"weights-shrink", "penalty-outweighs"},
       {"loss-stuck", "initial-loss", "capacity", "gradient-vanishes", "dead-units"},
       [] {
         auto n = net("fc 32, tanh, fc 1", {4});
         return train(n,
                      values(),
                      {.optimizer = adam(1e-2),
                       .epochs = 15,
                       .loss = [&](const Tensor& y, const Tensor& t) { return mse_loss(y, t) + nn::l2(n, 1); },
                       .by_fit = false});
       }},
      {"dropout of 0.9",
       "dropout",
       {"validation-better"},
       {"loss-stuck", "loss-swings", "initial-loss", "capacity"},
       [] {
         auto n = net("fc 128, relu, dropout 0.9, fc 10", kDigit);
         return train(n, digits(600), {.epochs = 10});
       }},
      {"dropout of 0.85 in a loop",
       "dropout",
       {"validation-better"},
       {"loss-stuck", "loss-swings", "initial-loss", "capacity"},
       [] {
         auto n = net("dropout 0.8, fc 128, relu, dropout 0.8, fc 10", kDigit);
         return train(n, digits(600), {.epochs = 10, .by_fit = false});
       }},
      // ---- gradients that don't come
      {"first layer detached",
       "no gradient",
       {"parameter-unchanged", "parameter-unreached"},
       {},
       [] {
         Detached n;
         return train(n, digits(), {.by_fit = false});
       }},
      {"first layer detached, by fit",
       "no gradient",
       {"parameter-unchanged", "parameter-unreached"},
       {},
       [] {
         Detached n(Generator(2));
         return train(n, digits());
       }},
      {"loss of what is constant",
       "no gradient",
       {"loss-stuck", "parameter-unchanged"},
       kLow,
       [] {
         auto n = net("fc 16, relu, fc 1", {2});
         return train(n, moons(), {.epochs = 15, .loss = [](const Tensor& y, const Tensor& t) {
                                     return logistic(y * 1e-30, t);
                                   }});
       }},
  };
}

}  // namespace gradus::train::zoo
