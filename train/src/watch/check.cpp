#include "checks.h"
#include "guards.h"
#include "snapshot.h"
#include "watch/babysitter_impl.h"
#include "watch/inputs.h"
#include "watch/kept.h"
#include "watch/numbers.h"
#include "watch/own_ops.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/tensor/dtype.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

// What a Babysitter looks at before training.

namespace gradus::train {
namespace {

// Rows that are enough to tell the scale of inputs, and those of the batch that goes through the model.
constexpr std::int64_t kScaleRows = 4096, kBatchRows = 256;
constexpr std::int64_t kOpRows = 4;  // on which own ops are tried

/// The bytes of row i of contiguous inputs.
std::string_view row_bytes(const Tensor& inputs, std::int64_t i) {
  const std::size_t bytes = static_cast<std::size_t>(inputs.numel() / inputs.size(0)) * size_of(inputs.dtype());
  return {reinterpret_cast<const char*>(inputs.raw()->data) + static_cast<std::size_t>(i) * bytes, bytes};
}

/// Rows by a hash of 64 bits each: two that differ share one in 10^9 rows with a probability of 3 %.
void count_equal_rows(const data::Splits& data, DataSeen& seen) {
  std::unordered_set<std::size_t> known;
  const std::hash<std::string_view> hash;
  const Tensor train = contiguous(data.train.inputs);
  for (std::int64_t i = 0; i < data.train.size(); ++i)
    if (!known.insert(hash(row_bytes(train, i))).second) ++seen.repeated;
  seen.train_rows = data.train.size();
  for (const data::Dataset* part : {&data.validation, &data.test}) {
    if (part->size() == 0 || part->inputs.dtype() != train.dtype()) continue;
    const Tensor rows = contiguous(part->inputs);
    for (std::int64_t i = 0; i < part->size(); ++i)
      if (known.contains(hash(row_bytes(rows, i)))) ++seen.leaked;
    seen.test_rows += part->size();
  }
  // Rows of few values repeat by nature.
  if (2 * seen.repeated > seen.train_rows) seen.leaked = 0;
}

/// Labels of all parts, and the first that is none of `classes` (-1: not known).
void count_classes(const data::Splits& data, std::int64_t classes, DataSeen& seen) {
  for (const data::Dataset* part : {&data.train, &data.validation, &data.test}) {
    if (part->size() == 0 || !part->targets.defined() || part->targets.dtype() != int64) continue;
    const Tensor all = contiguous(part->targets);
    const auto* const label = all.data<std::int64_t>();
    for (std::int64_t i = 0; i < all.numel(); ++i) {
      const bool bad = label[i] < 0 || (classes > 0 && label[i] >= classes);
      if (bad && seen.bad_row < 0) seen.bad_row = i, seen.bad_label = label[i];
      if (bad || part != &data.train) continue;
      const auto at = static_cast<std::size_t>(label[i]);
      if (seen.counts.size() <= at)
        seen.counts.resize(std::max(at + 1, static_cast<std::size_t>(std::max<std::int64_t>(classes, 0))));
      ++seen.counts[at];
    }
  }
}

/// `count` rows, evenly spaced.
data::Batch some_rows(const data::Dataset& data, std::int64_t count, const data::Transform& transform, CallSite site) {
  count = std::min(count, data.size());
  Tensor indices = zeros({count}, int64);
  std::int64_t* const index = indices.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) index[i] = i * data.size() / count;
  const data::Dataset rows = data.subset(indices, site);
  return {.inputs = transform ? transform(rows.inputs, site) : rows.inputs, .targets = rows.targets};
}

/// The losses before and after learning a batch with Adam; ends early when a tenth is left.
std::pair<double, double> learn(const std::function<Tensor()>& loss_of,
                                nn::ModuleRef model,
                                double lr,
                                std::int64_t steps) {
  optim::Adam adam(nn::detail::parameters(model), {.lr = lr});
  double first = -1, last = -1;
  for (std::int64_t i = 0; i <= steps; ++i) {
    const Tensor loss = loss_of();
    last = loss.item<double>();
    if (i == 0) first = last;
    if (!(last > 0.1 * first) || i == steps || !requires_grad(loss)) break;
    adam.zero_grad();
    backward(loss);
    adam.step();
  }
  return {first, last};
}

}  // namespace

const std::vector<Finding>& Babysitter::check(const data::Splits& data,
                                              const Loss& given,
                                              const data::Transform& transform,
                                              CallSite site) {
  Impl& my = *impl_;
  if (my.model.forward == nullptr)
    gradus::detail::fail<ArgumentError>("check", "expected a model that is called with one tensor, got another", site);
  if (data.train.size() == 0) gradus::detail::fail<ArgumentError>("check", "expected rows to train on, got none", site);
  const Kept kept(my.model.module);
  const AtEnd anew([&] { my.watch.begin_step(true); });
  const RecordingGuard recording(true);
  nn::detail::set_training(my.model.module, true);
  my.seen.site = site;
  my.look_at_data(data, transform, site);
  const Loss loss = loss_for(given, data.train.targets, "check", site);
  const auto loss_of = [&](const data::Batch& batch) {
    return loss(my.model.forward(my.model.object, Arg(batch.inputs, site)), batch.targets);
  };
  if (my.seen.data.bad_row < 0) {
    const data::Batch batch = some_rows(data.train, kBatchRows, transform, site);
    my.watch.begin_step(true);
    my.look_at_start(loss_of(batch));
    my.watch.sleep(true);
    const AtEnd wake([&] { my.watch.sleep(false); });
    if (my.options.heart_rows > 0) {
      for (const nn::NamedModule& named : nn::detail::named_modules(my.model.module))
        if (named.module.type_name().find("Dropout") != std::string_view::npos) named.module.set_training(false);
      const data::Batch few = some_rows(data.train, my.options.heart_rows, transform, site);
      my.learn_by_heart([&] { return loss_of(few); }, few.inputs.size(0));
    }
    my.look_at_own_ops([&] { return loss_of(some_rows(data.train, kOpRows, transform, site)); });
  }
  for (const Moment when : {Moment::check, Moment::first, Moment::step, Moment::epoch}) my.judge(when);
  return my.findings;
}

void Babysitter::Impl::look_at_data(const data::Splits& data, const data::Transform& transform, CallSite site) {
  const NoGrad guard;
  seen.data = {};
  count_equal_rows(data, seen.data);
  seen.inputs = look_at_inputs(some_rows(data.train, kScaleRows, transform, site).inputs);
  seen.inputs.site = site;
  watch.sleep(true);
  const AtEnd wake([&] { watch.sleep(false); });
  const nn::detail::KeptModes modes(model.module);
  nn::detail::set_training(model.module, false);
  const Tensor output = model.forward(model.object, Arg(some_rows(data.train, 2, transform, site).inputs, site));
  count_classes(data, classes_of(output), seen.data);
}

void Babysitter::Impl::look_at_start(const Tensor& loss) {
  seen.first_loss = seen.loss = loss.item<double>();
  if (watch.origin) report_nonfinite(seen.loss);
  if (!requires_grad(loss)) return;
  std::vector<Tensor> leaves;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    seen.parameters[i].samples = {{.step = 0, .weight = norm_of(parameters[i].parameter)}};
    if (!requires_grad(parameters[i].parameter) || seen.parameters[i].depth < 0) continue;
    leaves.push_back(parameters[i].parameter);
    places.push_back(i);
  }
  if (leaves.empty()) return;
  const std::vector<Tensor> gradients = grad(loss, std::span<const Tensor>(leaves));
  for (std::size_t k = 0; k < places.size(); ++k)
    seen.parameters[places[k]].samples[0].gradient = norm_of(gradients[k]);
  watch.publish_units();
}

void Babysitter::Impl::learn_by_heart(const std::function<Tensor()>& loss_of, std::int64_t rows) {
  seen.data.heart_rows = rows;
  for (const double lr : {1e-2, 1e-3}) {
    Snapshot unlearnt(model.module);
    const auto [first, last] = learn(loss_of, model.module, lr, options.heart_steps);
    unlearnt.restore();
    if (seen.data.heart_first >= 0 && !(last < seen.data.heart_last)) continue;
    seen.data.heart_first = first;
    seen.data.heart_last = last;
    if (last < 0.2 * first) break;
  }
}

void Babysitter::Impl::look_at_own_ops(const std::function<Tensor()>& loss_of) {
  seen.own_ops.clear();
  const double limit = threshold(rule("op-gradient"));
  if (std::isinf(limit)) return;
  OwnOps watch_own;
  try {
    loss_of();
  } catch (const Error&) {  // so few rows are too few for it: those seen so far are tried
  }
  seen.own_ops = compare(watch_own.calls(), limit);
}

}  // namespace gradus::train
