#pragma once

#include "measure.h"
#include "watch/json_lines.h"
#include "watch/noise.h"
#include "watch/op_watch.h"

#include "gradus/train/babysitter.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gradus::train {

/// The sitter's state: what it has measured, its rules, and where it writes.
struct Babysitter::Impl {
  Impl(const Watched& model, BabysitterOptions options);

  // A step, whoever drives it.
  void finish_backward(double loss, CallSite site);
  void finish_step(optim::Optimizer& optimizer);
  void finish_epoch(const EpochRecord& record);
  void see_start();
  void see_gradients();
  void see_update(optim::Optimizer& optimizer);
  void see_norms();
  void add_loss(double loss);
  void add_to_curve(double loss);
  void report_nonfinite(double loss);

  // Before training.
  void look_at_data(const data::Splits& data, const data::Transform& transform, CallSite site);
  void look_at_start(const Tensor& loss);
  void learn_by_heart(const std::function<Tensor()>& loss_of, std::int64_t rows);
  void look_at_own_ops(const std::function<Tensor()>& loss_of);

  /// Asks the rules of one kind.
  void judge(Moment when);
  void report(const Rule& rule, Finding finding);
  const Rule& rule(std::string_view name) const;
  double threshold(const Rule& rule) const;
  void open(const std::string& folder, bool append);
  /// The line of a sampled step, if it has not been written.
  void write_pending();
  /// Measurements begin anew; findings stay.
  void restart();

  Watched model;
  BabysitterOptions options;
  std::vector<Rule> rules = built_in_rules();
  Measurements seen;
  OpWatch watch;
  std::vector<Finding> findings;
  struct Reported {
    Severity severity;  // the worst so far
    std::int64_t step;  // when it was said first
  };
  std::map<std::pair<std::string, std::string>, Reported> reported;  // by rule and layer
  JsonLines finding_lines, step_lines;

  std::vector<nn::NamedParameter> parameters;  // as in `seen`
  std::map<std::string, Tensor> means_before;  // running means of batch normalisations, an epoch ago
  std::vector<Tensor> before;                  // the weights of a sampled step, before it
  std::vector<double> recent;                  // losses: the last 50
  std::vector<double> earliest;                // the first 5
  double partial = 0;                          // of the curve's next point
  std::int64_t partial_steps = 0, point_steps = 1;
  std::vector<bool> owned;                  // parameters that an optimizer has
  std::int64_t calls = 0, usual_calls = 1;  // of finish_step in this step, and in the one before
  bool sampled = true;                      // the step under way, or the next
  bool is_over = true;                      // no backward pass since the last step
  bool is_pending = false;                  // its line is to be written
  GradientNoise noise;
  Tally tally;  // of the epoch
  double loss_sum = 0;
  std::int64_t loss_steps = 0;
};

}  // namespace gradus::train
