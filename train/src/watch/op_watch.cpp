#include "watch/op_watch.h"

#include "watch/inputs.h"
#include "watch/numbers.h"

#include "gradus/graph/node.h"
#include "gradus/tensor/dtype.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace gradus::train {
namespace {

using gradus::detail::context;
using gradus::detail::OpCall;

// Rules whose results are no larger are looked at in every step: there losses, roots and logarithms stand.
constexpr std::int64_t kAlwaysLookedAt = 1024;
// A window of units is over after so many sampled steps and rows.
constexpr std::int64_t kWindowBatches = 5, kWindowRows = 128;
constexpr double kHistogramGrowth = 1.3;  // of the step from one with histograms to the next

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), name) != list.end();
}
bool is_product(std::string_view op) { return is_one_of(op, {"linear", "matmul", "conv", "conv_input"}); }
bool is_loss(std::string_view op) {
  return is_one_of(op, {"cross_entropy", "nll_loss", "bce_with_logits", "bce_loss", "mse_loss", "l1_loss"});
}
/// Ops that hand values on as they are.
bool hands_on(std::string_view op) {
  return is_one_of(op, {"reshape", "transpose", "permute", "squeeze", "unsqueeze", "to"});
}

/// The node that made x, those that hand it on passed over; null if none did.
const Node* producer(const Tensor& x) {
  const Node* node = requires_grad(x) ? node_of(x) : nullptr;
  while (node != nullptr && !node->is_leaf() && hands_on(node->name())) node = node->inputs()[0].node;
  return node;
}

/// What a loss is in the mean for a model that knows nothing but the number of classes; NaN where that can't be
/// said. For values: with outputs 0.
double expected_loss(std::string_view op, const Tensor& x, const Tensor& target) {
  if (op == "cross_entropy" && x.rank() >= 1) return std::log(static_cast<double>(x.size(x.rank() == 1 ? 0 : 1)));
  if (op == "bce_with_logits" || op == "bce_loss") return std::log(2.0);
  if (op == "mse_loss" && is_floating(target.dtype())) return mean_square(target);
  return std::numeric_limits<double>::quiet_NaN();
}

std::string layer_of_name(const std::string& parameter) {
  const std::size_t dot = parameter.rfind('.');
  return dot == std::string::npos ? std::string() : parameter.substr(0, dot);
}

}  // namespace

OpWatch::OpWatch(nn::ModuleRef model, Measurements& seen)
    : parameters_(nn::detail::named_parameters(model)), seen_(seen) {
  for (const nn::NamedModule& named : nn::detail::named_modules(model)) {
    const std::string_view type = named.module.type_name();
    // Recurrent layers have a mode for their dropout, which most are without.
    if (!named.module.has_training_mode() || is_one_of(type, {"RNN", "LSTM", "GRU"})) continue;
    modes_.push_back(named);
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i].parameter;
    ParameterSeen entry{.name = parameters_[i].name, .layer = layer_of_name(parameters_[i].name)};
    entry.numel = p.numel();
    entry.is_weight = p.rank() >= 2;
    seen_.parameters.push_back(std::move(entry));
  }
  find_leaves();
}

void OpWatch::find_leaves() {
  by_leaf_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (const Parameter& p = parameters_[i].parameter; requires_grad(p)) by_leaf_[node_of(p)] = i;
}

LeafNames OpWatch::names() const {
  LeafNames names;
  for (const auto& [leaf, i] : by_leaf_) names[leaf] = parameters_[i].name;
  return names;
}

void OpWatch::restart() {
  depth_ = 0;
  product_ = -1;
  labels_of_ = nullptr;
  waited_ = worked_ = 0;
  forward_seen_ = false;
  histogram_step_ = 0;
  counts_.assign(seen_.activations.size(), {});
  begin_step(true);
}

void OpWatch::begin_step(bool sampled) {
  const Clock::time_point now = Clock::now();
  if (forward_seen_) worked_ += std::chrono::duration<double>(now - step_began_).count();
  seen_.waiting = waited_ + worked_ > 0 ? waited_ / (waited_ + worked_) : 0;
  step_ended_ = now;
  sampled_ = sampled;
  forward_seen_ = backward_seen_ = forward_in_training_ = evaluation_seen_ = false;
  origin.reset();
  origin_in_backward = false;
}

void OpWatch::end(const OpCall& call) {
  if (asleep_) return;
  if (context.backward_of != nullptr)
    see_rule(call);
  else if (context.recording)
    see_forward(call);
  else if (!evaluation_seen_ && uses_leaf(call))
    see_evaluation();
}

bool OpWatch::uses_leaf(const OpCall& call) const {
  return std::any_of(call.inputs.begin(), call.inputs.end(), [&](const Tensor* x) {
    return x->defined() && requires_grad(*x) && by_leaf_.contains(node_of(*x));
  });
}

void OpWatch::see_evaluation() {
  evaluation_seen_ = true;
  for (const nn::NamedModule& named : modes_)
    if (named.module.is_training()) {
      ++seen_.train_evaluations;
      seen_.train_layer = named.name;
      return;
    }
}

void OpWatch::begin_forward() {
  forward_seen_ = true;
  if (!evaluation_seen_ && seen_.step > 0) {
    step_began_ = Clock::now();
    waited_ += std::chrono::duration<double>(step_began_ - step_ended_).count();
  } else {
    step_began_ = Clock::now();
  }
  product_ = -1;
  if (sampled_) {
    find_leaves();
    begin_histograms();
  }
  const auto is_on = [](const nn::NamedModule& named) { return named.module.is_training(); };
  const auto on = std::find_if(modes_.begin(), modes_.end(), is_on);
  const auto off = std::find_if_not(modes_.begin(), modes_.end(), is_on);
  forward_in_training_ = on != modes_.end();
  if (on != modes_.end()) seen_.train_layer = on->name;
  if (off != modes_.end()) seen_.eval_layer = off->name;
  seen_.eval_steps = off == modes_.end() || on != modes_.end() ? 0 : seen_.eval_steps + 1;
}

void OpWatch::begin_histograms() {
  const std::int64_t step = seen_.step + 1;
  // A step may be seen twice: by `check`, too.
  histograms_ =
      step == histogram_step_ || static_cast<double>(step) >= kHistogramGrowth * static_cast<double>(histogram_step_);
  if (histograms_) histogram_step_ = step;
  for (ActivationSeen& a : seen_.activations) a.histogram = {};
}

void OpWatch::see_forward(const OpCall& call) {
  if (!forward_seen_) {
    if (!requires_grad(call.outputs[0])) return;  // of the data
    begin_forward();
  }
  const Tensor& y = call.outputs[0];
  if (y.numel() == 1 && !origin && is_floating(y.dtype()) && requires_grad(y) && !all_finite(y)) {
    origin = find_origin(y, names());
    if (origin->what.empty()) origin->what = std::string("the result of ") + call.op.info.name;
  }
  if (&call.op == labels_of_ && call.inputs.size() > 1) count_labels(*call.inputs[1]);
  if (sampled_) look(call);
}

void OpWatch::see_rule(const OpCall& call) {
  if (!backward_seen_) {
    backward_seen_ = true;
    for (std::size_t i = 0; i < parameters_.size() && seen_.step > 0; ++i) {
      if (!seen_.parameters[i].optimized) continue;  // which a step neither uses nor forgets
      const Tensor old = gradient(parameters_[i].parameter);
      if (!old.defined() || norm_of(old) == 0) continue;
      ++seen_.stale_gradients;
      break;
    }
  }
  // A rule is seen as an op of that name; what it calls has other ones.
  if (origin || context.backward_of != call.op.info.name) return;
  for (const Tensor& g : call.outputs) {
    if (!g.defined() || (!sampled_ && g.numel() > kAlwaysLookedAt) || all_finite(g)) continue;
    if (!all_finite(*call.inputs[0])) return;
    origin =
        Origin{std::string("the gradient from ") + call.op.info.name, layer_of(graph::Scope::current()), call.site};
    origin_in_backward = true;
    return;
  }
}

void OpWatch::look(const OpCall& call) {
  const int weight = use_parameters(call);
  const char* const op = call.op.info.name;
  if (is_loss(op) && call.inputs.size() > 1) see_loss(call);
  if (weight >= 0 && is_product(op)) see_product(call, static_cast<std::size_t>(weight));
  if (const Bend* const bend = find_bend(op)) see_bend(*bend, call);
}

int OpWatch::use_parameters(const OpCall& call) {
  int weight = -1;
  for (const Tensor* x : call.inputs) {
    if (!x->defined() || !requires_grad(*x)) continue;
    const auto at = by_leaf_.find(node_of(*x));
    if (at == by_leaf_.end()) continue;
    ParameterSeen& parameter = seen_.parameters[at->second];
    if (parameter.depth < 0) {
      parameter.depth = depth_++;
      parameter.site = gradus::detail::site_in_force(call.site);
    }
    if (parameter.is_weight) weight = static_cast<int>(at->second);
  }
  return weight;
}

ActivationSeen& OpWatch::activation(const OpCall& call, bool is_product) {
  const std::string layer =
      product_ < 0 ? layer_of(graph::Scope::current()) : seen_.parameters[static_cast<std::size_t>(product_)].layer;
  for (ActivationSeen& known : seen_.activations)
    if (known.layer == layer && known.op == call.op.info.name && known.is_product == is_product) return known;
  if (is_product)
    for (ActivationSeen& earlier : seen_.activations) earlier.hidden = true;
  seen_.activations.push_back({.layer = layer,
                               .op = call.op.info.name,
                               .site = gradus::detail::site_in_force(call.site),
                               .is_product = is_product});
  counts_.emplace_back();
  return seen_.activations.back();
}

void OpWatch::see_values(ActivationSeen& entry, const Tensor& y) const {
  const Moments found = moments(y);
  entry.mean = found.mean;
  entry.std = found.std;
  if (histograms_) entry.histogram = histogram(y);
}

void OpWatch::see_product(const OpCall& call, std::size_t weight) {
  // Behind layers that are frozen it is a layer that stands first here, not the data.
  const bool frozen = std::any_of(seen_.parameters.begin(), seen_.parameters.end(), [](auto& p) { return p.frozen; });
  if (seen_.inputs.rows == 0 && !frozen && !requires_grad(*call.inputs[0])) {
    seen_.inputs = look_at_inputs(*call.inputs[0]);
    seen_.inputs.site = gradus::detail::site_in_force(call.site);
  }
  product_ = static_cast<int>(weight);
  convolved_ = std::string_view(call.op.info.name) != "linear" && call.outputs[0].rank() >= 3;
  ActivationSeen& entry = activation(call, true);
  const Tensor& y = call.outputs[0];
  see_values(entry, y);
  entry.units = y.rank() == 0 ? 1 : y.size(convolved_ ? 1 : y.rank() - 1);
  entry.rows = y.rank() == 0 ? 1 : y.size(0);
  if (entry.first_std >= 0) return;
  entry.first_std = entry.std;
  entry.follows_linear = follows_linear(*call.inputs[0], parameters_[weight].parameter);
}

bool OpWatch::follows_linear(const Tensor& x, const Tensor& weight) const {
  const Node* const before = producer(x);
  if (before == nullptr || before->is_leaf() || std::string_view(before->name()) != "linear") return false;
  for (const Edge& edge : before->inputs()) {
    const auto at = by_leaf_.find(edge.node);
    if (at == by_leaf_.end() || !seen_.parameters[at->second].is_weight) continue;
    const Tensor& first = parameters_[at->second].parameter;
    return first.size(0) >= std::min(first.size(1), weight.size(0));
  }
  return false;
}

void OpWatch::see_bend(const Bend& bend, const OpCall& call) {
  ActivationSeen& entry = activation(call, false);
  UnitCounts& count = counts_[static_cast<std::size_t>(&entry - seen_.activations.data())];
  const Tensor& y = call.outputs[0];
  count.add(bend, y, convolved_);
  see_values(entry, y);
  if (entry.first_std < 0) entry.first_std = entry.std;
  if (count.batches() >= kWindowBatches) publish(entry, count);
}

void OpWatch::publish(ActivationSeen& entry, UnitCounts& count) {
  if (count.rows() < kWindowRows) return;
  entry.units = count.units();
  entry.rows = count.rows();
  entry.samples += count.batches();
  entry.dead = count.dead_share();
  entry.saturated = count.saturated_share();
  count.clear();
}

void OpWatch::publish_units() {
  for (std::size_t i = 0; i < counts_.size(); ++i) publish(seen_.activations[i], counts_[i]);
}

void OpWatch::see_loss(const OpCall& call) {
  LossSeen& loss = seen_.loss_op;
  const Tensor &x = *call.inputs[0], &target = *call.inputs[1];
  if (target.rank() > 0) seen_.batch = target.size(0);
  if (!loss.op.empty()) return;
  loss.op = call.op.info.name;
  loss.site = gradus::detail::site_in_force(call.site);
  loss.expected = expected_loss(loss.op, x, target);
  if (call.outputs[0].numel() == 1) loss.value = call.outputs[0].item<double>();
  if (const Node* const node = producer(x); node != nullptr && !node->is_leaf()) loss.producer = node->name();
  if (target.dtype() != int64 || x.rank() < 2) return;
  loss.classes = x.size(1);
  loss.counts.assign(static_cast<std::size_t>(loss.classes), 0);
  labels_of_ = &call.op;
  count_labels(target);
}

void OpWatch::count_labels(const Tensor& labels) {
  LossSeen& loss = seen_.loss_op;
  if (labels.dtype() != int64 || labels.numel() == 0) return;
  const Tensor dense = contiguous(labels);
  const auto* const label = dense.data<std::int64_t>();
  std::vector<std::int64_t> here(loss.counts.size());
  for (std::int64_t i = 0; i < dense.numel(); ++i)
    if (label[i] >= 0 && label[i] < loss.classes) ++here[static_cast<std::size_t>(label[i])];
  for (std::size_t c = 0; c < here.size(); ++c) loss.counts[c] += here[c];
  if (here.empty()) return;
  loss.purity += static_cast<double>(*std::max_element(here.begin(), here.end())) / static_cast<double>(dense.numel());
  ++loss.batches;
}

}  // namespace gradus::train
