#pragma once

#include "clock.h"
#include "watch/origin.h"
#include "watch/unit_counts.h"

#include "gradus/graph/op.h"
#include "gradus/nn/model.h"
#include "gradus/train/rule.h"

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gradus::train {

/// Sees every op of a training on its thread: in each step what costs next to nothing, in sampled steps the
/// values, too. Writes to the measurements what it sees.
class OpWatch final : public gradus::detail::OpWatch {
 public:
  OpWatch(nn::ModuleRef model, Measurements& seen);

  /// From here on ops belong to the next step.
  void begin_step(bool sampled);
  /// As before the first step; the model stays.
  void restart();
  /// Nothing is seen until it is woken.
  void sleep(bool on) { asleep_ = on; }
  /// A window of dead and saturated units is over, if there are enough rows in it.
  void publish_units();
  /// Ops ran that make part of the step under way.
  bool has_begun() const { return forward_seen_; }
  /// Ops of the model ran with layers in training mode after the last step, on the tape.
  bool trained_outside_steps() const { return forward_in_training_ && !backward_seen_; }

  /// What was not finite first, in the step under way.
  std::optional<Origin> origin;
  bool origin_in_backward = false;
  /// Of the parameters, by their leaves.
  LeafNames names() const;

 private:
  void end(const gradus::detail::OpCall& call) override;
  /// Parameters may have been frozen or thawed since.
  void find_leaves();
  bool uses_leaf(const gradus::detail::OpCall& call) const;
  void begin_forward();
  /// Whether the sampled step that begins has histograms; those of the last are gone.
  void begin_histograms();
  void see_forward(const gradus::detail::OpCall& call);
  void see_rule(const gradus::detail::OpCall& call);
  void see_evaluation();
  void look(const gradus::detail::OpCall& call);
  /// The parameter that is a factor of the op's product, or -1.
  int use_parameters(const gradus::detail::OpCall& call);
  void see_values(ActivationSeen& entry, const Tensor& y) const;
  void see_product(const gradus::detail::OpCall& call, std::size_t weight);
  void see_bend(const Bend& bend, const gradus::detail::OpCall& call);
  /// A window of units is over, if there are enough rows in it.
  static void publish(ActivationSeen& entry, UnitCounts& count);
  void see_loss(const gradus::detail::OpCall& call);
  void count_labels(const Tensor& labels);
  bool follows_linear(const Tensor& x, const Tensor& weight) const;
  ActivationSeen& activation(const gradus::detail::OpCall& call, bool is_product);

  std::vector<nn::NamedParameter> parameters_;
  std::vector<nn::NamedModule> modes_;  // modules with a mode that matters
  std::unordered_map<const Node*, std::size_t> by_leaf_;
  Measurements& seen_;
  std::vector<UnitCounts> counts_;  // one for each of seen_.activations
  bool asleep_ = false, sampled_ = true, histograms_ = false;
  std::int64_t histogram_step_ = 0;  // the last that had some
  bool forward_seen_ = false, backward_seen_ = false, forward_in_training_ = false, evaluation_seen_ = false;
  int depth_ = 0;
  int product_ = -1;  // the parameter of the last product
  bool convolved_ = false;
  const gradus::OpClass* labels_of_ = nullptr;  // the loss whose labels are counted
  Clock::time_point step_ended_ = Clock::now(), step_began_ = step_ended_;
  double waited_ = 0, worked_ = 0;
};

}  // namespace gradus::train
