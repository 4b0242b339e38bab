#pragma once

#include "gradus/autograd/backward.h"
#include "gradus/data/generated.h"
#include "gradus/data/preprocess.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/init.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model_text.h"
#include "gradus/nn/recurrent.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/gradient.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/ops/sort.h"
#include "gradus/optim/clip.h"
#include "gradus/train.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// Trainings, most of them broken in one way each, and what a Babysitter has to say of them.
namespace gradus::train::zoo {

using Names = std::set<std::string>;

/// A training and the rules that name its fault.
struct Case {
  std::string name, kind;  // a kind is a fault, or "healthy"
  Names expected;          // one of these, above a note, is the fault found
  Names also;              // what follows from the fault: neither right nor wrong
  std::function<std::vector<Finding>()> run;
};

std::vector<Case> healthy_cases();
std::vector<Case> broken_starts();  // data, initialisation, architecture
std::vector<Case> broken_steps();   // rates, losses, gradients
std::vector<Case> broken_loops();   // how a loop calls the library

/// Half of the cases were looked at while thresholds were set; by a hash of the name (FNV-1a).
inline bool is_held_out(const Case& one) {
  std::uint32_t hash = 2166136261U;
  for (const char c : one.name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return (hash >> 7) % 2 == 1;
}

inline const Shape kDigit{1, 16, 16};
inline Tensor logistic(const Tensor& y, const Tensor& t) { return bce_with_logits(y, t); }

// ---- data ----------------------------------------------------------------------------------------

/// Drawn digits [N, 1, 16, 16], of mean 0 and deviation 1.
inline data::Splits digits(std::int64_t rows = 500, std::uint64_t seed = 1) {
  Generator g(seed);
  data::Dataset all = data::drawn_digits({.count = rows}, g);
  all.inputs = (all.inputs - 0.2) / 0.33;
  return data::split(all, {.validation = 0.2, .test = 0}, g);
}
inline data::Splits spiral(std::int64_t points = 150, std::uint64_t seed = 2) {
  Generator g(seed);
  data::Dataset all = data::spiral({.points = points}, g);
  all.inputs = all.inputs * 2;
  return data::split(all, {.validation = 0.2, .test = 0}, g);
}
/// Two moons with targets 0 and 1 [N, 1].
inline data::Splits moons(std::uint64_t seed = 3) {
  Generator g(seed);
  data::Dataset all = data::two_moons({.points = 200}, g);
  all.targets = reshape(to(all.targets, float32), {all.size(), 1});
  return data::split(all, {.validation = 0.2, .test = 0}, g);
}
/// t = sin 2 x_0 + x_1 x_2 / 2 + x_3, of deviation 1, and a little noise; t [N, 1].
inline data::Splits values(std::int64_t rows = 500, double noise = 0.1, std::uint64_t seed = 4) {
  Generator g(seed);
  data::Dataset all;
  all.inputs = normal({rows, 4}, 0, 1, float32, g);
  const auto x = [&](std::int64_t i) { return slice(all.inputs, 1, i, i + 1); };
  all.targets = (sin(x(0) * 2) + x(1) * x(2) * 0.5 + x(3)) / 1.3 + normal({rows, 1}, 0, noise, float32, g);
  return data::split(all, {.validation = 0.2, .test = 0}, g);
}
/// Sequences [N, 8, 2]; class 1 where the first feature sums to more than the second.
inline data::Splits sequences(std::int64_t rows = 500, std::uint64_t seed = 5) {
  Generator g(seed);
  data::Dataset all;
  all.inputs = normal({rows, 8, 2}, 0, 1, float32, g);
  const Tensor sums = sum(all.inputs, 1);
  all.targets = zeros({rows}, int64);
  for (std::int64_t i = 0; i < rows; ++i)
    all.targets.mutable_data<std::int64_t>()[i] = sums.data<float>()[2 * i] > sums.data<float>()[2 * i + 1];
  return data::split(all, {.validation = 0.2, .test = 0}, g);
}

// ---- models --------------------------------------------------------------------------------------

inline nn::Sequential net(const std::string& text, const Shape& input, std::uint64_t seed = 1) {
  Generator g(seed);
  return nn::model_from_text(text, input, g);
}
inline nn::Sequential mlp(std::uint64_t seed = 1) { return net("fc 64, relu, fc 32, relu, fc 10", {1, 16, 16}, seed); }
inline nn::Sequential cnn(std::uint64_t seed = 1) {
  return net("conv 8 3, bn, relu, pool 2, fc 10", {1, 16, 16}, seed);
}
inline nn::Sequential plain_cnn(std::uint64_t seed = 1) {
  return net("conv 8 3, relu, pool 2, conv 8 3, relu, pool 2, fc 10", {1, 16, 16}, seed);
}
/// Classes of sequences from the last state of an LSTM.
struct Reader : nn::Module<Reader> {
  explicit Reader(std::int64_t hidden = 16, std::uint64_t seed = 1) : Reader(hidden, Generator(seed)) {}
  Tensor forward(const Tensor& x) {
    const auto out = lstm(x);
    return head(select(out.y, 1, x.size(1) - 1));
  }
  auto fields() { return nn::fields("lstm", lstm, "head", head); }

  nn::LSTM lstm;
  nn::Linear head;

 private:
  Reader(std::int64_t hidden, Generator g) : lstm(2, hidden, {.batch_first = true}, g), head(hidden, 2, {}, g) {}
};

/// All weights of two dimensions or more drawn anew.
template <class M>
void draw_weights(M& model, double deviation, std::uint64_t seed = 7) {
  const NoGrad guard;
  Generator g(seed);
  for (Parameter p : nn::parameters(model))
    if (p.rank() >= 2) copy_into(p, normal(p.shape(), 0, deviation, p.dtype(), g));
}
template <class M>
void fill(M& model, int rank, double value) {
  const NoGrad guard;
  for (Parameter p : nn::parameters(model))
    if ((p.rank() >= 2) == (rank >= 2)) copy_into(p, full(p.shape(), value, p.dtype()));
}

// ---- trainings -----------------------------------------------------------------------------------

using MakeOptimizer = std::function<std::unique_ptr<optim::Optimizer>(std::vector<Parameter>)>;
inline MakeOptimizer adam(double lr) {
  return [=](std::vector<Parameter> p) {
    return std::make_unique<optim::Adam>(std::move(p), optim::AdamOptions{.lr = lr});
  };
}
inline MakeOptimizer sgd(double lr, double momentum = 0, double decay = 0) {
  return [=](std::vector<Parameter> p) {
    return std::make_unique<optim::Sgd>(std::move(p),
                                        optim::SgdOptions{.lr = lr, .momentum = momentum, .weight_decay = decay});
  };
}

struct Setup {
  MakeOptimizer optimizer = adam(3e-3);
  int epochs = 8;
  std::int64_t batch = 32;
  Loss loss = nullptr;
  bool by_fit = true;
  bool check = false;
  bool shuffle = true;
  std::optional<optim::Curve> schedule = std::nullopt;
  // Of a loop of one's own.
  bool zero_grad = true, train_mode = true, eval_mode = true;
  double clip = 0;
  std::int64_t accumulate = 1;
  std::function<std::vector<Parameter>(std::vector<Parameter>)> trained = {};  // of all parameters
};

inline Tensor loss_of(const Setup& setup, const Tensor& y, const Tensor& t) {
  if (setup.loss) return setup.loss(y, t);
  return t.dtype() == int64 ? cross_entropy(y, t) : mse_loss(y, t);
}

/// Rows to validate in whatever mode the model is, as a loop of one's own may do.
template <class M>
Score score_of(M& model, const data::Dataset& rows, const Setup& setup) {
  const NoGrad guard;
  const Tensor y = model(rows.inputs);
  Score score{.loss = loss_of(setup, y, rows.targets).template item<double>()};
  if (rows.targets.dtype() == int64) {
    const Tensor guess = argmax(y, -1);
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < rows.size(); ++i)
      right += guess.data<std::int64_t>()[i] == contiguous(rows.targets).template data<std::int64_t>()[i];
    score.accuracy = static_cast<double>(right) / static_cast<double>(rows.size());
  }
  return score;
}

template <class M>
void own_loop(M& model, const data::Splits& data, const Setup& setup, Babysitter& sitter) {
  std::vector<Parameter> parameters = nn::parameters(model);
  if (setup.trained) parameters = setup.trained(parameters);
  const auto optimizer = setup.optimizer(parameters);
  data::Loader loader(data.train, {.batch = setup.batch, .shuffle = setup.shuffle, .seed = 1});
  std::int64_t count = 0;
  for (int epoch = 1; epoch <= setup.epochs; ++epoch) {
    if (setup.train_mode || epoch == 1) nn::train(model);
    for (const auto& [x, y] : loader) {
      const bool begins = count++ % setup.accumulate == 0;
      if (setup.zero_grad && begins) nn::zero_grad(model);
      const Tensor output = model(x);
      const Tensor loss = loss_of(setup, output, y);
      backward(loss);
      if (count % setup.accumulate != 0) continue;
      if (setup.clip > 0) optim::clip_grad_norm(parameters, setup.clip);
      sitter.after_backward(loss, output, y);
      optimizer->step();
      sitter.after_step(*optimizer);
      if (!std::isfinite(loss.template item<double>())) return;
    }
    if (setup.eval_mode) nn::eval(model);
    sitter.after_epoch({.validation = score_of(model, data.validation, setup)});
  }
}

/// Trains as `setup` says and gives what was found. An error that ends the run is part of it.
template <class M>
std::vector<Finding> train(M& model, const data::Splits& data, const Setup& setup = {}) {
  Babysitter sitter(model, {.print = false});
  if (setup.check) sitter.check(data, setup.loss);
  try {
    if (!setup.by_fit) {
      own_loop(model, data, setup, sitter);
    } else {
      std::vector<Parameter> parameters = nn::parameters(model);
      if (setup.trained) parameters = setup.trained(parameters);
      const auto optimizer = setup.optimizer(parameters);
      fit(model,
          data,
          {.epochs = setup.epochs,
           .batch = setup.batch,
           .optimizer = *optimizer,
           .loss = setup.loss,
           .schedule = setup.schedule,
           .seed = 1,
           .shuffle = setup.shuffle,
           .observer = sitter,
           .progress = Progress::none});
    }
  } catch (const Error&) {
  }
  return sitter.findings();
}

}  // namespace gradus::train::zoo
