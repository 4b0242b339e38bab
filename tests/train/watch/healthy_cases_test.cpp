#include "zoo.h"

// Trainings without a fault: no finding above a note is right.

namespace gradus::train::zoo {
namespace {

Case healthy(std::string name, std::function<std::vector<Finding>()> run) {
  return {std::move(name), "healthy", {}, {}, std::move(run)};
}

/// A residual block's net.
struct Residual : nn::Module<Residual> {
  nn::Linear in, a, b, out;
  explicit Residual(Generator g = Generator(1))
      : in(256, 32, {}, g), a(32, 32, {}, g), b(32, 32, {}, g), out(32, 10, {}, g) {}
  Tensor forward(const Tensor& x) {
    const Tensor h = relu(in(flatten(x)));
    return out(h + b(relu(a(h))));
  }
  auto fields() { return nn::fields("in", in, "a", a, "b", b, "out", out); }
};

}  // namespace

// Long: a table.
std::vector<Case> healthy_cases() {
  return {
      healthy("mlp on digits with adam",
              [] {
                auto n = mlp();
                return train(n, digits(), {.check = true});
              }),
      healthy("mlp on digits with sgd and momentum",
              [] {
                auto n = mlp(2);
                return train(n, digits(600), {.optimizer = sgd(0.02, 0.9), .epochs = 10});
              }),
      healthy("mlp on digits in a loop",
              [] {
                auto n = mlp(3);
                return train(n, digits(), {.by_fit = false});
              }),
      healthy("cnn with batch norm on digits",
              [] {
                auto n = cnn();
                return train(n, digits(400), {.epochs = 5, .check = true});
              }),
      healthy("cnn with batch norm in a loop",
              [] {
                auto n = cnn(2);
                return train(n, digits(400), {.epochs = 5, .by_fit = false});
              }),
      healthy("plain cnn on digits",
              [] {
                auto n = plain_cnn();
                return train(n, digits(400), {.epochs = 8});
              }),
      healthy("lstm on sequences",
              [] {
                Reader n;
                return train(n, sequences(), {.optimizer = adam(5e-3), .check = true});
              }),
      healthy("lstm in a loop with clipping",
              [] {
                Reader n(24, 2);
                return train(n, sequences(), {.optimizer = adam(5e-3), .by_fit = false, .clip = 1});
              }),
      healthy("regression with tanh",
              [] {
                auto n = net("fc 32, tanh, fc 1", {4});
                return train(n, values(), {.optimizer = adam(1e-2), .epochs = 15, .check = true});
              }),
      healthy("regression with relu in a loop",
              [] {
                auto n = net("fc 32, relu, fc 32, relu, fc 1", {4});
                return train(n, values(800), {.optimizer = adam(3e-3), .epochs = 15, .by_fit = false});
              }),
      healthy("moons with a logistic loss",
              [] {
                auto n = net("fc 32, relu, fc 1", {2});
                return train(n, moons(), {.optimizer = adam(1e-2), .epochs = 15, .loss = logistic, .check = true});
              }),
      healthy("spiral with two hidden layers",
              [] {
                auto n = net("fc 64, relu, fc 32, relu, fc 3", {2});
                return train(n, spiral(), {.optimizer = adam(1e-2), .epochs = 25, .check = true});
              }),
      healthy("spiral in a loop with sgd",
              [] {
                auto n = net("fc 64, relu, fc 32, relu, fc 3", {2}, 4);
                return train(n, spiral(), {.optimizer = sgd(0.1, 0.9), .epochs = 25, .by_fit = false});
              }),
      healthy("mlp with dropout",
              [] {
                auto n = net("fc 128, relu, dropout 0.3, fc 10", {1, 16, 16});
                return train(n, digits(600), {.epochs = 12});
              }),
      healthy("mlp with dropout in a loop",
              [] {
                auto n = net("fc 128, relu, dropout 0.2, fc 10", {1, 16, 16}, 5);
                return train(n, digits(600), {.epochs = 10, .by_fit = false});
              }),
      healthy("one hidden layer of sigmoid",
              [] {
                auto n = net("fc 64, sigmoid, fc 10", {1, 16, 16});
                return train(n, digits(600), {.optimizer = adam(5e-3), .epochs = 12});
              }),
      healthy("deep net with batch norm",
              [] {
                auto n = net("fc 64, bn, relu, fc 64, bn, relu, fc 64, bn, relu, fc 64, bn, relu, fc 10", {1, 16, 16});
                return train(n, digits(500), {.epochs = 8});
              }),
      healthy("residual net in a loop",
              [] {
                Residual n;
                return train(n, digits(), {.by_fit = false});
              }),
      healthy("frozen first layer",
              [] {
                auto n = mlp(6);
                nn::freeze(n[1]);
                return train(n, digits(600), {.epochs = 10});
              }),
      healthy("gradients of two batches added up",
              [] {
                auto n = mlp(7);
                return train(n, digits(600), {.epochs = 12, .batch = 16, .by_fit = false, .accumulate = 2});
              }),
      healthy("weight decay and cosine schedule",
              [] {
                auto n = mlp(8);
                return train(n,
                             digits(600),
                             {.optimizer =
                                  [](std::vector<Parameter> p) {
                                    return std::make_unique<optim::AdamW>(std::move(p),
                                                                          optim::AdamWOptions{.lr = 3e-3});
                                  },
                              .epochs = 10,
                              .schedule = optim::cosine_annealing(1)});
              }),
      healthy("rmsprop in small batches",
              [] {
                auto n = mlp(9);
                return train(n,
                             digits(400),
                             {.optimizer =
                                  [](std::vector<Parameter> p) {
                                    return std::make_unique<optim::Rmsprop>(std::move(p),
                                                                            optim::RmspropOptions{.lr = 1e-3});
                                  },
                              .epochs = 6,
                              .batch = 8});
              }),
      healthy("linear model of what is linear",
              [] {
                Generator g(3);
                data::Dataset all;
                all.inputs = normal({400, 5}, 0, 1, float32, g);
                all.targets = sum(all.inputs, 1, true) / 2.2 + normal({400, 1}, 0, 0.2, float32, g);
                auto n = net("fc 1", {5});
                return train(
                    n, data::split(all, {.validation = 0.2, .test = 0}, g), {.optimizer = adam(2e-2), .epochs = 15});
              }),
      healthy("large batches",
              [] {
                auto n = cnn(4);
                return train(n, digits(600), {.epochs = 10, .batch = 120});
              }),
  };
}

}  // namespace gradus::train::zoo
