#include "watch/own_ops.h"

#include "guards.h"
#include "watch/numbers.h"
#include "watch/origin.h"

#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/dtype.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>
#include <limits>
#include <new>
#include <string_view>
#include <unordered_set>
#include <utility>

// The gradients of ops that the user wrote.

namespace gradus::train {
namespace {

constexpr std::size_t kMostCalls = 16;
constexpr int kPlaces = 3;                            // beside the inputs, where an op must be wrong, too
constexpr double kMove = 1e-3;                        // by the size of an input
constexpr double kAlike = 1e-2;                       // values in float64 and as they were
constexpr std::int64_t kEntries = 256, kMost = 4096;  // at first; to name the worst one

/// Those in the table of ops, and those that only layers and passes use.
bool is_library(const OpClass& op) {
  static const auto* const known = [] {
    auto* const all = new std::unordered_set<const OpClass*>;
    for (const OpEntry& entry : all_ops()) all->insert(entry.op);
    return all;
  }();
  constexpr std::string_view kInner[] = {
      "argument", "checkpoint", "rnn_tanh", "lstm_c", "lstm_h", "gru_gate", "gru_h", "gru_h_before"};
  return known->contains(&op) || std::find(std::begin(kInner), std::end(kInner), op.info.name) != std::end(kInner);
}

Tensor doubled(const Tensor& x) {
  if (!x.defined()) return {};
  return clone(is_floating(x.dtype()) ? cast(x, float64) : x);
}

std::shared_ptr<const void> copied(const OpClass& op, const void* attributes) {
  if (op.copy == nullptr) return {};
  void* const to = ::operator new(op.attribute_bytes);
  op.copy(to, attributes);
  return {to, [destroy = op.destroy](const void* from) {
            void* const p = const_cast<void*>(from);
            if (destroy != nullptr) destroy(p);
            ::operator delete(p);
          }};
}

/// Away from 0 by `step` of its size: beside kinks and ties, but where an op of numbers above 0 has values.
Tensor moved(const Tensor& x, double step, Generator& random) {
  Tensor y = contiguous(clone(x));
  double* const p = y.mutable_data<double>();
  const std::int64_t n = y.numel();
  const double mean = std::sqrt(mean_square(x)), size = mean > 0 ? mean : 1;
  const bool below = std::any_of(p, p + n, [](double v) { return v < 0; });
  for (std::int64_t i = 0; i < n; ++i) {
    const double by = step * (0.5 + 0.5 * random.uniform()) * (std::abs(p[i]) + size);
    const bool down = p[i] < 0 || (p[i] == 0 && below && random.uniform() < 0.5);
    p[i] += down ? -by : by;
  }
  return y;
}

enum class Verdict : std::uint8_t { right, wrong, unclear };

/// Wrong only if the differences are beyond doubt: what they say of kinks, noise and chance are findings.
Verdict verdict(const gradus::Report& report) {
  if (report.ok) return Verdict::right;
  const auto& worst = report.worst;
  if (!(report.max_relative_error > report.accepted) || !std::isfinite(worst.numeric)) return Verdict::unclear;
  return report.findings.empty() || !std::isfinite(worst.analytic) ? Verdict::wrong : Verdict::unclear;
}

}  // namespace

// ---- a call ------------------------------------------------------------------------------------

OwnCall::OwnCall(const gradus::detail::OpCall& call, std::string layer)
    : op_(&call.op),
      attributes_(copied(call.op, call.attributes)),
      layer_(std::move(layer)),
      site_(gradus::detail::site_in_force(call.site)) {
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    if (gradus::detail::has_node(*call.inputs[i])) reached_.push_back(i);
    inputs_.push_back(doubled(*call.inputs[i]));
  }
  const auto most = std::min(call.outputs.size(), static_cast<std::size_t>(call.op.info.outputs));
  for (std::size_t k = 0; k < most; ++k) results_.push_back(doubled(call.outputs[k]));
}

std::vector<Tensor> OwnCall::again(std::span<const Tensor> reached) const {
  std::vector<Tensor> inputs = inputs_;
  for (std::size_t k = 0; k < reached.size(); ++k) inputs[reached_[k]] = reached[k];
  const gradus::detail::TensorPointers pointers(inputs);
  Tensors all = gradus::detail::run_op(
      *op_, attributes_.get(), pointers, site_, [&] { return op_->forward(attributes_.get(), inputs); });
  all.resize(std::min(all.size(), results_.size()));
  return {all.begin(), all.end()};
}

/// Random ops don't, nor those that need float32.
bool OwnCall::gives_the_same() const {
  const NoGrad guard;
  const std::vector<Tensor> now = again({});
  if (now.size() != results_.size()) return false;
  for (std::size_t k = 0; k < now.size(); ++k) {
    const Tensor &y = now[k], &then = results_[k];
    if (y.defined() != then.defined()) return false;
    if (!y.defined() || !is_floating(y.dtype())) continue;
    if (y.shape() != then.shape() || !is_floating(then.dtype()) || !all_finite(y)) return false;
    if (!(distance(doubled(y), then) <= kAlike * norm_of(then))) return false;
  }
  return true;
}

/// All results in one row, `step` further in a direction that is always the same.
std::vector<double> OwnCall::values(std::span<const Tensor> at, double step) const {
  const NoGrad guard;
  Generator random(2);
  std::vector<Tensor> beside;
  for (const Tensor& x : at) beside.push_back(moved(x, step, random));
  std::vector<double> row;
  for (const Tensor& y : again(beside)) {
    if (!y.defined() || !is_floating(y.dtype())) continue;
    const std::vector<double> part = y.to_vector();
    row.insert(row.end(), part.begin(), part.end());
  }
  return row;
}

/// Steps of all sizes tell the same derivative, to a fraction of the error. They don't where values are rounded, or
/// computed in float32 on the way; and a sign, whose rule means another derivative than there is, has none at all.
bool OwnCall::has_slope(std::span<const Tensor> at, double error) const {
  std::vector<double> slopes;
  for (const double step : {1e-5, 1e-7, 1e-9}) {
    const std::vector<double> right = values(at, step), left = values(at, -step);
    if (right.size() != left.size()) return false;
    Generator random(3);
    double slope = 0;
    for (std::size_t i = 0; i < right.size(); ++i) slope += (0.5 + random.uniform()) * (right[i] - left[i]) / step;
    slopes.push_back(slope);
  }
  const auto [low, high] = std::minmax_element(slopes.begin(), slopes.end());
  const double size = std::max(std::abs(*low), std::abs(*high));
  return size > 0 && *high - *low <= 0.02 * std::min(error, 1.0) * size;
}

gradus::Report OwnCall::check(std::span<const Tensor> at, double rtol, std::int64_t entries) const {
  return gradcheck(
      [this](std::span<const Tensor> xs) { return again(xs); }, at, {.rtol = rtol, .entries = entries}, site_);
}

/// The same for one of the inputs that a gradient reached, more closely.
gradus::Report OwnCall::check_input(std::span<const Tensor> at, std::size_t k, double rtol) const {
  std::vector<Tensor> all(at.begin(), at.end());
  const auto f = [&](std::span<const Tensor> xs) {
    all[k] = xs[0];
    return again(all);
  };
  return gradcheck(f, {&at[k], 1}, {.rtol = rtol, .entries = kMost}, site_);
}

/// By the op's inputs: gradcheck numbers only those that it moves.
std::string OwnCall::name_of(const gradus::Report::Entry& entry, std::size_t input) const {
  return fmt::format("{} / d input{}{}",
                     entry.name.substr(0, entry.name.find(" / d ")),
                     inputs_.size() == 1 ? "" : fmt::format(" {}", input),
                     entry.input < 0              ? " along a random direction"
                     : entry.input_at.rank() == 0 ? ""
                                                  : to_string(entry.input_at));
}

bool OwnCall::compare(double rtol, OwnOpSeen& seen) const {
  if (reached_.empty() || !gives_the_same()) return false;
  std::vector<Tensor> at;
  for (std::size_t i : reached_) at.push_back(inputs_[i]);
  const std::vector<Tensor> given = at;
  gradus::Report report = check(at, rtol, kEntries);
  double least = std::numeric_limits<double>::infinity();
  Generator random(1);
  for (int place = 0; place < kPlaces && verdict(report) != Verdict::right; ++place) {
    for (std::size_t k = 0; k < at.size(); ++k) at[k] = moved(given[k], kMove, random);
    report = check(at, rtol, kEntries);
    if (verdict(report) == Verdict::unclear) return false;
    least = std::min(least, report.max_relative_error);
  }
  std::string entry;
  if (verdict(report) == Verdict::wrong) {  // say where
    if (!has_slope(at, least)) return false;
    double most = 0;
    for (std::size_t k = 0; k < at.size(); ++k) {
      gradus::Report closer = check_input(at, k, rtol);
      if (verdict(closer) != Verdict::wrong || closer.max_relative_error <= most) continue;
      most = closer.max_relative_error;
      report = std::move(closer);
      entry = name_of(report.worst, reached_[k]);
    }
  }
  seen = {.op = op_->info.name, .layer = layer_, .site = site_, .error = report.max_relative_error};
  seen.entry = entry.empty() ? report.worst.name : entry;
  seen.analytic = report.worst.analytic;
  seen.numeric = report.worst.numeric;
  return true;
}

// ---- all of them -------------------------------------------------------------------------------

void OwnOps::end(const gradus::detail::OpCall& call) {
  if (!gradus::detail::context.recording || gradus::detail::context.backward_of != nullptr) return;
  if (calls_.size() >= kMostCalls || !call.op.info.differentiable || call.op.vjp == nullptr) return;
  const auto reached = [](const Tensor* x) { return gradus::detail::has_node(*x); };
  if (std::none_of(call.inputs.begin(), call.inputs.end(), reached) || is_library(call.op)) return;
  std::string layer = layer_of(graph::Scope::current());
  for (const OwnCall& known : calls_)
    if (&known.op() == &call.op && known.layer() == layer) return;
  calls_.emplace_back(call, std::move(layer));
}

std::vector<OwnOpSeen> compare(const std::vector<OwnCall>& calls, double rtol) {
  // Nobody is told of these calls: a guard would take what is tried for a mistake.
  const AtEnd back([outer = std::exchange(gradus::detail::op_watch, nullptr)] { gradus::detail::op_watch = outer; });
  std::vector<OwnOpSeen> all;
  for (const OwnCall& call : calls) {
    OwnOpSeen seen;
    try {
      if (call.compare(rtol, seen)) all.push_back(std::move(seen));
    } catch (const std::exception&) {  // it has no values in float64, or not there
    }
  }
  return all;
}

}  // namespace gradus::train
