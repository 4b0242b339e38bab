#include "gradus/train/fit.h"

#include "measure.h"
#include "meter.h"
#include "run_folder.h"

#include "gradus/autograd/backward.h"
#include "gradus/nn/save.h"
#include "gradus/tensor/random.h"

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
  }

  Record run() {
    RunFolder folder(options_.out, options_.runs);
    const std::string config = config_json(options_, data_, record_, optimizer_->lr());
    Snapshot before(model_.module);
    const ModeGuard modes(model_.module);
    try {
      train();
      if (folder.exists()) {
        record_.folder = folder.path();
        folder.write("config.json", config);
        folder.write("metrics.jsonl", metrics_jsonl(record_));
        folder.write("summary.json", summary_json(record_));
        nn::detail::save(model_.module, folder.file("weights.safetensors"));
        folder.publish();
      }
    } catch (...) {
      before.restore();
      optimizer_->zero_grad();
      throw;
    }
    optimizer_->zero_grad();
    return std::move(record_);
  }

 private:
  template <class E = ArgumentError>
  [[noreturn]] void refuse(const std::string& message) const {
    fail<E>("fit", message, site_);
  }

  void check();
  void check_part(const char* name, const data::Dataset& part) const;
  void check_first_batch(const Tensor& output, const Tensor& loss) const;
  void train();
  Score train_epoch(data::Loader& loader, Meter& meter, int epoch);
  /// Of no rows: NaN.
  Score measure_part(const char* name, const data::Dataset& part, int epoch) const;

  const detail::AnyModel& model_;
  const data::Splits& data_;
  const FitOptions& options_;
  CallSite site_;
  std::vector<Parameter> parameters_;
  std::unique_ptr<optim::Optimizer> own_optimizer_;
  optim::Optimizer* optimizer_ = nullptr;
  bool trains_more_ = false;  // the optimiser has parameters that are not the model's
  Loss loss_;
  Record record_;
};

void Trainer::check() {
  if (options_.epochs < 1) refuse(fmt::format("expected 1 epoch or more, got {}", options_.epochs));
  if (options_.batch < 1)
    refuse(fmt::format("expected a batch of 1 or more, got {}", options_.batch));
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

Score Trainer::measure_part(const char* name, const data::Dataset& part, int epoch) const {
  if (part.size() == 0) return {};
  const Score score = measure(model_, part, loss_, options_.transform, 4 * options_.batch, site_);
  if (!std::isfinite(score.loss))
    refuse(
        fmt::format("expected a finite loss on the {} rows, got {} after epoch {}; a learning rate "
                    "below {} may help",
                    name,
                    score.loss,
                    epoch,
                    optimizer_->lr()));
  return score;
}

Score Trainer::train_epoch(data::Loader& loader, Meter& meter, int epoch) {
  nn::detail::set_training(model_.module, true);
  const std::int64_t steps = loader.size();
  Tally tally;
  std::int64_t step = 0;
  for (const data::Batch& batch : loader) {
    ++step;
    optimizer_->zero_grad();
    const Tensor output = model_.forward(model_.object, Arg(batch.inputs, site_));
    const Tensor loss = loss_(output, batch.targets);
    if (epoch == 1 && step == 1) check_first_batch(output, loss);
    const double value = loss.item<double>();
    if (!std::isfinite(value))
      refuse(fmt::format(
          "expected a finite loss, got {} in epoch {}, step {}; a learning rate below {} may help",
          value,
          epoch,
          step,
          optimizer_->lr()));
    backward(loss);
    const Step now{epoch, step, steps, batch, output, value, model_.module, *optimizer_};
    if (Observer* const observer = options_.observer.get()) {
      observer->after_backward(now);
      optimizer_->step();
      observer->after_step(now);
    } else {
      optimizer_->step();
    }
    tally.add(value, output, batch);
    meter.update(step, tally.score());
  }
  return tally.score();
}

void Trainer::train() {
  const Clock::time_point start = Clock::now();
  const Generator generator(record_.seed);
  const GeneratorGuard layers(generator.split(kLayerStream));
  const std::int64_t rows = data_.train.size();
  data::Loader loader(data_.train,
                      {.batch = options_.batch,
                       .shuffle = options_.shuffle,
                       .drop_last = rows > options_.batch && rows % options_.batch == 1,
                       .transform = options_.transform,
                       .seed = generator.split(kOrderStream).next()});
  Meter meter(options_.progress, options_.epochs, loader.size());
  const bool validates = data_.validation.size() > 0;
  std::optional<Snapshot> best;
  for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
    const Clock::time_point begin = Clock::now();
    meter.start_epoch(epoch);
    EpochRecord now{
        .epoch = epoch, .train = train_epoch(loader, meter, epoch), .lr = optimizer_->lr()};
    if (validates)
      now.validation = measure_part("validation", data_.validation, epoch);
    else
      now.test = measure_part("test", data_.test, epoch);
    now.seconds = seconds_since(begin);
    meter.finish_epoch(now);
    record_.history.push_back(now);
    if (!validates || epoch == 1 || is_better(now.validation, record_.validation)) {
      record_.best_epoch = epoch;
      record_.train = now.train;
      record_.validation = now.validation;
      record_.test = now.test;
      if (validates && epoch == 1)
        best.emplace(model_.module);
      else if (validates)
        best->take();
    }
    if (Observer* const observer = options_.observer.get(); observer && !observer->after_epoch(now))
      break;
  }
  if (validates) {
    best->restore();
    record_.test = measure_part("test", data_.test, record_.best_epoch);
  }
  record_.seconds = seconds_since(start);
}

}  // namespace

Record detail::fit(const AnyModel& model,
                   const data::Splits& data,
                   const FitOptions& options,
                   CallSite site) {
  return Trainer(model, data, options, site).run();
}

}  // namespace gradus::train
