#include "zoo.h"

// Loops that call the library wrongly.

namespace gradus::train::zoo {
namespace {

const Names kGrown{"loss-rises",
                   "loss-swings",
                   "updates-large",
                   "nan",
                   "loss-explodes",
                   "dead-units",
                   "overfitting",
                   "loss-stuck",
                   "gradient-explodes",
                   "units-saturated"};

/// Only the last `count` parameters.
Setup trains_last(std::size_t count, bool by_fit) {
  return {.by_fit = by_fit, .trained = [=](std::vector<Parameter> all) {
            return std::vector<Parameter>(all.end() - static_cast<std::ptrdiff_t>(count), all.end());
          }};
}

}  // namespace

// Long: a table.
std::vector<Case> broken_loops() {
  return {
      {"zero_grad forgotten, mlp with sgd",
       "zero_grad",
       {"zero-grad-forgotten"},
       kGrown,
       [] {
         auto n = mlp();
         return train(n, digits(), {.optimizer = sgd(0.05), .by_fit = false, .zero_grad = false});
       }},
      {"zero_grad forgotten, lstm",
       "zero_grad",
       {"zero-grad-forgotten"},
       kGrown,
       [] {
         Reader n;
         return train(n, sequences(), {.by_fit = false, .zero_grad = false});
       }},
      {"zero_grad forgotten, regression",
       "zero_grad",
       {"zero-grad-forgotten"},
       kGrown,
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         return train(n, values(), {.by_fit = false, .zero_grad = false});
       }},
      {"evaluation in training mode, batch norm",
       "eval",
       {"eval-mode-forgotten"},
       {"validation-better", "overfitting"},
       [] {
         auto n = cnn();
         return train(n, digits(400), {.epochs = 4, .by_fit = false, .eval_mode = false});
       }},
      {"evaluation in training mode, dropout",
       "eval",
       {"eval-mode-forgotten"},
       {"validation-better", "overfitting"},
       [] {
         auto n = net("fc 64, relu, dropout 0.4, fc 10", kDigit);
         return train(n, digits(), {.epochs = 4, .by_fit = false, .eval_mode = false});
       }},
      {"training in evaluation mode, batch norm",
       "train",
       {"train-mode-forgotten"},
       {"overfitting"},
       [] {
         auto n = cnn();
         return train(n, digits(400), {.epochs = 4, .by_fit = false, .train_mode = false});
       }},
      {"training in evaluation mode, dropout",
       "train",
       {"train-mode-forgotten"},
       {"overfitting"},
       [] {
         auto n = net("fc 64, relu, dropout 0.4, fc 10", kDigit);
         return train(n, digits(), {.epochs = 6, .by_fit = false, .train_mode = false});
       }},
      {"optimizer of the head only",
       "optimizer",
       {"parameter-unchanged"},
       {"capacity"},
       [] {
         auto n = mlp();
         return train(n, digits(), trains_last(2, true));
       }},
      {"optimizer of the head only, cnn in a loop",
       "optimizer",
       {"parameter-unchanged"},
       {"capacity"},
       [] {
         auto n = plain_cnn();
         return train(n, digits(400), trains_last(2, false));
       }},
      {"optimizer without the lstm",
       "optimizer",
       {"parameter-unchanged"},
       {"capacity", "loss-stuck"},
       [] {
         Reader n;
         return train(n, sequences(), trains_last(2, false));
       }},
      {"optimizer without the first layer, regression",
       "optimizer",
       {"parameter-unchanged"},
       {"capacity"},
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         return train(n, values(), trains_last(2, true));
       }},
  };
}

}  // namespace gradus::train::zoo
