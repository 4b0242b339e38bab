#pragma once

#include "gradus/data/loader.h"
#include "gradus/nn/module.h"
#include "gradus/optim/optimizer.h"

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// Means over a number of rows. NaN where nothing was measured.
struct Score {
  double loss = std::numeric_limits<double>::quiet_NaN();
  /// The share of rows whose largest output is that of their class; NaN where targets are not
  /// classes.
  double accuracy = std::numeric_limits<double>::quiet_NaN();
  /// Of floating targets shaped like the outputs: 1 - sum (y - t)^2 / sum (t - mean t)^2, the share of their
  /// variance that is explained; NaN for others, or where they are constant.
  double r2 = std::numeric_limits<double>::quiet_NaN();
  std::int64_t rows = 0;  // that they are of; 0: not known
};

/// What one pass over the training rows gave.
struct EpochRecord {
  int epoch = 0;          // from 1
  Score train = {};       // over the pass: in training mode, while the weights changed
  Score validation = {};  // after it
  Score test = {};        // after it, where there is no validation part to look at
  double lr = 0;          // at its end
  double seconds = 0;
};

/// Where training stands after the backward pass of a batch.
struct Step {
  int epoch = 0;             // from 1
  std::int64_t step = 0;     // of the epoch, from 1
  std::int64_t steps = 0;    // in an epoch
  const data::Batch& batch;  // as the model is given it
  const Tensor& output;      // of the model, recorded
  double loss = 0;
  nn::ModuleRef model;  // its parameters have their gradients
  optim::Optimizer& optimizer;
  Score so_far = {};  // over the epoch, the batch included; in after_step
};

/// What is known before the first step of a run.
struct RunStart {
  /// Where an observer may write findings.jsonl, steps.jsonl and preprocess.npz: they are the run's when it ends, is
  /// stopped or diverges. Empty if the run has no folder.
  std::string folder;
  int epochs = 0;
  bool resumed = false;
};

/// Where a run was given up.
struct Divergence {
  int epoch = 0;          // 0: it was not
  std::int64_t step = 0;  // of the epoch
  double loss = 0;
};

/// Thrown by an observer's after_step or after_epoch to end the run so that it can be gone on with: from
/// its checkpoint if it has one, else from checkpoint.safetensors in its folder, written as this passes.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "the run was stopped"; }
  std::string checkpoint;  // the file; empty if the run has neither
};

/// Watches a run: `fit(net, data, {.observer = mine})`. What it throws ends the run and reaches the
/// caller.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void before_run(const RunStart&) {}
  /// The gradients are there, the weights still as they were.
  virtual void after_backward(const Step&) {}
  /// The weights have changed.
  virtual void after_step(const Step&) {}
  /// The loss of a step, or after it that of other rows, is not finite or explodes: the run ends with an error.
  virtual void on_divergence(const Divergence&) {}
  /// False ends the training here, as if no more epochs had been asked for.
  virtual bool after_epoch(const EpochRecord&) { return true; }
};

/// Several observers as one, in order; those that are null are passed over:
///
///     train::Observers both{&sitter, &mine};
class Observers final : public Observer {
 public:
  Observers(std::initializer_list<Observer*> list) {
    for (Observer* const observer : list)
      if (observer != nullptr) list_.push_back(observer);
  }
  void before_run(const RunStart& start) override {
    for (Observer* const observer : list_) observer->before_run(start);
  }
  void on_divergence(const Divergence& where) override {
    for (Observer* const observer : list_) observer->on_divergence(where);
  }
  void after_backward(const Step& step) override {
    for (Observer* const observer : list_) observer->after_backward(step);
  }
  void after_step(const Step& step) override {
    for (Observer* const observer : list_) observer->after_step(step);
  }
  /// All are asked; one is enough to end the training.
  bool after_epoch(const EpochRecord& epoch) override {
    bool goes_on = true;
    for (Observer* const observer : list_) goes_on = observer->after_epoch(epoch) && goes_on;
    return goes_on;
  }

 private:
  std::vector<Observer*> list_;
};

}  // namespace gradus::train
GRADUS_EXPORT_END
