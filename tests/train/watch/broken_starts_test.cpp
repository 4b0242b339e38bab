#include "zoo.h"

// Trainings with a fault in data, initialisation or architecture.

namespace gradus::train::zoo {
namespace {

/// A classifier that gives probabilities.
struct Probabilities : nn::Module<Probabilities> {
  nn::Linear a, b;
  explicit Probabilities(Generator g = Generator(1)) : a(256, 64, {}, g), b(64, 10, {}, g) {}
  Tensor forward(const Tensor& x) { return softmax(b(relu(a(flatten(x)))), 1); }
  auto fields() { return nn::fields("a", a, "b", b); }
};

data::Splits pixels(std::int64_t rows = 400) {
  data::Splits data = digits(rows);
  for (data::Dataset* part : {&data.train, &data.validation}) part->inputs = (part->inputs * 0.33 + 0.2) * 255;
  return data;
}
data::Splits with_random_labels(data::Splits data, std::int64_t classes) {
  Generator g(11);
  for (data::Dataset* part : {&data.train, &data.validation})
    for (std::int64_t i = 0; i < part->size(); ++i)
      part->targets.mutable_data<std::int64_t>()[i] = static_cast<std::int64_t>(g.next() >> 33) % classes;
  return data;
}
data::Splits only(data::Splits data, const std::function<bool(std::int64_t label, std::int64_t row)>& keeps) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < data.train.size(); ++i)
    if (keeps(data.train.targets.data<std::int64_t>()[i], i)) rows.push_back(i);
  Tensor indices = zeros({static_cast<std::int64_t>(rows.size())}, int64);
  std::copy(rows.begin(), rows.end(), indices.mutable_data<std::int64_t>());
  data.train = data.train.subset(indices);
  return data;
}
std::string deep(const char* bend, int layers, int width = 32) {
  std::string text;
  for (int i = 0; i < layers; ++i) text += "fc " + std::to_string(width) + ", " + bend + ", ";
  return text + "fc 10";
}

const Names kSlow{"loss-stuck", "updates-small", "flat-then-falls", "capacity", "not-learnt-by-heart"};
const Names kStray{"initial-loss",
                   "loss-swings",
                   "loss-rises",
                   "updates-large",
                   "dead-units",
                   "units-saturated",
                   "loss-explodes",
                   "gradient-explodes",
                   "nan",
                   "overfitting",
                   "loss-stuck",
                   "activation-spread",
                   "parameter-unchanged"};

Names both(Names a, const Names& b) {
  a.insert(b.begin(), b.end());
  return a;
}

}  // namespace

// Long: a table.
std::vector<Case> broken_starts() {
  return {
      // ---- data
      {"pixels from 0 to 255, mlp",
       "inputs",
       {"inputs-badly-scaled"},
       kStray,
       [] {
         auto n = mlp();
         return train(n, pixels());
       }},
      {"pixels from 0 to 255, cnn in a loop",
       "inputs",
       {"inputs-badly-scaled"},
       kStray,
       [] {
         auto n = plain_cnn();
         return train(n, pixels(), {.by_fit = false});
       }},
      {"inputs far from 0, regression",
       "inputs",
       {"inputs-off-centre", "feature-off-centre", "inputs-badly-scaled"},
       both(kStray, kSlow),
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         data::Splits d = values();
         for (data::Dataset* part : {&d.train, &d.validation}) part->inputs = part->inputs + 100;
         return train(n, d, {.by_fit = false});
       }},
      {"a feature ten thousand times the others",
       "features",
       {"features-unlike", "inputs-badly-scaled"},
       both(kStray, kSlow),
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         data::Splits d = values();
         for (data::Dataset* part : {&d.train, &d.validation})
           for (std::int64_t i = 0; i < part->size(); ++i) part->inputs.mutable_data<float>()[4 * i + 3] *= 1e4F;
         return train(n, d);
       }},
      {"a feature a thousandth of the others, lookup before",
       "features",
       {"features-unlike"},
       both(kStray, kSlow),
       [] {
         auto n = net("fc 32, tanh, fc 1", {4});
         data::Splits d = values();
         for (data::Dataset* part : {&d.train, &d.validation})
           for (std::int64_t i = 0; i < part->size(); ++i) part->inputs.mutable_data<float>()[4 * i] *= 1e-3F;
         return train(n, d, {.check = true});
       }},
      {"prices as targets",
       "targets",
       {"targets-badly-scaled"},
       both(kStray, kSlow),
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         data::Splits d = values();
         for (data::Dataset* part : {&d.train, &d.validation}) part->targets = part->targets * 1e4 + 3e4;
         return train(n, d);
       }},
      {"tiny targets in a loop",
       "targets",
       {"targets-badly-scaled"},
       both(kStray, kSlow),
       [] {
         auto n = net("fc 32, relu, fc 1", {4});
         data::Splits d = values();
         for (data::Dataset* part : {&d.train, &d.validation}) part->targets = part->targets * 1e-3;
         return train(n, d, {.by_fit = false});
       }},
      {"labels shuffled, mlp",
       "labels",
       {"labels-shuffled", "loss-stuck"},
       {"overfitting", "not-learnt-by-heart"},
       [] {
         auto n = mlp();
         return train(n, with_random_labels(digits(), 10), {.epochs = 10});
       }},
      {"labels shuffled, cnn in a loop",
       "labels",
       {"labels-shuffled", "loss-stuck"},
       {"overfitting"},
       [] {
         auto n = cnn();
         return train(n, with_random_labels(digits(400), 10), {.epochs = 6, .by_fit = false});
       }},
      {"labels shuffled, lstm",
       "labels",
       {"labels-shuffled", "loss-stuck"},
       {"overfitting"},
       [] {
         Reader n;
         return train(n, with_random_labels(sequences(), 2), {.epochs = 10});
       }},
      {"a class without rows",
       "classes",
       {"class-missing"},
       {"overfitting"},
       [] {
         auto n = mlp();
         return train(n, only(digits(600), [](auto label, auto) { return label != 3; }));
       }},
      {"half of the classes lost, looked at before",
       "classes",
       {"class-missing"},
       {"overfitting"},
       [] {
         auto n = cnn();
         return train(n, only(digits(800), [](auto label, auto) { return label < 5; }), {.epochs = 3, .check = true});
       }},
      {"one class in thirty times as many rows",
       "classes",
       {"classes-unbalanced"},
       {"overfitting", "capacity"},
       [] {
         auto n = net("fc 32, relu, fc 3", {2});
         return train(
             n, only(spiral(300), [](auto label, auto row) { return label == 0 || row % 30 == 0; }), {.epochs = 10});
       }},
      {"test rows among the training rows",
       "leak",
       {"rows-leak"},
       {},
       [] {
         auto n = mlp();
         data::Splits d = digits();
         d.validation = d.train.slice(0, 80);
         return train(n, d, {.epochs = 2, .check = true});
       }},
      {"half of the test rows leaked, regression",
       "leak",
       {"rows-leak"},
       {},
       [] {
         auto n = net("fc 16, tanh, fc 1", {4});
         data::Splits d = values();
         for (std::int64_t i = 0; i < 50 * 4; ++i)
           d.validation.inputs.mutable_data<float>()[i] = contiguous(d.train.inputs).data<float>()[i];
         return train(n, d, {.optimizer = adam(1e-2), .epochs = 5, .by_fit = false, .check = true});
       }},
      {"sorted by class and not shuffled",
       "order",
       {"rows-in-order"},
       both(kStray, {"capacity", "validation-better"}),
       [] {
         auto n = mlp();
         data::Splits d = digits(600);
         d.train = d.train.subset(argsort(d.train.targets));
         return train(n, d, {.by_fit = false, .shuffle = false});
       }},
      {"sequences sorted by class",
       "order",
       {"rows-in-order"},
       both(kStray, {"capacity", "validation-better"}),
       [] {
         Reader n;
         data::Splits d = sequences();
         d.train = d.train.subset(argsort(d.train.targets));
         return train(n, d, {.shuffle = false});
       }},
      {"nan among the inputs",
       "nan",
       {"nan"},
       {},
       [] {
         auto n = mlp();
         data::Splits d = digits();
         d.train.inputs.mutable_data<float>()[70000] = NAN;
         return train(n, d, {.by_fit = false});
       }},
      // ---- initialisation
      {"all weights 0, mlp",
       "equal weights",
       {"equal-weights"},
       both(kSlow, {"dead-units", "parameter-unchanged", "activation-spread"}),
       [] {
         auto n = mlp();
         fill(n, 2, 0);
         return train(n, digits());
       }},
      {"all weights equal, tanh in a loop",
       "equal weights",
       {"equal-weights"},
       both(kSlow, {"units-saturated", "capacity"}),
       [] {
         auto n = net("fc 32, tanh, fc 10", kDigit);
         fill(n, 2, 0.05);
         return train(n, digits(), {.by_fit = false});
       }},
      {"last layer of an lstm at 0 and the first constant",
       "equal weights",
       {"equal-weights"},
       both(kSlow, {"parameter-unchanged"}),
       [] {
         Reader n;
         fill(n, 2, 0);
         return train(n, sequences());
       }},
      {"weights of deviation 1, tanh",
       "large weights",
       {"units-saturated", "activation-spread", "initial-loss"},
       kStray,
       [] {
         auto n = net(deep("tanh", 3, 64), kDigit);
         draw_weights(n, 1);
         return train(n, digits());
       }},
      {"weights of deviation 1, relu",
       "large weights",
       {"initial-loss", "activation-spread"},
       kStray,
       [] {
         auto n = mlp();
         draw_weights(n, 1);
         return train(n, digits(), {.by_fit = false});
       }},
      {"weights ten times too large, cnn",
       "large weights",
       {"initial-loss", "activation-spread"},
       kStray,
       [] {
         auto n = plain_cnn();
         draw_weights(n, 2);
         return train(n, digits(400));
       }},
      {"deep tanh with weights of 0.01",
       "small weights",
       {"activation-spread", "gradient-vanishes", "loss-stuck", "flat-then-falls"},
       kSlow,
       [] {
         auto n = net(deep("tanh", 6), kDigit);
         draw_weights(n, 0.01);
         return train(n, digits(), {.optimizer = sgd(0.05)});
       }},
      {"deep relu with weights of 0.02",
       "small weights",
       {"activation-spread", "gradient-vanishes", "loss-stuck", "flat-then-falls"},
       both(kSlow, {"dead-units"}),
       [] {
         auto n = net(deep("relu", 6), kDigit);
         draw_weights(n, 0.02);
         return train(n, digits(), {.optimizer = sgd(0.1), .by_fit = false});
       }},
      {"eight layers of sigmoid",
       "vanishing",
       {"gradient-vanishes", "loss-stuck"},
       both(kSlow, {"activation-spread"}),
       [] {
         auto n = net(deep("sigmoid", 8), kDigit);
         return train(n, digits(), {.optimizer = sgd(0.1)});
       }},
      {"six layers of sigmoid with adam",
       "vanishing",
       {"gradient-vanishes", "loss-stuck", "flat-then-falls"},
       both(kSlow, {"activation-spread"}),
       [] {
         auto n = net(deep("sigmoid", 6), kDigit, 2);
         return train(n, digits(), {.optimizer = adam(1e-3), .by_fit = false});
       }},
      {"ten layers with weights three times too large",
       "exploding",
       {"activation-spread", "gradient-explodes", "initial-loss"},
       kStray,
       [] {
         auto n = net(deep("relu", 8), kDigit);
         draw_weights(n, 0.75);
         return train(n, digits(), {.optimizer = adam(1e-4)});
       }},
      {"biases of -10 before relu, mlp",
       "dead units",
       {"dead-units"},
       both(kSlow, {"parameter-unchanged", "activation-spread"}),
       [] {
         auto n = net("fc 64, relu, fc 10", kDigit);
         fill(n, 1, -10);
         return train(n, digits());
       }},
      {"biases of -6 before relu, cnn in a loop",
       "dead units",
       {"dead-units"},
       both(kSlow, {"parameter-unchanged", "activation-spread"}),
       [] {
         auto n = plain_cnn();
         fill(n, 1, -6);
         return train(n, digits(400), {.by_fit = false});
       }},
      // ---- architecture
      {"softmax before cross_entropy, mlp",
       "output",
       {"output-activation"},
       kSlow,
       [] {
         Probabilities n;
         return train(n, digits());
       }},
      {"softmax in the loss, cnn in a loop",
       "output",
       {"output-activation"},
       kSlow,
       [] {
         auto n = cnn();
         return train(n,
                      digits(400),
                      {.epochs = 4,
                       .loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(softmax(y, 1), t); },
                       .by_fit = false});
       }},
      {"sigmoid before bce_with_logits",
       "output",
       {"output-activation"},
       both(kSlow, {"initial-loss"}),
       [] {
         auto n = net("fc 16, relu, fc 1, sigmoid", {2});
         return train(n, moons(), {.loss = [](const Tensor& y, const Tensor& t) { return bce_with_logits(y, t); }});
       }},
      {"relu behind the last layer",
       "output",
       {"output-activation"},
       both(kSlow, {"dead-units", "parameter-unchanged", "capacity"}),
       [] {
         auto n = net("fc 32, relu, fc 10, relu", kDigit);
         return train(n, digits(), {.by_fit = false});
       }},
      {"linear after linear",
       "linear",
       {"linear-after-linear"},
       kSlow,
       [] {
         auto n = net("fc 64, fc 10", kDigit);
         return train(n, digits());
       }},
      {"three linear layers in regression",
       "linear",
       {"linear-after-linear", "capacity"},
       kSlow,
       [] {
         auto n = net("fc 16, fc 16, fc 1", {4});
         return train(n, values(), {.by_fit = false});
       }},
      {"linear model of a spiral",
       "capacity",
       {"capacity"},
       {"not-learnt-by-heart", "loss-stuck"},
       [] {
         auto n = net("fc 3", {2});
         return train(n, spiral(), {.optimizer = adam(3e-2), .epochs = 20, .check = true});
       }},
      {"two hidden units for a spiral, in a loop",
       "capacity",
       {"capacity"},
       {"not-learnt-by-heart", "loss-stuck", "updates-large"},
       [] {
         auto n = net("fc 2, tanh, fc 3", {2});
         return train(n, spiral(), {.optimizer = adam(3e-2), .epochs = 30, .by_fit = false});
       }},
  };
}

}  // namespace gradus::train::zoo
