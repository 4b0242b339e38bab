#include "checks.h"
#include "guards.h"
#include "measure.h"
#include "meter.h"
#include "run.h"
#include "run_checkpoint.h"
#include "snapshot.h"

#include "gradus/autograd/backward.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

namespace gradus::train {
namespace {

// Keys of the streams that are split off a run's generator.
constexpr std::uint64_t kOrderStream = 1, kLayerStream = 2;

bool is_better(const Score& a, const Score& b, Metric by) {
  if (by == Metric::r2) return a.r2 > b.r2;
  if (by != Metric::loss && a.accuracy != b.accuracy && !std::isnan(a.accuracy)) return a.accuracy > b.accuracy;
  return by != Metric::accuracy && a.loss < b.loss;
}

data::LoaderOptions loader_options(const FitOptions& options, std::int64_t rows, std::uint64_t seed) {
  return {.batch = options.batch,
          .shuffle = options.shuffle && !options.sampler,
          .drop_last = rows > options.batch && rows % options.batch == 1,
          .augment = options.augment,
          .transform = options.transform,
          .seed = Generator(seed).split(kOrderStream).next(),
          .sampler = options.sampler,
          .workers = options.workers};
}

class Loop {
 public:
  explicit Loop(const Run& run);
  void train();

 private:
  std::vector<Part> parts();
  void train_epoch();
  void train_step(const data::Batch& batch);
  EpochRecord measure_epoch();
  /// Of no rows: NaN.
  Score measure_part(const char* name, const data::Source& part, int epoch);
  bool is_best(const EpochRecord& now) const;
  bool has_patience() const;
  /// Ends the run where the loss is not finite or explodes: "loss on the test rows", "after epoch 1".
  void check_loss(double loss, const std::string& what, const std::string& when);
  /// In the unit in which losses are told.
  Score told(Score score) const {
    score.loss *= options_.loss_unit;
    return score;
  }
  /// Of the run, before the epoch under way.
  std::int64_t steps_before() const { return (state_.epoch - 1) * loader_.size(); }

  const Run& run_;
  const FitOptions& options_ = run_.options;
  RunState& state_ = run_.state;
  data::Loader loader_{
      run_.data.rows.train, loader_options(options_, run_.data.rows.train.size, state_.record.seed), run_.site};
  std::optional<optim::Schedule> schedule_;
  std::optional<Snapshot> best_;  // if there are rows to validate
  std::optional<RunCheckpoint> checkpoint_;
  Meter meter_{options_.progress, options_.epochs};
  Observers observers_{&meter_, options_.observer.get()};
  bool checked_ = false;  // the first batch
};

Loop::Loop(const Run& run) : run_(run) {
  Fingerprint given;
  if (!options_.checkpoint.empty() || !options_.resume.empty() || run.folder.exists())
    given = fingerprint(options_, run.data, run.model.module, run.optimizer);
  if (options_.schedule) schedule_.emplace(run.optimizer, *options_.schedule);
  if (run.data.rows.validation.size > 0) best_.emplace(run.model.module);
  checkpoint_.emplace(options_, run.folder, std::move(given), parts(), run.site);
}

/// What is in a checkpoint besides options and data.
std::vector<Part> Loop::parts() {
  std::vector<Part> list{{"model", run_.model.module},
                         {"optimizer", run_.optimizer},
                         {"loader", loader_},
                         {"layers", default_generator()},
                         {"run", state_}};
  if (schedule_) list.emplace_back("schedule", *schedule_);
  if (best_) list.emplace_back("best", *best_);
  return list;
}

void Loop::train() {
  checkpoint_->resume();
  if (!options_.resume.empty()) run_.folder.take_observed();
  observers_.before_run({.folder = run_.folder.exists() ? run_.folder.file("") : std::string(),
                         .epochs = options_.epochs,
                         .resumed = !options_.resume.empty()});
  for (bool goes_on = true; goes_on && state_.epoch <= options_.epochs && has_patience();) {
    const Clock::time_point begin = Clock::now();
    train_epoch();
    EpochRecord now = measure_epoch();
    now.seconds = seconds_since(begin);
    const bool best = is_best(now);
    if (best && best_) best_->take();
    state_.finish_epoch(now, best);
    run_.folder.show("metrics.jsonl", metrics_jsonl(state_.record));
    checkpoint_->after_epoch();
    goes_on = checkpoint_->keep_if_stopped([&] { return observers_.after_epoch(now); });
  }
  if (best_) {
    if (run_.folder.exists() && state_.record.best_epoch != state_.record.history.back().epoch)
      nn::detail::save(run_.model.module, run_.folder.file("last.safetensors"));
    best_->restore();
    state_.record.test = measure_part("test", run_.data.rows.test, state_.record.best_epoch);
  }
  state_.record.seconds = state_.seconds();
}

void Loop::train_epoch() {
  nn::detail::set_training(run_.model.module, true);
  if (state_.step == loader_.size()) return;  // resumed between the last of them and the measuring
  for (const data::Batch& batch : loader_) train_step(batch);
}

void Loop::train_step(const data::Batch& batch) {
  const std::int64_t steps = loader_.size();
  if (schedule_)
    schedule_->set_time(static_cast<double>(steps_before() + state_.step) /
                        static_cast<double>(options_.epochs * steps));
  ++state_.step;
  run_.optimizer.zero_grad();
  const Tensor output = run_.model.forward(run_.model.object, Arg(batch.inputs, run_.site));
  const Tensor loss = run_.loss(output, batch.targets);
  if (!std::exchange(checked_, true)) check_first_batch(output, loss, run_);
  const double value = loss.item<double>();
  check_loss(value, "loss", fmt::format("in epoch {}, step {}", state_.epoch, state_.step));
  backward(loss);
  Step now{.epoch = state_.epoch,
           .step = state_.step,
           .steps = steps,
           .batch = batch,
           .output = output,
           .loss = value,
           .model = run_.model.module,
           .optimizer = run_.optimizer};
  observers_.after_backward(now);
  run_.optimizer.step();
  state_.tally.add(value, output, batch);
  now.so_far = told(state_.tally.score());
  checkpoint_->keep_if_stopped([&] { observers_.after_step(now); });
  checkpoint_->after_step(steps_before() + state_.step);
}

EpochRecord Loop::measure_epoch() {
  EpochRecord now{.epoch = state_.epoch, .train = told(state_.tally.score()), .lr = run_.optimizer.lr()};
  if (best_)
    now.validation = measure_part("validation", run_.data.rows.validation, now.epoch);
  else
    now.test = measure_part("test", run_.data.rows.test, now.epoch);
  return now;
}

Score Loop::measure_part(const char* name, const data::Source& part, int epoch) {
  if (part.size == 0) return {};
  const Score score =
      measure(run_.model,
              part,
              run_.loss,
              {.batch = 4 * options_.batch, .transform = options_.transform, .workers = options_.workers},
              run_.site);
  check_loss(score.loss, fmt::format("loss on the {} rows", name), fmt::format("after epoch {}", epoch));
  return told(score);
}

bool Loop::has_patience() const {
  const Record& record = state_.record;
  return options_.patience == 0 || record.history.empty() ||
         record.history.back().epoch - record.best_epoch < options_.patience;
}

/// Of what is validated the best so far, otherwise the last.
bool Loop::is_best(const EpochRecord& now) const {
  const Record& record = state_.record;
  return !best_ || record.history.empty() || is_better(now.validation, record.validation, options_.metric);
}

void Loop::check_loss(double loss, const std::string& what, const std::string& when) {
  if (!state_.first_loss) state_.first_loss = loss;
  const auto problem = explain_divergence(loss, *state_.first_loss, options_.explosion, what, when);
  if (!problem) return;
  state_.divergence = {state_.epoch, state_.step, loss};
  observers_.on_divergence(state_.divergence);
  gradus::detail::fail<ArgumentError>(
      "fit",
      fmt::format("{}; a learning rate below {} may help{}",
                  *problem,
                  run_.lr,
                  run_.folder.exists() ? fmt::format("; what was measured is in {}", run_.folder.path()) : ""),
      run_.site);
}

}  // namespace

void train(const Run& run) {
  const auto layers = with_generator(Generator(run.state.record.seed).split(kLayerStream));
  Loop(run).train();
}

}  // namespace gradus::train
