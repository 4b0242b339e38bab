#pragma once

#include "gradus/tensor/tensor.h"

#include <array>
#include <cstdint>
#include <span>

GRADUS_EXPORT_BEGIN
namespace gradus {
namespace detail {

/// Philox4x32-10 itself: a bijection of the counter for each key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

}  // namespace detail

/// A counter-based generator, Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
/// 1, 2, 3"). The same seed gives the same numbers whatever the number of threads. Copies continue
/// independently from the same place.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : seed_(seed) {}

  /// Starts over.
  void seed(std::uint64_t seed) {
    seed_ = seed;
    position_ = 0;
  }
  std::uint64_t seed() const { return seed_; }

  /// How far the stream was used, in blocks of four 32-bit words. With the seed this is all its state.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }
  /// Sets `blocks` aside and returns the position of the first.
  std::uint64_t reserve(std::uint64_t blocks) {
    const std::uint64_t first = position_;
    position_ += blocks;
    return first;
  }

  /// The four words at a position: a pure function of seed and position.
  std::array<std::uint32_t, 4> block(std::uint64_t position) const;
  /// Those at positions from `first` on, as many as `blocks` has.
  void blocks(std::uint64_t first, std::span<std::array<std::uint32_t, 4>> blocks) const;

  /// One 64-bit number.
  std::uint64_t next();
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in 0 … n - 1, without bias. ArgumentError if n < 1.
  std::int64_t below(std::int64_t n, CallSite site = CallSite::here());
  /// A generator with its own stream, decided by this one's seed and `key` only.
  Generator split(std::uint64_t key) const;

 private:
  std::uint64_t seed_;
  std::uint64_t position_ = 0;
};

/// This thread's generator, used where none is given.
Generator& default_generator();
/// Seeds this thread's generator.
void manual_seed(std::uint64_t seed);

/// Uniform in [low, high). ArgumentError if high < low or one is not finite. Floating dtypes.
Tensor uniform(const Shape& shape,
               double low = 0,
               double high = 1,
               DType dtype = float32,
               Generator& generator = default_generator(),
               CallSite site = CallSite::here());
/// Normal; ArgumentError if std < 0.
Tensor normal(const Shape& shape,
              double mean = 0,
              double std = 1,
              DType dtype = float32,
              Generator& generator = default_generator(),
              CallSite site = CallSite::here());
/// Normal(mean, std) restricted to [low, high] (absolute bounds), by inversion. ArgumentError if std <= 0,
/// low >= high, or [low, high] lies so far out that its probability rounds to 0.
Tensor truncated_normal(const Shape& shape,
                        double mean,
                        double std,
                        double low,
                        double high,
                        DType dtype = float32,
                        Generator& generator = default_generator(),
                        CallSite site = CallSite::here());
/// 1 with probability p, else 0. ArgumentError unless 0 <= p <= 1. Any dtype.
Tensor bernoulli(const Shape& shape,
                 double p,
                 DType dtype = float32,
                 Generator& generator = default_generator(),
                 CallSite site = CallSite::here());
/// 0 … n - 1 in random order (Fisher–Yates), int64.
Tensor permutation(std::int64_t n, Generator& generator = default_generator(), CallSite site = CallSite::here());

}  // namespace gradus
GRADUS_EXPORT_END
