#include "gradus/data/loader.h"

#include "rows.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace gradus::data {

using gradus::detail::fail;

namespace {

constexpr std::uint64_t kAugmentStream = 1, kSourceStream = 2;

/// The thread's generator is another one meanwhile.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(const Generator& generator) : outer_(std::exchange(default_generator(), generator)) {}
  ~GeneratorGuard() { default_generator() = outer_; }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator outer_;
};

}  // namespace

/// What a batch is made from.
struct Loader::Core {
  Dataset dataset;
  Source source;  // if it has `get`, instead of the data set
  LoaderOptions options;
  CallSite site;
  std::int64_t available = 0;  // rows to choose from
  std::int64_t count = 0;      // rows of a pass, a last batch included that is dropped
  std::int64_t classes = 0;

  /// The rows of a batch that begins at `position` in the pass.
  Batch make(std::span<const std::int64_t> rows, const Generator& pass, std::int64_t position) const {
    const gradus::detail::SitePin pin(site);
    const auto stream = [&](std::uint64_t kind, std::size_t i) {
      return pass.split(kind).split(static_cast<std::uint64_t>(position) + i);
    };
    Batch batch;
    if (source.get) {
      std::vector<Example> examples;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const GeneratorGuard guard(stream(kSourceStream, i));
        examples.push_back(source.get(rows[i]));
      }
      batch = source.collate ? source.collate(examples) : stack_examples(examples);
    } else {
      batch.inputs = gather_rows(dataset.inputs, rows);
      if (dataset.targets.defined()) batch.targets = gather_rows(dataset.targets, rows);
    }
    if (options.augment) {
      std::vector<Generator> generators;
      for (std::size_t i = 0; i < rows.size(); ++i) generators.push_back(stream(kAugmentStream, i));
      const GeneratorGuard guard(stream(kAugmentStream, 0).split(0));  // for those that ignore these
      batch = options.augment(batch, generators, classes, site);
    }
    if (options.transform) batch.inputs = options.transform(batch.inputs, site);
    return batch;
  }
};

/// Threads that make the batches of a pass ahead of the one who takes them, in order.
class Loader::Prefetch {
 public:
  Prefetch(
      std::shared_ptr<const Core> core, Tensor order, const Generator& pass, std::int64_t position, std::int64_t end)
      : core_(std::move(core)), order_(std::move(order)), pass_(pass), next_(position), end_(end) {
    try {
      for (int i = 0; i < core_->options.workers; ++i)
        workers_.push_back(std::async(std::launch::async, [this] { work(); }));
    } catch (...) {  // no more threads to be had
      stop();
      throw;
    }
  }
  ~Prefetch() { stop(); }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The batch that begins at `position`.
  Batch take(std::int64_t position) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return made_.contains(position); });
    const auto at = made_.find(position);
    if (at->second.error) std::rethrow_exception(at->second.error);  // as often as it is asked for
    Batch batch = std::move(at->second.batch);
    made_.erase(at);
    --ahead_;
    lock.unlock();
    room_.notify_one();
    return batch;
  }

 private:
  struct Made {
    Batch batch;
    std::exception_ptr error;
  };

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
    workers_.clear();  // joins
  }

  void work() {
    gradus::detail::become_worker();
    const std::int64_t most = std::int64_t{core_->options.workers} * core_->options.prefetch;
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [&] { return stop_ || next_ >= end_ || ahead_ < most; });
      if (stop_ || next_ >= end_) return;
      const std::int64_t position = next_;
      const std::int64_t count = std::min(core_->options.batch, end_ - position);
      next_ += count;
      ++ahead_;
      lock.unlock();
      Made made;
      try {
        made.batch =
            core_->make(as_span(order_).subspan(static_cast<std::size_t>(position), static_cast<std::size_t>(count)),
                        pass_,
                        position);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      if (made.error) next_ = end_;  // nobody will ask for more
      made_.emplace(position, std::move(made));
      ready_.notify_one();
    }
  }

  const std::shared_ptr<const Core> core_;
  const Tensor order_;
  const Generator pass_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::int64_t next_;  // where the next batch begins
  const std::int64_t end_;
  std::int64_t ahead_ = 0;  // batches begun and not taken
  bool stop_ = false;
  std::map<std::int64_t, Made> made_;
  std::vector<std::future<void>> workers_;
};

Loader::Loader(Dataset dataset, LoaderOptions options, CallSite site) : core_(std::make_shared<Core>()) {
  const gradus::detail::SitePin pin(site);
  check_targets("loader", dataset);
  core_->available = dataset.size();
  if (options.augment) core_->classes = dataset.num_classes();
  core_->dataset = std::move(dataset);
  // Rows are copied by the byte.
  for (Tensor* x : {&core_->dataset.inputs, &core_->dataset.targets})
    if (x->defined()) *x = contiguous(*x);
  start(std::move(options), site);
}

Loader::Loader(Source source, LoaderOptions options, CallSite site) : core_(std::make_shared<Core>()) {
  const gradus::detail::SitePin pin(site);
  if (source.size < 0 || !source.get)
    fail<ArgumentError>("loader",
                        fmt::format("expected a source with rows >= 0 and `get`, got {} rows{}",
                                    source.size,
                                    source.get ? "" : " and no `get`"));
  core_->available = source.size;
  core_->classes = source.classes;
  core_->source = std::move(source);
  start(std::move(options), site);
}

void Loader::start(LoaderOptions options, CallSite site) {
  Core& core = *core_;
  if (options.batch < 1) fail<ArgumentError>("loader", fmt::format("expected a batch >= 1, got {}", options.batch));
  if (options.workers < 0 || options.workers > 256 || options.prefetch < 1)
    fail<ArgumentError>(
        "loader",
        fmt::format("expected 0 to 256 workers and a prefetch >= 1, got {} and {}", options.workers, options.prefetch));
  if (options.shuffle && options.sampler)
    fail<ArgumentError>("loader", "expected either shuffle or a sampler, got both");
  if (options.indices.defined()) {
    options.indices = check_rows("loader", options.indices, core.available);
    core.available = options.indices.numel();
  }
  if (options.sampler && options.sampler.rows() >= 0 && options.sampler.rows() != core.available)
    fail<ShapeError>(
        "loader",
        fmt::format("expected a sampler for {} rows, got one for {}", core.available, options.sampler.rows()));
  const bool random = options.shuffle || options.sampler || options.augment || core.source.get;
  if (random) state_.seed = options.seed ? *options.seed : default_generator().next();
  if (options.shuffle) options.sampler = random_sampler();
  core.count = options.sampler ? options.sampler.count(core.available) : core.available;
  core.options = std::move(options);
  core.site = site;
}

std::int64_t Loader::rows() const {
  return core_->options.drop_last ? core_->count - core_->count % core_->options.batch : core_->count;
}

std::int64_t Loader::size() const { return (rows() + core_->options.batch - 1) / core_->options.batch; }

LoaderState Loader::state() const {
  if (state_.position < rows() || rows() == 0) return state_;
  return {state_.seed, state_.epoch + 1, 0};
}

void Loader::restore(const LoaderState& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  if (state.epoch < 0 || state.position < 0 || state.position > rows())
    fail<ArgumentError>(
        "loader",
        fmt::format(
            "expected a state of a loader of {} rows, got epoch {}, position {}", rows(), state.epoch, state.position));
  state_ = state;
  fresh_ = true;
}

Tensor Loader::draw_order() const {
  const LoaderOptions& options = core_->options;
  Tensor order;
  if (options.sampler) {
    Generator generator = Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch));
    order = options.sampler(core_->available, generator);
  } else {
    order = arange(core_->available);
  }
  return options.indices.defined() ? gather_rows(options.indices, as_span(order)) : order;
}

Loader::Iterator Loader::begin() {
  const gradus::detail::SitePin pin(core_->site);
  if (!fresh_) state_ = {state_.seed, state_.epoch + 1, 0};
  fresh_ = false;
  order_ = state_.position < rows() ? draw_order() : Tensor();
  std::shared_ptr<Prefetch> prefetch;
  if (core_->options.workers > 0 && order_.defined())
    prefetch = std::make_shared<Prefetch>(
        core_, order_, Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch)), state_.position, rows());
  return {this, std::move(prefetch)};
}

std::optional<Batch> Loader::next(Prefetch* prefetch) {
  if (state_.position >= rows()) return {};
  const std::int64_t count = std::min(core_->options.batch, rows() - state_.position);
  Batch batch = prefetch != nullptr
                    ? prefetch->take(state_.position)
                    : core_->make(as_span(order_).subspan(static_cast<std::size_t>(state_.position),
                                                          static_cast<std::size_t>(count)),
                                  Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch)),
                                  state_.position);
  state_.position += count;
  return batch;
}

}  // namespace gradus::data
