#include "gradus/train/fit.h"

#include "fingerprint.h"
#include "measure.h"
#include "meter.h"
#include "run_folder.h"

#include "gradus/autograd/backward.h"
#include "gradus/nn/save.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/random.h"
#include "gradus/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace gradus::train {
namespace {

using gradus::detail::fail;

// Keys of the streams that are split off a run's generator.
constexpr std::uint64_t kOrderStream = 1, kLayerStream = 2;

/// Copies of a model's weights.
class Snapshot {
 public:
  explicit Snapshot(nn::ModuleRef model) {
    for (const auto& named : nn::detail::named_parameters(model)) add(named.parameter);
    for (const auto& named : nn::detail::named_buffers(model)) add(named.buffer);
  }
  void take() {
    for (auto& [tensor, copy] : items_) copy_into(copy, tensor);
  }
  void restore() {
    for (auto& [tensor, copy] : items_) copy_into(tensor, copy);
  }
  optim::State state() const {
    optim::State state;
    for (const auto& [tensor, copy] : items_) state[std::to_string(state.size())] = clone(copy);
    return state;
  }
  void set_state(const optim::State& state) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const auto at = state.find(std::to_string(i));
      if (state.size() != items_.size() || at == state.end() ||
          at->second.shape() != items_[i].second.shape() ||
          at->second.dtype() != items_[i].second.dtype())
        fail<ArgumentError>("fit", "expected the best weights of such a model, got others");
    }
    for (std::size_t i = 0; i < items_.size(); ++i)
      copy_into(items_[i].second, state.at(std::to_string(i)));
  }

 private:
  void add(const Tensor& tensor) { items_.emplace_back(tensor, clone(tensor)); }
  std::vector<std::pair<Tensor, Tensor>> items_;
};

/// Another default generator for as long as it lives.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(const Generator& generator) { default_generator() = generator; }
  ~GeneratorGuard() { default_generator() = before_; }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator before_ = default_generator();
};

/// An optimiser has the rates back that it had when it dies.
class RateGuard {
 public:
  explicit RateGuard(optim::Optimizer& optimizer) : optimizer_(optimizer) {
    for (int group = 0; group < optimizer.groups(); ++group) rates_.push_back(optimizer.lr(group));
  }
  ~RateGuard() {
    for (std::size_t group = 0; group < rates_.size(); ++group)
      optimizer_.set_lr(rates_[group], static_cast<int>(group));
  }
  RateGuard(const RateGuard&) = delete;
  RateGuard& operator=(const RateGuard&) = delete;

 private:
  optim::Optimizer& optimizer_;
  std::vector<double> rates_;
};

bool is_better(const Score& a, const Score& b) {
  if (a.accuracy != b.accuracy && !std::isnan(a.accuracy)) return a.accuracy > b.accuracy;
  return a.loss < b.loss;
}

class Trainer {
 public:
  Trainer(const detail::AnyModel& model,
          const data::Splits& data,
          const FitOptions& options,
          CallSite site)
      : model_(model), data_(data), options_(options), site_(site) {
    check();
    record_.seed = options.seed ? *options.seed : default_generator().next() >> 32;
    record_.parameters = nn::detail::parameter_count(model.module);
    loss_ = loss_for(options.loss, data.train, "fit", site);
    optimizer_ = options.optimizer.get();
    if (optimizer_ == nullptr) {
      own_optimizer_ = std::make_unique<optim::Adam>(parameters_);
      optimizer_ = own_optimizer_.get();
    }
    rate_ = optimizer_->lr();
  }

  Record run() {
    RunFolder folder(options_.out, options_.runs);
    folder_ = &folder;
    const std::string config = config_json(options_, data_, record_, rate_);
    const auto write = [&] {
      folder.write("config.json", config);
      folder.write("metrics.jsonl", metrics_jsonl(record_));
      folder.write("summary.json", summary_json(record_, divergence_));
    };
    Snapshot before(model_.module);
    const ModeGuard modes(model_.module);
    const RateGuard rates(*optimizer_);
    try {
      train();
      if (folder.exists()) {
        record_.folder = folder.path();
        write();
        nn::detail::save(model_.module, folder.file("weights.safetensors"));
        folder.publish();
      }
    } catch (...) {
      before.restore();
      optimizer_->zero_grad();
      if (divergence_.epoch != 0 && folder.exists()) {
        record_.seconds = before_ + seconds_since(start_);
        try {
          write();
          folder.publish();
        } catch (const Error&) {  // the loss is what matters
        }
      }
      throw;
    }
    optimizer_->zero_grad();
    return std::move(record_);
  }

  /// Where the run is, and what came of it so far.
  optim::State state() const;
  void set_state(const optim::State& state);

 private:
  template <class E = ArgumentError>
  [[noreturn]] void refuse(const std::string& message) const {
    fail<E>("fit", message, site_);
  }

  void check();
  void check_part(const char* name, const data::Dataset& part) const;
  void check_first_batch(const Tensor& output, const Tensor& loss) const;
  /// Ends the run where the loss is not finite or explodes: "loss on the test rows", "after epoch 1".
  void check_loss(double loss, const std::string& what, const std::string& when);
  /// In the unit in which losses are told.
  Score told(Score score) const {
    score.loss *= options_.loss_unit;
    return score;
  }
  void train();
  void train_epoch(data::Loader& loader, Meter& meter);
  void finish_epoch(EpochRecord now);
  /// What is in a checkpoint.
  std::vector<Part> parts(data::Loader& loader);
  void save(data::Loader& loader);
  /// Where the run is at a step's end; an observer may stop it there.
  template <class F>
  void watched(data::Loader& loader, F observe);
  /// Of no rows: NaN.
  Score measure_part(const char* name, const data::Dataset& part, int epoch);

  const detail::AnyModel& model_;
  const data::Splits& data_;
  const FitOptions& options_;
  CallSite site_;
  std::vector<Parameter> parameters_;
  std::unique_ptr<optim::Optimizer> own_optimizer_;
  optim::Optimizer* optimizer_ = nullptr;
  double rate_ = 0;           // before a schedule changes it
  bool trains_more_ = false;  // the optimiser has parameters that are not the model's
  Loss loss_;
  std::optional<optim::Schedule> schedule_;
  std::optional<Snapshot> best_;  // if there are rows to validate
  RunFolder* folder_ = nullptr;   // while the run goes

  int epoch_ = 1;          // under way
  std::int64_t step_ = 0;  // the last of it that is done
  Tally tally_;            // of its steps
  bool checked_ = false;   // the first batch
  double before_ = 0;      // seconds before the run was resumed
  Fingerprint given_;      // what a run has to share with the one it goes on from
  std::optional<double> first_loss_;
  Divergence divergence_;
  Clock::time_point start_ = Clock::now();
  Record record_;
};

void Trainer::check() {
  if (options_.epochs < 1) refuse(fmt::format("expected 1 epoch or more, got {}", options_.epochs));
  if (!(options_.loss_unit > 0))
    refuse(fmt::format("expected a loss unit above 0, got {}", options_.loss_unit));
  if (!(options_.explosion > 1))
    refuse(fmt::format("expected an explosion above 1, got {}", options_.explosion));
  if (options_.batch < 1)
    refuse(fmt::format("expected a batch of 1 or more, got {}", options_.batch));
  if (options_.checkpoint_every < 0 ||
      (options_.checkpoint_every > 0 && options_.checkpoint.empty()))
    refuse(fmt::format("expected a checkpoint every 0 or more steps, and its file, got {} and '{}'",
                       options_.checkpoint_every,
                       options_.checkpoint));
  if (!options_.checkpoint.empty()) gradus::detail::check_writable("fit", options_.checkpoint);
  if (data_.train.size() == 0) refuse("expected rows to train on, got none");
  check_part("training", data_.train);
  check_part("validation", data_.validation);
  check_part("test", data_.test);

  parameters_ = nn::detail::parameters(model_.module);
  if (parameters_.empty()) refuse("expected a model with parameters, got none");
  if (const optim::Optimizer* const optimizer = options_.optimizer.get()) {
    std::size_t shared = 0;
    for (const Parameter& p : optimizer->parameters())
      shared += std::any_of(
          parameters_.begin(), parameters_.end(), [&](const Parameter& q) { return p.is_same(q); });
    if (shared == 0)
      refuse("expected an optimizer of the model's parameters, got one that has none of them");
    trains_more_ = shared < optimizer->parameters().size();
  }
}

void Trainer::check_part(const char* name, const data::Dataset& part) const {
  if (part.size() == 0) return;
  const auto row = [](const Tensor& x) {
    Shape shape = x.shape();
    if (shape.rank() > 0) shape.erase(0);
    return shape;
  };
  const Shape expected = row(data_.train.inputs), got = row(part.inputs);
  if (got != expected)
    refuse<ShapeError>(fmt::format("expected {} rows of shape {} like those to train on, got {}",
                                   name,
                                   to_string(expected),
                                   to_string(got)));
  if (part.targets.defined() != data_.train.targets.defined() ||
      (part.targets.defined() && part.targets.dtype() != data_.train.targets.dtype()))
    refuse<DTypeError>(fmt::format("expected {} targets like those to train on, got others", name));
  if (part.targets.defined() && (part.targets.rank() == 0 || part.targets.size(0) != part.size()))
    refuse<ShapeError>(fmt::format("expected {} {} targets, one a row, got {}",
                                   part.size(),
                                   name,
                                   to_string(part.targets.shape())));
  if (!options_.loss) check_classes(part.targets, -1, "fit", site_);
}

void Trainer::check_first_batch(const Tensor& output, const Tensor& loss) const {
  if (!options_.loss)
    for (const data::Dataset* part : {&data_.train, &data_.validation, &data_.test})
      if (part->size() > 0) check_classes(part->targets, classes_of(output), "fit", site_);
  if (trains_more_) return;
  const auto strays = nn::detail::unreachable_parameters(model_.module, loss);
  if (!strays.empty())
    refuse(fmt::format(
        "expected every parameter in a field of the model or in the optimizer, got {}{}, which "
        "would not be trained",
        to_string(strays.front()),
        strays.size() > 1 ? fmt::format(" and {} more", strays.size() - 1) : ""));
}

void Trainer::check_loss(double loss, const std::string& what, const std::string& when) {
  if (!first_loss_) first_loss_ = loss;
  const double limit = options_.explosion * std::max(*first_loss_, 1.0);
  if (std::isfinite(loss) && !(loss > limit)) return;
  divergence_ = {epoch_, step_, loss};
  const std::string bound =
      std::isfinite(loss)
          ? fmt::format(" of at most {:g}, {:g} times the first", limit, options_.explosion)
          : "";
  refuse(fmt::format(
      "expected a {}{}{}, got {} {}; a learning rate below {} may help{}",
      bound.empty() ? "finite " : "",
      what,
      bound,
      loss,
      when,
      rate_,
      folder_->exists() ? fmt::format("; what was measured is in {}", folder_->path()) : ""));
}

Score Trainer::measure_part(const char* name, const data::Dataset& part, int epoch) {
  if (part.size() == 0) return {};
  const Score score = measure(model_, part, loss_, options_.transform, 4 * options_.batch, site_);
  check_loss(
      score.loss, fmt::format("loss on the {} rows", name), fmt::format("after epoch {}", epoch));
  return told(score);
}

void Trainer::train_epoch(data::Loader& loader, Meter& meter) {
  nn::detail::set_training(model_.module, true);
  const std::int64_t steps = loader.size();
  if (step_ == steps) return;  // resumed between the last of them and the measuring
  for (const data::Batch& batch : loader) {
    if (schedule_)
      schedule_->set_time(static_cast<double>((epoch_ - 1) * steps + step_) /
                          static_cast<double>(options_.epochs * steps));
    ++step_;
    optimizer_->zero_grad();
    const Tensor output = model_.forward(model_.object, Arg(batch.inputs, site_));
    const Tensor loss = loss_(output, batch.targets);
    if (!std::exchange(checked_, true)) check_first_batch(output, loss);
    const double value = loss.item<double>();
    check_loss(value, "loss", fmt::format("in epoch {}, step {}", epoch_, step_));
    backward(loss);
    const Step now{epoch_, step_, steps, batch, output, value, model_.module, *optimizer_};
    Observer* const observer = options_.observer.get();
    if (observer != nullptr) observer->after_backward(now);
    optimizer_->step();
    tally_.add(value, output, batch);
    if (observer != nullptr) watched(loader, [&] { observer->after_step(now); });
    const std::int64_t every = options_.checkpoint_every;
    if (every > 0 && ((epoch_ - 1) * steps + step_) % every == 0) save(loader);
    meter.update(step_, told(tally_.score()));
  }
}

void Trainer::finish_epoch(EpochRecord now) {
  const bool first = record_.history.empty();
  record_.history.push_back(now);
  if (best_ && !first && !is_better(now.validation, record_.validation)) return;
  record_.best_epoch = now.epoch;
  record_.train = now.train;
  record_.validation = now.validation;
  record_.test = now.test;
  if (best_) best_->take();
}

void Trainer::train() {
  start_ = Clock::now();
  const Generator generator(record_.seed);
  const GeneratorGuard layers(generator.split(kLayerStream));
  const std::int64_t rows = data_.train.size();
  data::Loader loader(data_.train,
                      {.batch = options_.batch,
                       .shuffle = options_.shuffle,
                       .drop_last = rows > options_.batch && rows % options_.batch == 1,
                       .augment = options_.augment,
                       .transform = options_.transform,
                       .seed = generator.split(kOrderStream).next()});
  if (!options_.checkpoint.empty() || !options_.resume.empty() || folder_->exists())
    given_ = fingerprint(options_, data_, model_.module, *optimizer_);
  if (options_.schedule) schedule_.emplace(*optimizer_, *options_.schedule);
  const bool validates = data_.validation.size() > 0;
  if (validates) best_.emplace(model_.module);
  if (!options_.resume.empty()) {
    given_.check(options_.resume);
    load_checkpoint(options_.resume, parts(loader));
  }
  Meter meter(options_.progress, options_.epochs, loader.size());
  while (epoch_ <= options_.epochs) {
    const Clock::time_point begin = Clock::now();
    meter.start_epoch(epoch_);
    train_epoch(loader, meter);
    EpochRecord now{.epoch = epoch_, .train = told(tally_.score()), .lr = optimizer_->lr()};
    if (validates)
      now.validation = measure_part("validation", data_.validation, epoch_);
    else
      now.test = measure_part("test", data_.test, epoch_);
    now.seconds = seconds_since(begin);
    finish_epoch(now);
    ++epoch_;
    step_ = 0;
    tally_ = {};
    if (options_.checkpoint_every == 0) save(loader);
    meter.finish_epoch(now);
    bool goes_on = true;
    if (Observer* const observer = options_.observer.get(); observer != nullptr)
      watched(loader, [&] { goes_on = observer->after_epoch(now); });
    if (!goes_on) break;
  }
  if (validates) {
    best_->restore();
    record_.test = measure_part("test", data_.test, record_.best_epoch);
  }
  record_.seconds = before_ + seconds_since(start_);
}

// ---- checkpoints ---------------------------------------------------------------------------------

std::vector<Part> Trainer::parts(data::Loader& loader) {
  std::vector<Part> list{{"options", given_},
                         {"model", model_.module},
                         {"optimizer", *optimizer_},
                         {"loader", loader},
                         {"layers", default_generator()},
                         {"run", *this}};
  if (schedule_) list.emplace_back("schedule", *schedule_);
  if (best_) list.emplace_back("best", *best_);
  return list;
}

void Trainer::save(data::Loader& loader) {
  if (!options_.checkpoint.empty()) save_checkpoint(options_.checkpoint, parts(loader));
}

template <class F>
void Trainer::watched(data::Loader& loader, F observe) {
  try {
    observe();
  } catch (Stopped& stopped) {
    stopped.checkpoint = options_.checkpoint;
    if (stopped.checkpoint.empty() && folder_->exists()) stopped.checkpoint = folder_->keep();
    if (!stopped.checkpoint.empty()) save_checkpoint(stopped.checkpoint, parts(loader));
    throw;
  }
}

namespace {

constexpr std::int64_t kColumns = 12;

/// The numbers of an epoch, in order.
template <class Record, class F>
void each_number(Record& r, F f) {
  f(r.train.loss), f(r.train.accuracy), f(r.train.r2);
  f(r.validation.loss), f(r.validation.accuracy), f(r.validation.r2);
  f(r.test.loss), f(r.test.accuracy), f(r.test.r2);
  f(r.lr), f(r.seconds);
}

}  // namespace

optim::State Trainer::state() const {
  std::vector<double> history;
  for (const EpochRecord& epoch : record_.history) {
    history.push_back(epoch.epoch);
    each_number(epoch, [&](double value) { history.push_back(value); });
  }
  return {{"place",
           from_vector(std::vector<std::int64_t>{
               epoch_, step_, record_.best_epoch, static_cast<std::int64_t>(record_.seed)})},
          {"tally", from_vector(tally_.numbers())},
          {"history",
           from_vector(history, {static_cast<std::int64_t>(record_.history.size()), kColumns})},
          {"seconds",
           from_vector(std::vector<double>{before_ + seconds_since(start_),
                                           first_loss_.value_or(std::nan(""))})}};
}

void Trainer::set_state(const optim::State& state) {
  const auto find = [&](const char* name, DType dtype, const Shape& shape) {
    const auto at = state.find(name);
    const bool fits = at != state.end() && at->second.dtype() == dtype &&
                      at->second.rank() == shape.rank() &&
                      at->second.size(-1) == shape[shape.rank() - 1];
    if (!fits) refuse(fmt::format("expected a checkpoint of a run, got one without its {}", name));
    return at->second;
  };
  const Tensor tallied = find("tally", float64, {Tally::kNumbers}),
               spent = find("seconds", float64, {2});
  const Tensor place = find("place", int64, {4}), epochs = find("history", float64, {0, kColumns});
  const std::int64_t* const at = place.data<std::int64_t>();
  if (options_.seed && static_cast<std::uint64_t>(at[3]) != *options_.seed)
    refuse(fmt::format("expected a checkpoint of a run with seed {}, got one with {}",
                       *options_.seed,
                       static_cast<std::uint64_t>(at[3])));
  epoch_ = static_cast<int>(at[0]);
  step_ = at[1];
  record_.seed = static_cast<std::uint64_t>(at[3]);
  tally_.set_numbers(tallied.data<double>());
  before_ = spent.data<double>()[0];
  if (const double first = spent.data<double>()[1]; !std::isnan(first)) first_loss_ = first;
  record_.history.clear();
  for (std::int64_t row = 0; row < epochs.size(0); ++row) {
    const double* value = epochs.data<double>() + row * kColumns;
    EpochRecord epoch{.epoch = static_cast<int>(*value)};
    each_number(epoch, [&](double& number) { number = *++value; });
    record_.history.push_back(epoch);
    if (epoch.epoch != at[2]) continue;
    record_.best_epoch = epoch.epoch;
    record_.train = epoch.train;
    record_.validation = epoch.validation;
    record_.test = epoch.test;
  }
}

}  // namespace

Record detail::fit(const AnyModel& model,
                   const data::Splits& data,
                   const FitOptions& options,
                   CallSite site) {
  return Trainer(model, data, options, site).run();
}

}  // namespace gradus::train
