#pragma once

#include <gradus/gradus.h>

#include <string>
#include <vector>

/// One small network trained on digits: what the experiments that compare trainings have in common.
namespace lecture6 {

struct Setup {
  std::string name = {};
  std::vector<std::int64_t> hidden = {100};
  gradus::nn::AnyModule nonlinearity = gradus::nn::ReLU();
  gradus::init::Policy policy = gradus::init::he();
  double bias = 0;  // of the hidden layers, at the start
  bool batch_norm = false;
  double rate = 0.05, momentum = 0, decay = 0;  // of SGD
  std::int64_t batch = 64;
  int epochs = 8;
  gradus::optim::Curve schedule = {};  // a factor of the rate over time, which runs from 0 to 1
  std::uint64_t seed = 0;
};

struct Training {
  std::string name;
  /// Before training and after each epoch, in evaluation mode; all numbers NaN once a loss was not finite.
  std::vector<gradus::train::Score> train, validation;
  std::vector<double> weight_norms;   // the Euclidean norm of all weights, likewise
  std::vector<std::string> findings;  // rules of the babysitter that spoke, each once
  gradus::nn::Sequential net;
};

/// `rows` digits to train on and `validation` others, standardised as one.
gradus::data::Splits digit_splits(std::int64_t rows, std::int64_t validation);

Training train(const Setup& setup, const gradus::data::Splits& data);

}  // namespace lecture6
