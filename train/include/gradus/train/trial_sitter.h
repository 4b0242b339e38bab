#pragma once

#include "gradus/train/babysitter.h"
#include "gradus/train/search.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

struct TrialSitterOptions {
  /// Rules whose findings end the trial besides those of severity error.
  std::set<std::string> rules = {"loss-stuck", "loss-slow"};
  /// When "loss-slow", a rule of this class, judges in `fit`: after so large a share of its steps, and at
  /// least 15; infinity: never.
  double patience = 0.2;
  /// Its threshold: the most that the loss, a mean over the last quarter of these steps, may be of that of a model
  /// that knows nothing (ln C, ln 2, variance).
  double slow = 0.9;
  /// Losses tell what ends a trial, so nothing else is measured behind the first step, unless `rules` has one that is
  /// not about losses: then `every` of 0 is 5.
  BabysitterOptions watch = {.every = 0, .first = 1, .judged = 5, .print = false};
};

/// A Babysitter that stops the trials it condemns, as an observer of `fit`:
///
///     train::TrialSitter sitter(trial, net);
///     train::fit(net, data, {…, .observer = sitter});
///
/// A finding that ends a trial is its reason; see TrialResult::finding. What is said of a healthy training, notes and
/// warnings, ends none, but for those of `rules`.
///   errors    ArgumentError for a rule that is not there, patience that is not positive
///   source    Zhang et al. 2026, BTTackler, arXiv:2602.23630
class TrialSitter : public Babysitter {
 public:
  template <nn::Model M>
  TrialSitter(Trial& trial, M& model, TrialSitterOptions options = {})
      : Babysitter(model, what_to_watch(options)), trial_(trial), options_(std::move(options)) {
    prepare();
  }

  /// In a loop of one's own, where "loss-slow" does not judge, as the number of steps is not known.
  void after_backward(const Tensor& loss, const Tensor& output = {}, const Tensor& targets = {});
  void after_step(optim::Optimizer& optimizer);
  bool after_epoch(const EpochRecord& record) override;

  void before_run(const RunStart& start) override;
  void after_backward(const Step& step) override;
  void after_step(const Step& step) override;
  void on_divergence(const Divergence& where) override;

 private:
  static BabysitterOptions what_to_watch(const TrialSitterOptions& options);
  void prepare();
  /// Stops the trial for the first of the new findings that condemns it.
  void judge();

  Trial& trial_;
  TrialSitterOptions options_;
  std::size_t judged_ = 0;   // findings
  double judged_after_ = 0;  // steps: see `patience`
  int epochs_ = 0;
};

}  // namespace gradus::train
GRADUS_EXPORT_END
