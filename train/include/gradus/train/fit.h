#pragma once

#include "gradus/data/dataset.h"
#include "gradus/data/loader.h"
#include "gradus/nn/module.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "gradus/train/observer.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// A mean over the rows of a batch, as a tensor of one element.
using Loss = std::function<Tensor(const Tensor& output, const Tensor& targets)>;

/// Something of the caller's that outlives the call, or nothing: `.optimizer = adam`.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(T& object) : object_(&object) {}
  T* get() const { return object_; }

 private:
  T* object_ = nullptr;
};

/// How `fit` speaks on standard output.
enum class Progress : std::uint8_t {
  automatic,  // a bar if it is a terminal, else lines
  bar,
  lines,  // one an epoch
  none,
};

/// What tells on the validation rows which epoch is the best.
enum class Metric : std::uint8_t {
  automatic,  // accuracy where there are classes, else the loss; equal accuracies by their losses
  accuracy,
  loss,
  r2,
};

/// A value that is put down in a run's config.json.
using Note = std::variant<bool,
                          std::int64_t,
                          double,
                          std::string,
                          std::vector<double>,
                          std::vector<std::int64_t>,
                          std::vector<std::string>,
                          std::map<std::string, std::string>>;

struct FitOptions {
  int epochs = 5;
  std::int64_t batch = 64;
  /// Of the model's parameters; Adam with its default options if left out.
  Ref<optim::Optimizer> optimizer = {};
  /// Cross-entropy where targets are classes (int64), else the mean squared error.
  Loss loss = nullptr;
  /// A factor of the optimizer's rates as a function of time, which runs from 0 to 1:
  /// optim::cosine_annealing(1). The rates are as before afterwards.
  std::optional<optim::Curve> schedule = std::nullopt;
  /// Random changes of the batches to train on, before `transform`.
  data::Augmentation augment = {};
  /// What the model is given instead of a batch of inputs, in training and evaluation alike.
  data::Transform transform = {};
  /// Decides the order of rows and what layers such as dropout draw. The default generator is left
  /// as it was; if no seed is given, it draws one.
  std::optional<std::uint64_t> seed = std::nullopt;
  bool shuffle = true;
  /// Of the rows to train on, instead of `shuffle`: data::block_sampler() for files. What it does is not compared with
  /// that of a run to go on with.
  data::Sampler sampler = {};
  /// Threads that make batches to train on and to measure ahead: for sources whose rows are dear.
  int workers = 0;
  Metric metric = Metric::automatic;
  /// The run ends after so many epochs in a row that were not better on the validation rows; 0: never.
  std::int64_t patience = 0;
  Ref<Observer> observer = {};
  /// The folder to write the run to: new, empty, or holding an earlier run, which is replaced.
  std::string out = {};
  /// Instead: a folder in which the run gets one of its own, 0001, 0002, …, which `latest` links
  /// to.
  std::string runs = {};
  /// A file that holds all that decides how the run goes on (save_checkpoint), written after every
  /// so many steps, or at the end of each epoch if that is 0.
  std::string checkpoint = {};
  std::int64_t checkpoint_every = 0;
  /// Such a file of a run with the same options and data. The run goes on from there, bit for bit.
  std::string resume = {};
  /// What else to put down in config.json: {{"model", "fc 10"}}.
  std::map<std::string, Note> notes = {};
  /// Those of them that a run shares with the one it goes on from.
  std::vector<std::string> fixed_notes = {};
  /// A loss over this many times the first one ends the run, as one that is not finite; a first loss
  /// below 1 counts as 1. Infinity: only what is not finite does.
  double explosion = 1000;
  /// What losses are multiplied by where they are told: the variance by which targets were divided.
  double loss_unit = 1;
  Progress progress = Progress::automatic;
};

/// What came of a run.
struct Record {
  std::vector<EpochRecord> history;
  int best_epoch = 0;           // whose weights were kept
  Score train;                  // of that epoch
  Score validation, test;       // with those weights
  std::int64_t parameters = 0;  // their elements
  std::uint64_t seed = 0;
  double seconds = 0;  // those before it was resumed included
  std::string folder;  // where the run was written; empty if nowhere
};

struct EvaluateOptions {
  std::int64_t batch = 256;
  Loss loss = nullptr;
  data::Transform transform = {};
  int workers = 0;  // threads that make batches ahead
};

namespace detail {

/// A model without its type.
struct AnyModel {
  nn::ModuleRef module;
  void* object;
  Tensor (*forward)(void* object, Arg x);
};
template <class M>
AnyModel any_model(M& model) {
  return {nn::detail::ref(model), &model, [](void* object, Arg x) -> Tensor { return (*static_cast<M*>(object))(x); }};
}

Record fit(const AnyModel& model, const data::Splits& data, const FitOptions& options, CallSite site);
Record fit(const AnyModel& model, const data::SourceSplits& data, const FitOptions& options, CallSite site);

/// Has the files of a run that was killed as it took its place in `folder` do so; nothing for any other folder. IoError
/// if they can't.
void complete_run(const std::string& folder);
Score evaluate(const AnyModel& model, const data::Dataset& data, const EvaluateOptions& options, CallSite site);
Score evaluate(const AnyModel& model, const data::Source& data, const EvaluateOptions& options, CallSite site);

}  // namespace detail

/// Trains a model, shows how it goes, and keeps the best weights: those of the epoch with the
/// highest accuracy (without classes: the lowest loss) on the validation part, or the last where
/// there is none. Modules are in training mode meanwhile, and afterwards in the mode they had. If
/// the last batch of a pass would be a single row, which batch normalisation can't take, it is left
/// out.
///   files     with `out` or `runs`: config.json, metrics.jsonl (a line an epoch), summary.json,
///             weights.safetensors and, where these are not the last epoch's, last.safetensors, all at the end or
///             none; with `checkpoint`: that file, on the way; without, if an observer throws Stopped:
///             checkpoint.safetensors in the run's folder.
///             Where the loss explodes, all but the weights, and "status": "diverged" in the summary.
///             What observers write (RunStart) is there in each of these cases
///   errors    ArgumentError for options out of range, no training rows, targets that are no class
///             of the model's, a parameter used but not trained, a loss that is not finite or
///             explodes, a checkpoint of a run with another option (which is named: batch, shuffle,
///             epochs if there is a schedule, data, transform, augmentation, the optimizer's, layers);
///             IoError, before training, if the folder or the checkpoint can't be written; those of
///             load_checkpoint. After an error the weights are as before the call, and so are all
///             files but the checkpoint and, where the loss exploded, the run's.
template <nn::Model M>
Record fit(M& model, const data::Splits& data, const FitOptions& options = {}, CallSite site = CallSite::here()) {
  return detail::fit(detail::any_model(model), data, options, site);
}

/// The same with rows that are made when they are needed. A checkpoint's data are compared by some of the rows.
template <nn::Model M>
Record fit(M& model, const data::SourceSplits& data, const FitOptions& options = {}, CallSite site = CallSite::here()) {
  return detail::fit(detail::any_model(model), data, options, site);
}

/// Loss and accuracy in evaluation mode, without recording; modules are afterwards in the mode they
/// had.
///   errors    ArgumentError if there are no rows, or targets that are no class of the model's
template <nn::Model M>
Score evaluate(M& model,
               const data::Dataset& data,
               const EvaluateOptions& options = {},
               CallSite site = CallSite::here()) {
  return detail::evaluate(detail::any_model(model), data, options, site);
}
template <nn::Model M, std::same_as<data::Source> S>
Score evaluate(M& model, const S& data, const EvaluateOptions& options = {}, CallSite site = CallSite::here()) {
  return detail::evaluate(detail::any_model(model), data, options, site);
}

}  // namespace gradus::train
GRADUS_EXPORT_END
