#pragma once

#include "gradus/train/fit.h"
#include "gradus/train/rule.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

struct BabysitterOptions {
  /// Every so many steps weights, gradients and activations are measured; the `first` always, behind the
  /// hundredth a fifth as many. 0: the first only.
  std::int64_t every = 10, first = 5;
  /// Rules judge whenever something was measured, and every so many steps, as losses are seen in each; 0: only then.
  std::int64_t judged = 0;
  /// Findings are said on standard error, once each.
  bool print = true;
  Severity least = Severity::note;  // of what is printed
  /// Where findings.jsonl and steps.jsonl go; empty: nowhere, or in `fit` to the run's folder.
  std::string folder = {};
  /// Other thresholds of rules: {{"dead-units", 0.9}}. Infinity switches a rule off.
  std::map<std::string, double> thresholds = {};
  /// Rows to learn by heart in `check`, and in how many steps at most; 0 rows: not tried.
  std::int64_t heart_rows = 20, heart_steps = 200;
};

/// Watches a training and says what is wrong with it, as an observer of `fit`,
///
///     train::Babysitter sitter(net);
///     sitter.check(data);
///     train::fit(net, data, {.observer = sitter});
///
/// or in a loop of one's own, which needs no `fit`:
///
///     for (const auto& [x, y] : loader) {
///       adam.zero_grad();
///       const Tensor loss = cross_entropy(net(x), y);
///       backward(loss);
///       sitter.after_backward(loss);
///       adam.step();
///       sitter.after_step(adam);
///     }
///     sitter.after_epoch({.validation = train::evaluate(net, data.validation)});
///
/// It sees the ops that run on its thread, so it is made on the thread that trains, after the model, and goes
/// before it. What it does not sample costs a few loads an op. It changes nothing: a run is the same to the last
/// bit with and without it.
///   files     in the folder, if there is one: findings.jsonl, a line a finding; steps.jsonl, a line for each
///             sampled step: epoch, step, loss, lr, norms of weight, gradient and update of each parameter, and of
///             the activations mean, deviation, dead and saturated shares; in the first, and then
///             whenever the step is 1.3 times the last that had them, also a histogram of the finite values: "low",
///             "high", 30 "counts", of a result of more than 65536 elements from evenly spaced ones. Each line is
///             written whole, at once
///   errors    ArgumentError for `first` below 1, `every` or `judged` below 0 or a threshold of no rule; IoError if a
///             file can't be written
class Babysitter : public Observer {
 public:
  template <nn::Model M>
  explicit Babysitter(M& model, BabysitterOptions options = {}) : Babysitter(watched(model), std::move(options)) {}
  ~Babysitter() override;
  Babysitter(const Babysitter&) = delete;
  Babysitter& operator=(const Babysitter&) = delete;

  /// Looks at data and model before training: the rules marked "before training" in docs/findings.md. Also checks the
  /// gradients of ops of one's own that the model and the loss use, each alone, on the inputs of 4 rows. Weights,
  /// buffers, modes and the default generator are afterwards as before, to the last bit.
  ///   errors    ArgumentError for a model that is not called with one tensor, or without rows; what the model's
  ///             forward and the loss throw
  const std::vector<Finding>& check(const data::Splits& data,
                                    const Loss& loss = nullptr,
                                    const data::Transform& transform = {},
                                    CallSite site = CallSite::here());

  /// In a loop of one's own: the gradients are there, the weights still as they were. `output` and `targets`, if
  /// given, are counted for the accuracy over the epoch.
  void after_backward(const Tensor& loss, const Tensor& output = {}, const Tensor& targets = {});
  /// The weights have changed.
  void after_step(optim::Optimizer& optimizer);
  /// Scores that are left out in `record` are those of the steps since the last call. Gives true.
  bool after_epoch(const EpochRecord& record) override;

  /// Another rule, or one in the place of that of the same name.
  void add(Rule rule);

  const std::vector<Finding>& findings() const;
  const Measurements& measurements() const;

  void before_run(const RunStart& start) override;
  void after_backward(const Step& step) override;
  void after_step(const Step& step) override;
  void on_divergence(const Divergence& where) override;

 private:
  struct Watched {
    nn::ModuleRef module;
    void* object;
    Tensor (*forward)(void* object, Arg x);  // null: it is not called with one tensor
  };
  template <class M>
  static Watched watched(M& model) {
    Watched result{nn::detail::ref(model), const_cast<void*>(static_cast<const void*>(&model)), nullptr};
    if constexpr (requires(M& m, const Tensor& x) { requires std::is_same_v<decltype(m.forward(x)), Tensor>; })
      result.forward = [](void* object, Arg x) -> Tensor { return (*static_cast<M*>(object))(x); };
    return result;
  }
  Babysitter(const Watched& model, BabysitterOptions options);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus::train
GRADUS_EXPORT_END
