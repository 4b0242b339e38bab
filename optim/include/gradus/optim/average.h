#pragma once

#include "gradus/optim/base.h"

#include <cstdint>
#include <functional>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::optim {

/// Averages of parameters along training, which often serve better than the last values:
///
///     optim::Average average = optim::ema(parameters(net), 0.999);
///     …
///     adam.step();
///     average.update();
///     …
///     {
///       const optim::Average::Swapped in(average);  // the model has the averages here
///       train::evaluate(net, data.test);
///     }
///
/// Batch normalisation's running statistics belong to the weights they were taken with: take them again
/// with averaged weights.
class Average {
 public:
  /// The share that the values at update n (from 1) have in the new average: a = a + share(n) (p - a).
  using Share = std::function<double(std::int64_t n)>;

  /// Begins with the values of now. ArgumentError if one is undefined.
  Average(std::vector<Parameter> parameters, Share share);

  /// Takes the parameters' values in, in one pass over memory. ArgumentError while swapped, or where the
  /// share is not in [0, 1].
  void update();
  /// Exchanges the averages with the parameters' values, which a second call undoes.
  void swap();
  bool swapped() const { return swapped_; }
  std::int64_t updates() const { return updates_; }
  /// In the order of the parameters.
  const std::vector<Tensor>& values() const { return values_; }

  /// Swapped for as long as it lives.
  class Swapped {
   public:
    explicit Swapped(Average& average) : average_(average) { average_.swap(); }
    ~Swapped() { average_.swap(); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;

   private:
    Average& average_;
  };

  /// ArgumentError while swapped.
  State state() const;
  void set_state(const State& state);

 private:
  void refuse_swapped(const char* what) const;

  std::vector<Parameter> parameters_;
  std::vector<Tensor> values_;
  Share share_;
  std::int64_t updates_ = 0;
  bool swapped_ = false;
};

/// Exponential: a = decay a + (1 - decay) p, the first update a = p. With `warm` the decay of update n is
/// (1 + n) / (10 + n) while that is less, so that the first values are soon forgotten.
///   errors    ArgumentError unless 0 <= decay < 1
Average ema(std::vector<Parameter> parameters, double decay = 0.999, bool warm = false);

/// The plain mean of the values at all updates: stochastic weight averaging (Izmailov et al. 2018,
/// arXiv:1803.05407), updated once a cycle or epoch towards the end of training.
Average swa(std::vector<Parameter> parameters);

}  // namespace gradus::optim
GRADUS_EXPORT_END
