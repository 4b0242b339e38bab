#pragma once

#include "gradus/data/dataset.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace gradus::data {

/// What a pass of a loader yields: `for (auto [x, y] : loader)`.
struct Batch {
  Tensor inputs, targets;
};

/// Anything that turns the inputs of a batch into others: callable as `f(x)`, or as `f(x, site)`
/// where `site` is the line to name in an error.
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

struct LoaderOptions {
  std::int64_t batch = 64;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  Transform transform = {};
  std::optional<std::uint64_t> seed = {};  // of the order; else from the default generator
  Tensor indices = {};                     // int64 [M], the rows to use; all if undefined
};

/// Where a loader is. With the same data and options it decides every batch to come.
struct LoaderState {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;     // passes begun before this one
  std::int64_t position = 0;  // rows of this pass handed out
};

/// Batches of rows, copied from a data set it shares. Each `begin()` starts a new pass, in a new
/// order when shuffling; the order of a pass depends on seed and epoch alone. One pass at a time.
class Loader {
 public:
  class Iterator;

  ///   errors    ArgumentError if `batch` is less than 1; ShapeError if there are targets but not
  ///             one for each row; IndexError if one of `indices` is not a row
  explicit Loader(Dataset dataset, LoaderOptions options = {}, CallSite site = CallSite::here());

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
  std::optional<Batch> next();

  Dataset dataset_;
  LoaderOptions options_;
  CallSite site_;
  LoaderState state_;
  bool fresh_ = true;  // the next pass is the one in `state_`
  Tensor order_;       // the rows of this pass
};

class Loader::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;

  const Batch& operator*() const { return *batch_; }
  const Batch* operator->() const { return &*batch_; }
  Iterator& operator++() {
    batch_.reset();  // first, so that the next one may use its memory
    batch_ = loader_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.batch_; }

 private:
  friend class Loader;
  explicit Iterator(Loader* loader) : loader_(loader), batch_(loader->next()) {}

  Loader* loader_;
  std::optional<Batch> batch_;
};

inline Loader::Iterator Loader::begin() {
  if (!fresh_) state_ = {state_.seed, state_.epoch + 1, 0};
  fresh_ = false;
  order_.reset();
  return Iterator(this);
}

}  // namespace gradus::data
