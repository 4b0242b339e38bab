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
#include <numeric>
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

/// ShapeError unless `fetch` gave as many rows as it was asked for.
void check_fetched(const Batch& batch, std::size_t rows) {
  const auto is_right = [&](const Tensor& x) { return x.rank() > 0 && x.size(0) == static_cast<std::int64_t>(rows); };
  if (!batch.inputs.defined()) fail<ArgumentError>("loader", "expected inputs from `fetch`, got none");
  for (const auto& [name, x] : {std::pair("inputs", batch.inputs), std::pair("targets", batch.targets)})
    if (x.defined() && !is_right(x))
      fail<ShapeError>("loader",
                       fmt::format("expected {} [{}, …] from `fetch`, got {}", name, rows, to_string(x.shape())));
}

}  // namespace

/// What a batch is made from.
struct Loader::Core {
  Source source;
  LoaderOptions options;
  CallSite site;
  std::int64_t available = 0;  // rows to choose from
  std::int64_t count = 0;      // rows of a pass, a last batch included that is dropped

  /// The batch of so many rows that begins at `position` in the pass.
  Batch make(const Order& order, const Generator& pass, std::int64_t position, std::int64_t size) const;

 private:
  Batch read(std::span<const std::int64_t> rows, const Generator& pass, std::int64_t position) const;
};

/// The rows of a pass, made part by part. Used by several threads at once.
class Loader::Order {
 public:
  Order(std::shared_ptr<const Core> core, const Generator& pass) : core_(std::move(core)), pass_(pass) {}

  /// Those at positions from `begin` to `begin + count` - 1.
  std::vector<std::int64_t> rows(std::int64_t begin, std::int64_t count) const {
    std::vector<std::int64_t> result(static_cast<std::size_t>(count));
    if (!core_->options.sampler) {
      std::iota(result.begin(), result.end(), begin);
    } else {
      const std::int64_t length = core_->options.sampler.part_length(core_->available);
      for (std::int64_t done = 0; done < count;) {
        const std::int64_t at = (begin + done) % length, more = std::min(count - done, length - at);
        const Tensor rows = part((begin + done) / length);
        std::copy_n(rows.data<std::int64_t>() + at, more, result.data() + done);
        done += more;
      }
    }
    if (core_->options.indices.defined())
      for (std::int64_t& row : result) row = core_->options.indices.data<std::int64_t>()[row];
    return result;
  }

 private:
  static constexpr std::size_t kMostParts = 4;  // that are kept, for workers that lag behind

  /// A part; the next one is made too, so that its rows can be read ahead.
  Tensor part(std::int64_t k) const {
    const std::scoped_lock lock(mutex_);
    const std::int64_t length = core_->options.sampler.part_length(core_->available);
    Tensor rows = make(k);
    if ((k + 1) * length < core_->count) make(k + 1);
    return rows;
  }

  Tensor make(std::int64_t k) const {
    if (const auto at = parts_.find(k); at != parts_.end()) return at->second;
    const LoaderOptions& options = core_->options;
    Tensor rows = options.sampler.part(core_->available, k, pass_);
    if (core_->source.expect && rows.numel() < core_->count) {
      const Tensor chosen = options.indices.defined() ? gather_rows(options.indices, as_span(rows)) : rows;
      std::vector<std::int64_t> rising(as_span(chosen).begin(), as_span(chosen).end());
      std::sort(rising.begin(), rising.end());
      core_->source.expect(rising);
    }
    parts_[k] = rows;
    if (parts_.size() > kMostParts) parts_.erase(parts_.begin());
    return rows;
  }

  const std::shared_ptr<const Core> core_;
  const Generator pass_;
  mutable std::mutex mutex_;
  mutable std::map<std::int64_t, Tensor> parts_;
};

Batch Loader::Core::make(const Order& order, const Generator& pass, std::int64_t position, std::int64_t size) const {
  const gradus::detail::SitePin pin(site);
  const std::vector<std::int64_t> rows = order.rows(position, size);
  Batch batch = read(rows, pass, position);
  if (options.augment) {
    std::vector<Generator> generators;
    const Generator stream = pass.split(kAugmentStream);
    for (std::int64_t i = 0; i < size; ++i)
      generators.push_back(stream.split(static_cast<std::uint64_t>(position + i)));
    const GeneratorGuard guard(generators[0].split(0));  // for those that ignore these
    batch = options.augment(batch, generators, source.classes, site);
  }
  if (options.transform) batch.inputs = options.transform(batch.inputs, site);
  return batch;
}

Batch Loader::Core::read(std::span<const std::int64_t> rows, const Generator& pass, std::int64_t position) const {
  const auto stream = [&](std::size_t i) {
    return pass.split(kSourceStream).split(static_cast<std::uint64_t>(position) + i);
  };
  if (source.fetch) {
    const GeneratorGuard guard(stream(0));
    Batch batch = source.fetch(rows);
    check_fetched(batch, rows.size());
    return batch;
  }
  std::vector<Example> examples;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const GeneratorGuard guard(stream(i));
    examples.push_back(source.get(rows[i]));
  }
  return source.collate ? source.collate(examples) : stack_examples(examples);
}

/// Threads that make the batches of a pass ahead of the one who takes them, in order.
class Loader::Prefetch {
 public:
  Prefetch(std::shared_ptr<const Core> core,
           std::shared_ptr<const Order> order,
           const Generator& pass,
           std::int64_t position,
           std::int64_t end)
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
        made.batch = core_->make(*order_, pass_, position, count);
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
  const std::shared_ptr<const Order> order_;
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
  core_->source = as_source(std::move(dataset));
  start(std::move(options), false, site);
}

Loader::Loader(Source source, LoaderOptions options, CallSite site) : core_(std::make_shared<Core>()) {
  const gradus::detail::SitePin pin(site);
  if (source.size < 0 || !source.get == !source.fetch)
    fail<ArgumentError>("loader",
                        fmt::format("expected a source with rows >= 0 and either `get` or `fetch`, got {} rows and {}",
                                    source.size,
                                    source.get ? "both" : "neither"));
  core_->source = std::move(source);
  start(std::move(options), true, site);
}

void Loader::start(LoaderOptions options, bool draws, CallSite site) {
  Core& core = *core_;
  core.available = core.source.size;
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
  if (draws || options.shuffle || options.sampler || options.augment)
    state_.seed = options.seed ? *options.seed : default_generator().next();
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

Loader::Iterator Loader::begin() {
  const gradus::detail::SitePin pin(core_->site);
  if (!fresh_) state_ = {state_.seed, state_.epoch + 1, 0};
  fresh_ = false;
  order_.reset();
  std::shared_ptr<Prefetch> prefetch;
  if (state_.position < rows()) {
    const Generator pass = Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch));
    order_ = std::make_shared<Order>(core_, pass);
    (void)order_->rows(state_.position, 1);  // samplers of the user's on this thread
    if (core_->options.workers > 0) prefetch = std::make_shared<Prefetch>(core_, order_, pass, state_.position, rows());
  }
  return {this, std::move(prefetch)};
}

std::optional<Batch> Loader::next(Prefetch* prefetch) {
  if (state_.position >= rows()) return {};
  const std::int64_t count = std::min(core_->options.batch, rows() - state_.position);
  Batch batch = prefetch != nullptr
                    ? prefetch->take(state_.position)
                    : core_->make(*order_,
                                  Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch)),
                                  state_.position,
                                  count);
  state_.position += count;
  return batch;
}

}  // namespace gradus::data
