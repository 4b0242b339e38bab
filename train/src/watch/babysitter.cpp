#include "gradus/train/babysitter.h"

#include "watch/babysitter_impl.h"
#include "watch/numbers.h"

#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <numbers>
#include <numeric>
#include <tuple>
#include <utility>

namespace gradus::train {
namespace {

using gradus::detail::fail;

constexpr std::int64_t kDenseSteps = 100;  // behind them a fifth as many are sampled
constexpr std::size_t kCurvePoints = 256;  // when there are as many, two become one
constexpr std::size_t kSamples = 20;       // of a parameter, that are kept
constexpr std::size_t kRecent = 50, kEarliest = 5, kLate = 20;
// Gradients no larger are looked at in every step for what is not finite: a NaN further on has reached the biases.
constexpr std::int64_t kSmall = 4096;

double median_of(const std::vector<ParameterSeen::Sample>& samples, double (*f)(const ParameterSeen::Sample&)) {
  std::vector<double> values;
  for (const ParameterSeen::Sample& s : samples)
    if (const double v = f(s); !std::isnan(v)) values.push_back(v);
  return median(std::move(values));
}

/// How far losses lie apart about their trend: of the differences of neighbours, the 9th decile less the first, by
/// sqrt 2.
double swing_of(const std::vector<double>& losses) {
  std::vector<double> changes(losses.size());
  std::adjacent_difference(losses.begin(), losses.end(), changes.begin());
  if (!changes.empty()) changes.erase(changes.begin());
  if (changes.empty()) return 0;
  return (quantile(changes, 0.9) - quantile(changes, 0.1)) / std::numbers::sqrt2;
}

/// Whether all elements are equal, and all rows.
std::pair<bool, bool> sameness(const Tensor& x) {
  if (x.numel() < 2) return {false, false};
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    const std::int64_t n = dense.numel(), row = x.rank() == 0 ? n : n / x.size(0);
    const bool constant = std::all_of(p, p + n, [&](T v) { return v == p[0]; });
    bool alike = n > row;
    for (std::int64_t i = row; alike && i < n; ++i) alike = p[i] == p[i - row];
    return std::pair{constant, alike};
  });
}

}  // namespace

double ParameterSeen::log_ratio() const {
  return median_of(samples, [](const Sample& s) {
    return s.weight > 0 && s.update > 0 ? std::log10(s.update / s.weight) : std::numeric_limits<double>::quiet_NaN();
  });
}

double ParameterSeen::log_gradient() const {
  return median_of(samples, [](const Sample& s) {
    return s.gradient > 0 ? std::log10(s.gradient) : std::numeric_limits<double>::quiet_NaN();
  });
}

// ---- the public face -----------------------------------------------------------------------------

Babysitter::Babysitter(const Watched& model, BabysitterOptions options)
    : impl_(std::make_unique<Impl>(model, std::move(options))) {}
Babysitter::~Babysitter() = default;

const std::vector<Finding>& Babysitter::findings() const { return impl_->findings; }
const Measurements& Babysitter::measurements() const { return impl_->seen; }

void Babysitter::add(Rule rule) {
  if (rule.name.empty() || !rule.judge)
    fail<ArgumentError>("babysitter", "expected a rule with a name and a function that judges, got one without");
  std::vector<Rule>& rules = impl_->rules;
  const auto at = std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.name == rule.name; });
  if (at == rules.end())
    rules.push_back(std::move(rule));
  else
    *at = std::move(rule);
}

void Babysitter::before_run(const RunStart& start) {
  if (impl_->seen.step > 0) impl_->restart();
  if (impl_->options.folder.empty() && !start.folder.empty()) impl_->open(start.folder, start.resumed);
}

void Babysitter::after_backward(const Tensor& loss, const Tensor& output, const Tensor& targets) {
  const NoGrad guard;
  const Node* const node = requires_grad(loss) ? node_of(loss) : nullptr;
  const double value = loss.item<double>();
  if (targets.defined() && targets.rank() > 0) impl_->seen.batch = targets.size(0);
  impl_->finish_backward(value, node == nullptr ? CallSite{} : node->site());
  if (output.defined() && targets.defined()) impl_->tally.add(value, output, {.inputs = output, .targets = targets});
}

void Babysitter::after_backward(const Step& step) {
  const NoGrad guard;
  impl_->seen.epoch = step.epoch;
  // A run that goes on counts from its beginning.
  if (impl_->seen.step == 0) impl_->seen.step = (step.epoch - 1) * step.steps + step.step - 1;
  if (step.batch.inputs.rank() > 0) impl_->seen.batch = step.batch.inputs.size(0);
  impl_->finish_backward(step.loss, {});
}

void Babysitter::after_step(optim::Optimizer& optimizer) {
  const NoGrad guard;
  impl_->finish_step(optimizer);
}

void Babysitter::after_step(const Step& step) { after_step(step.optimizer); }

bool Babysitter::after_epoch(const EpochRecord& record) {
  const NoGrad guard;
  impl_->finish_epoch(record);
  return true;
}

void Babysitter::on_divergence(const Divergence& where) {
  const NoGrad guard;
  impl_->seen.epoch = where.epoch;
  if (impl_->watch.has_begun()) {
    impl_->finish_backward(where.loss, {});
    impl_->is_pending = true;
    impl_->write_pending();
  } else if (!std::isfinite(where.loss)) {  // that of other rows, behind a step
    impl_->report_nonfinite(where.loss);
  }
  impl_->seen.diverged = true;
  impl_->judge(Moment::step);
}

// ---- a step --------------------------------------------------------------------------------------

Babysitter::Impl::Impl(const Watched& model_, BabysitterOptions options_)
    : model(model_),
      options(std::move(options_)),
      watch(model.module, seen),
      parameters(nn::detail::named_parameters(model.module)) {
  const auto at_least = [](const char* name, std::int64_t least, std::int64_t got) {
    if (got < least) fail<ArgumentError>("babysitter", fmt::format("expected {} >= {}, got {}", name, least, got));
  };
  at_least("every", 0, options.every);
  at_least("first", 1, options.first);
  at_least("judged", 0, options.judged);
  for (const auto& [name, threshold] : options.thresholds) rule(name);
  if (!options.folder.empty()) {
    std::error_code ignored;
    std::filesystem::create_directories(options.folder, ignored);
    open(options.folder, false);
  }
  restart();
}

void Babysitter::Impl::restart() {
  if (seen.step > 0) {
    Measurements fresh;
    fresh.parameters = std::move(seen.parameters);
    fresh.data = std::move(seen.data);
    for (ParameterSeen& p : fresh.parameters) p.depth = -1, p.optimized = true, p.sampled = p.moved = 0;
    seen = std::move(fresh);
    recent.clear(), earliest.clear();
    calls = 0;
    means_before.clear();
    partial = loss_sum = 0;
    partial_steps = loss_steps = 0;
    point_steps = 1;
    noise = {};
    tally = {};
    // What `check` said holds on; the rest is said again of another run.
    std::erase_if(reported, [](const auto& entry) { return entry.second.step > 0; });
  }
  seen.epoch = 1;
  sampled = is_over = true;
  is_pending = false;
  owned.assign(parameters.size(), false);
  before.assign(parameters.size(), {});
  see_start();
  watch.restart();
}

/// Weights before the first step.
void Babysitter::Impl::see_start() {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    ParameterSeen& p = seen.parameters[i];
    const Parameter& now = parameters[i].parameter;
    p.first_weight = norm_of(now);
    p.frozen = !requires_grad(now);
    p.samples = {{.step = 0, .weight = p.first_weight}};
    std::tie(p.constant, p.alike) = sameness(now);
  }
}

void Babysitter::Impl::finish_backward(double loss, CallSite site) {
  if (earliest.empty()) see_start();  // weights may have been drawn or loaded since the sitter was made
  write_pending();
  usual_calls = std::max<std::int64_t>(calls, 1);
  calls = 0;
  is_over = false;
  is_pending = sampled;
  ++seen.step;
  if (site.line != 0) seen.site = site;
  if (seen.site.line == 0) seen.site = seen.loss_op.site;
  add_loss(loss);
  see_gradients();
  noise.see(parameters, seen.batch, sampled);
  seen.noise_scale = noise.scale();
  if (!std::isfinite(loss) || (watch.origin && watch.origin_in_backward)) report_nonfinite(loss);
}

void Babysitter::Impl::add_loss(double loss) {
  if (earliest.empty()) seen.first_loss = loss;
  seen.loss = loss;
  seen.diverged = seen.diverged || !std::isfinite(loss);
  loss_sum += loss;
  ++loss_steps;
  if (earliest.size() < kEarliest) {
    earliest.push_back(loss);
    seen.early = median(earliest);
  }
  recent.push_back(loss);
  if (recent.size() > kRecent) recent.erase(recent.begin());
  add_to_curve(loss);
}

void Babysitter::Impl::add_to_curve(double loss) {
  partial += loss;
  if (++partial_steps < point_steps) return;
  seen.curve.push_back({point_steps, partial / static_cast<double>(point_steps)});
  partial = 0;
  partial_steps = 0;
  if (seen.curve.size() < kCurvePoints) return;
  for (std::size_t i = 0; i < kCurvePoints / 2; ++i)
    seen.curve[i] = {2 * point_steps, (seen.curve[2 * i].mean + seen.curve[2 * i + 1].mean) / 2};
  seen.curve.resize(kCurvePoints / 2);
  point_steps *= 2;
}

void Babysitter::Impl::report_nonfinite(double loss) {
  const Rule& nan = rule("nan");
  Finding finding{.site = seen.site, .value = loss, .threshold = nan.threshold};
  std::string first = "where it arose can't be told";
  if (watch.origin) {
    first = watch.origin->what + " was the first that is not finite";
    finding.layer = watch.origin->layer;
    if (watch.origin->site.line != 0) finding.site = watch.origin->site;
  }
  finding.text = std::isfinite(loss) ? fmt::format("a gradient is not finite at a loss of {:.4g}: {}", loss, first)
                                     : fmt::format("the loss is {}: {}", loss, first);
  report(nan, std::move(finding));
}

void Babysitter::Impl::see_gradients() {
  before.assign(parameters.size(), {});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i].parameter;
    if (!sampled && p.numel() > kSmall) continue;
    ParameterSeen& entry = seen.parameters[i];
    const Tensor g = gradient(p);
    const double norm = norm_of(g);
    if (!std::isfinite(norm) && !watch.origin && !all_finite(g)) {
      watch.origin = Origin{"the gradient of " + entry.name, entry.layer, entry.site};
      watch.origin_in_backward = true;
    }
    if (!sampled) continue;
    before[i] = clone(p);
    entry.frozen = !requires_grad(p);
    if (entry.samples.front().step == 0) entry.samples.clear();  // that of the start
    entry.samples.push_back({.step = seen.step, .weight = norm_of(p), .gradient = norm});
    if (entry.samples.size() > kSamples) entry.samples.erase(entry.samples.begin());
    ++entry.sampled;
  }
}

void Babysitter::Impl::see_update(optim::Optimizer& optimizer) {
  const std::vector<Parameter>& trained = optimizer.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!before[i].defined()) continue;
    const Parameter& p = parameters[i].parameter;
    ParameterSeen& entry = seen.parameters[i];
    const bool has = std::any_of(trained.begin(), trained.end(), [&](const Parameter& q) { return q.is_same(p); });
    owned[i] = owned[i] || has;
    // In the first step another optimizer may follow.
    entry.optimized = owned[i] || entry.sampled <= 1;
    ParameterSeen::Sample& now = entry.samples.back();
    const bool moved = now.update != 0;
    now.update = distance(p, before[i]);
    entry.moved += !moved && now.update != 0;
  }
}

/// Loops with several optimizers call this for each.
void Babysitter::Impl::finish_step(optim::Optimizer& optimizer) {
  if (calls == 0) seen.lr = optimizer.lr();
  see_update(optimizer);
  ++calls;
  if (calls >= usual_calls) write_pending();
  if (std::exchange(is_over, true)) return;
  if (sampled || (options.judged > 0 && seen.step % options.judged == 0)) {
    const std::size_t late = std::min(recent.size(), kLate);
    seen.late = median({recent.end() - static_cast<std::ptrdiff_t>(late), recent.end()});
    seen.swing = swing_of(recent);
    if (seen.step == 1) judge(Moment::first);
    judge(Moment::step);
  }
  const std::int64_t next = seen.step + 1, every = options.every * (next <= kDenseSteps ? 1 : 5);
  sampled = next <= options.first || (every > 0 && next % every == 0);
  watch.begin_step(sampled);
}

/// A layer's running mean comes before its running variance.
void Babysitter::Impl::see_norms() {
  constexpr double kGone = 1e-6;
  constexpr std::string_view kMean = "running_mean", kVar = "running_var";
  seen.norms.clear();
  Tensor mean;
  for (const auto& [name, buffer] : nn::detail::named_buffers(model.module)) {
    if (name.ends_with(kMean)) mean = cast(buffer, float64);
    if (!name.ends_with(kVar) || !mean.defined() || mean.shape() != buffer.shape()) continue;
    const Tensor var = contiguous(cast(buffer, float64));
    NormSeen& norm = seen.norms.emplace_back();
    norm.layer = name.substr(0, name.size() - std::min(name.size(), kVar.size() + 1));
    norm.channels = var.numel();
    Tensor& mean_before = means_before[name];
    for (std::int64_t c = 0; c < norm.channels; ++c) {
      const double v = var.data<double>()[c];
      norm.still += v < kGone;
      if (!mean_before.defined() || v < kGone) continue;
      const double moved = mean.data<double>()[c] - mean_before.data<double>()[c];
      norm.drift += moved * moved / v / static_cast<double>(norm.channels);
    }
    norm.drift = std::sqrt(norm.drift);
    mean_before = std::exchange(mean, {});
  }
}

void Babysitter::Impl::finish_epoch(const EpochRecord& given) {
  write_pending();
  for (std::size_t i = 0; i < parameters.size(); ++i)  // the last sample may be old
    seen.parameters[i].samples.back().weight = norm_of(parameters[i].parameter);
  EpochRecord record = given;
  if (record.epoch == 0) record.epoch = seen.epoch;
  if (std::isnan(record.train.loss)) {
    record.train = tally.score();
    if (loss_steps > 0) record.train.loss = loss_sum / static_cast<double>(loss_steps);
  }
  if (watch.trained_outside_steps() && !std::isnan(record.validation.loss)) ++seen.train_evaluations;
  seen.epochs.push_back(record);
  see_norms();
  watch.publish_units();
  judge(Moment::step);
  judge(Moment::epoch);
  seen.epoch = record.epoch + 1;
  tally = {};
  loss_sum = 0;
  loss_steps = 0;
  watch.begin_step(sampled);
}

// ---- findings and files --------------------------------------------------------------------------

const Rule& Babysitter::Impl::rule(std::string_view name) const {
  const auto at = std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.name == name; });
  if (at != rules.end()) return *at;
  fail<ArgumentError>("babysitter", gradus::detail::unknown_word("a rule", name, rules));
}

double Babysitter::Impl::threshold(const Rule& of) const {
  const auto at = options.thresholds.find(of.name);
  return at == options.thresholds.end() ? of.threshold : at->second;
}

void Babysitter::Impl::judge(Moment when) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Rule& one = rules[i];
    const double limit = threshold(one);
    if (one.when != when || !one.judge || std::isinf(limit)) continue;
    one.judge(seen, Report(limit, [&](Finding finding) {
                finding.threshold = limit;
                report(one, std::move(finding));
              }));
  }
}

void Babysitter::Impl::report(const Rule& by, Finding finding) {
  if (std::isinf(threshold(by))) return;
  finding.rule = by.name;
  finding.severity = std::max(by.severity, finding.severity);
  const auto [at, is_new] = reported.try_emplace({by.name, finding.layer}, Reported{finding.severity, seen.step});
  if (!is_new && at->second.severity >= finding.severity) return;
  at->second.severity = finding.severity;
  if (finding.site.line == 0) finding.site = seen.site;
  finding.step = seen.step;
  finding.epoch = seen.step == 0 ? 0 : seen.epoch;
  if (!by.advice.empty()) finding.text += "; " + by.advice;
  if (options.print && finding.severity >= options.least) {
    std::fputs((to_string(finding) + "\n").c_str(), stderr);
    std::fflush(stderr);
  }
  findings.push_back(std::move(finding));
  finding_lines.write(to_json(findings.back()));
}

void Babysitter::Impl::open(const std::string& folder, bool append) {
  const std::filesystem::path place(folder);
  finding_lines.open((place / "findings.jsonl").string(), append);
  step_lines.open((place / "steps.jsonl").string(), append);
  if (append) return;
  for (const Finding& finding : findings)
    if (finding.step == 0) finding_lines.write(to_json(finding));  // those of `check`
}

void Babysitter::Impl::write_pending() {
  if (!std::exchange(is_pending, false) || !step_lines.is_open()) return;
  using Json = nlohmann::ordered_json;
  Json line{{"epoch", seen.epoch}, {"step", seen.step}, {"loss", seen.loss}, {"lr", seen.lr}, {"batch", seen.batch}};
  if (!std::isnan(seen.noise_scale)) line["noise_scale"] = seen.noise_scale;
  Json& of = line["parameters"] = Json::object();
  for (const ParameterSeen& p : seen.parameters) {
    if (p.samples.empty()) continue;
    const ParameterSeen::Sample& s = p.samples.back();
    of[p.name] = {{"weight", s.weight}, {"gradient", s.gradient}, {"update", s.update}};
  }
  Json& list = line["activations"] = Json::array();
  for (const ActivationSeen& a : seen.activations) {
    list.push_back({{"layer", a.layer}, {"op", a.op}, {"mean", a.mean}, {"std", a.std}});
    if (!a.is_product && a.samples > 0) list.back().update({{"dead", a.dead}, {"saturated", a.saturated}});
    if (const Histogram& h = a.histogram; !h.counts.empty())
      list.back()["histogram"] = {{"low", h.low}, {"high", h.high}, {"counts", h.counts}};
  }
  step_lines.write(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace gradus::train
