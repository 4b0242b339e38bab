#pragma once

#include "gradus/data/augment.h"
#include "gradus/data/dataset.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// Anything that turns the inputs of a batch into others: callable as `f(x)`, or as `f(x, site)`
/// where `site` is the line to name in an error. Called from several threads at once if the loader has
/// several.
class Transform {
 public:
  Transform() = default;
  template <class F, class = std::enable_if_t<std::is_invocable_r_v<Tensor, F&, const Tensor&>>>
  Transform(F f)
      : call_([f = std::move(f)](const Tensor& x, CallSite site) mutable -> Tensor {
          if constexpr (std::is_invocable_v<F&, const Tensor&, CallSite>) {
            return f(x, site);
          } else {
            return f(x);
          }
        }) {}

  explicit operator bool() const { return static_cast<bool>(call_); }
  Tensor operator()(const Tensor& x, CallSite site) const { return call_(x, site); }

 private:
  std::function<Tensor(const Tensor&, CallSite)> call_;
};

// ---- which rows, in which order ------------------------------------------------------------------

/// Decides which of n rows a pass uses and in which order: a function of n and a generator alone that
/// gives int64 [count].
class Sampler {
 public:
  using Order = std::function<Tensor(std::int64_t n, Generator& generator)>;
  /// The rows of one part of a pass. Each part is given the same generator, a copy of the pass's.
  using Part = std::function<Tensor(std::int64_t n, std::int64_t part, Generator& generator)>;

  /// As `.shuffle` says.
  Sampler() = default;
  /// `count` < 0: as many as there are rows. With `rows` >= 0 it is one for that many rows only.
  explicit Sampler(Order order, std::int64_t count = -1, std::int64_t rows = -1)
      : order_([order = std::move(order)](std::int64_t n, std::int64_t, Generator& g) { return order(n, g); }),
        count_(count),
        rows_(rows) {}
  /// One whose passes, over all rows, come in parts of `length` >= 1 rows, the last one shorter, that are made when a
  /// pass comes to them: for orders that are too long to keep.
  static Sampler in_parts(Part part, std::int64_t length, CallSite site = CallSite::here());

  explicit operator bool() const { return static_cast<bool>(order_); }
  std::int64_t count(std::int64_t n) const { return count_ < 0 ? n : count_; }
  /// -1: any number.
  std::int64_t rows() const { return rows_; }
  /// Rows of a part; of those that give all at once the number of rows of a pass.
  std::int64_t part_length(std::int64_t n) const { return length_ > 0 ? length_ : count(n); }
  /// IndexError or ShapeError if it does not give what it should.
  Tensor part(std::int64_t n, std::int64_t part, Generator generator) const;
  /// All parts.
  Tensor operator()(std::int64_t n, Generator& generator) const;

 private:
  Part order_;
  std::int64_t count_ = -1, rows_ = -1, length_ = -1;
};

/// One after the other.
Sampler sequential_sampler();
/// All in random order.
Sampler random_sampler();

struct WeightedOptions {
  std::int64_t count = -1;  // rows in a pass; -1: as many as there are
  bool replacement = true;  // a row may come more than once
};
/// Drawn with probabilities proportional to the weights [N]; without replacement, among what is left.
///   errors    ArgumentError unless weights are finite, 0 or more and not all 0 (without replacement:
///             `count` of them above 0); ShapeError, DTypeError
///   source    without replacement: Efraimidis & Spirakis 2006
Sampler weighted_sampler(const Tensor& weights, const WeightedOptions& options = {}, CallSite site = CallSite::here());

struct BlockOptions {
  std::int64_t block = 256;  // neighbouring rows
  std::int64_t window = 64;  // blocks whose rows are mixed
};
/// All in an order for files: blocks of neighbouring rows in random order, and the rows of every `window` blocks mixed,
/// so that a disk reads in stretches and what is read lies together. Where blocks begin is drawn for each pass. An
/// order takes the memory of a few windows; of a mapped file, or a source that can, the window after the one at hand
/// is read ahead.
///   errors    ArgumentError unless block >= 1 and window >= 1, and their product is at most 2^40
Sampler block_sampler(const BlockOptions& options = {}, CallSite site = CallSite::here());
/// All in random order, but so that the classes come evenly: any k rows in a row have of each class
/// its share of k, give or take 1.
///   shapes    classes int64 [N]
Sampler stratified_sampler(const Tensor& classes, CallSite site = CallSite::here());

// ---- rows that are made when they are needed -----------------------------------------------------

/// A row and what is to be learnt of it, which may be undefined.
struct Example {
  Tensor input{}, target{};
};

/// Makes a batch of rows.
using Collate = std::function<Batch(std::span<const Example>)>;

/// Rows of one shape and dtype, [N, …].
///   errors    ShapeError or DTypeError if they differ
Batch stack_examples(std::span<const Example> examples, CallSite site = CallSite::here());

struct PadOptions {
  double value = 0;         // what follows the end of an input
  double target_value = 0;  // … of a target, where they differ in length
  std::int64_t length = 0;  // longer rows are cut, shorter ones padded; 0: the longest of the batch
};
/// Sequences [L_i, …] of different length, padded at the end to [N, L, …], and the lengths [N].
///   errors    ShapeError if they differ in more than length; DTypeError
std::pair<Tensor, Tensor> pad_sequences(std::span<const Tensor> sequences,
                                        const PadOptions& options = {},
                                        CallSite site = CallSite::here());
/// That as a way to make batches, with `lengths`. Targets of one shape are stacked, others padded.
Collate pad_collate(const PadOptions& options = {}, CallSite site = CallSite::here());

/// Rows that are made when asked for, one by one by `get` or many at once by `fetch`. Both are called from several
/// threads at once if the loader has several; what they draw from `default_generator()` is decided by seed, epoch and
/// place in the epoch.
struct Source {
  std::int64_t size = 0;
  std::function<Example(std::int64_t row)> get = {};
  Collate collate = {};  // of what `get` gives; stack_examples if empty
  std::function<Batch(std::span<const std::int64_t> rows)> fetch = {};
  // Told of rows, which rise, that will be asked for soon; may be empty.
  std::function<void(std::span<const std::int64_t> rows)> expect = {};
  std::int64_t classes = 0;  // for mixup
  // What is known of all rows beforehand, for samplers and others; may be empty.
  Tensor targets = {};
  std::vector<std::string> class_names = {}, feature_names = {};
  Tensor mean = {}, std = {};  // of each feature, float64, without values that are missing (NaN)
};

/// The rows of a data set. Shares the tensors.
///   errors    ShapeError if there are targets but not one for each row
Source as_source(Dataset dataset, CallSite site = CallSite::here());

/// Sources for the usual three parts; a part that is not there is empty.
struct SourceSplits {
  Source train{}, validation{}, test{};
};

/// Divides the rows of a source in three, which keep their order. With `shuffle` or `stratified` it is drawn which rows
/// a part has, and eight bytes a row are kept.
///   errors    as for data sets; ArgumentError if there are no `targets` to stratify by
SourceSplits split(const Source& all,
                   const SplitOptions& options = {},
                   Generator& generator = default_generator(),
                   CallSite site = CallSite::here());

// ---- the loader ----------------------------------------------------------------------------------

struct LoaderOptions {
  std::int64_t batch = 64;
  bool shuffle = false;
  bool drop_last = false;                  // leave out a last batch that is not full
  Augmentation augment = {};               // first this, with new random numbers for each row and pass
  Transform transform = {};                // then this
  std::optional<std::uint64_t> seed = {};  // of all that is random; else from the default generator
  Tensor indices = {};                     // int64 [M], the rows to use; all if undefined
  Sampler sampler = {};                    // of these; instead of `shuffle`
  int workers = 0;                         // threads that make batches ahead; 0: none, made when asked
  int prefetch = 2;                        // batches ahead, for each worker
};

/// Where a loader is. With the same data and options it decides every batch to come.
struct LoaderState {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;     // passes begun before this one
  std::int64_t position = 0;  // rows of this pass handed out
};

/// Batches of rows, copied from a data set it shares or made by a source. Each `begin()` starts a new
/// pass, in a new order when shuffling; what a pass yields depends on seed and epoch alone, not on
/// workers. One pass at a time. What a worker throws reaches the caller in the place of its batch.
class Loader {
 public:
  class Iterator;

  ///   errors    ArgumentError for numbers out of range, or shuffling beside a sampler; ShapeError if
  ///             there are targets but not one for each row, or the sampler is one for another number
  ///             of rows; IndexError if one of `indices` is not a row
  explicit Loader(Dataset dataset, LoaderOptions options = {}, CallSite site = CallSite::here());
  explicit Loader(Source source, LoaderOptions options = {}, CallSite site = CallSite::here());

  /// Batches in a pass.
  std::int64_t size() const;
  /// Rows in a pass.
  std::int64_t rows() const;

  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  LoaderState state() const;
  /// The next pass goes on from there.
  ///   errors    ArgumentError for a state that no loader of this many rows has
  void restore(const LoaderState& state, CallSite site = CallSite::here());

 private:
  struct Core;
  class Order;
  class Prefetch;
  void start(LoaderOptions options, bool draws, CallSite site);
  std::optional<Batch> next(Prefetch* prefetch);

  std::shared_ptr<Core> core_;  // constant once made; what workers share
  LoaderState state_;
  bool fresh_ = true;                   // the next pass is the one in `state_`
  std::shared_ptr<const Order> order_;  // the rows of this pass
};

class Loader::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;

  const Batch& operator*() const { return *batch_; }
  const Batch* operator->() const { return &*batch_; }
  Iterator& operator++() {
    batch_.reset();  // first, so that the next one may use its memory
    batch_ = loader_->next(prefetch_.get());
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.batch_; }

 private:
  friend class Loader;
  Iterator(Loader* loader, std::shared_ptr<Prefetch> prefetch)
      : loader_(loader), prefetch_(std::move(prefetch)), batch_(loader->next(prefetch_.get())) {}

  Loader* loader_;
  std::shared_ptr<Prefetch> prefetch_;
  std::optional<Batch> batch_;
};

}  // namespace gradus::data
GRADUS_EXPORT_END
