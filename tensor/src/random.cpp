#include "gradus/tensor/random.h"

#include "make.h"

#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace gradus {
namespace {

using Words = std::array<std::uint32_t, 4>;

/// Ten rounds of Philox4x32; constants from Salmon et al. 2011, table 2.
inline Words rounds(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0,
         static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1,
         static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

Words philox(std::uint64_t counter, std::uint64_t key) {
  return rounds({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0},
                static_cast<std::uint32_t>(key),
                static_cast<std::uint32_t>(key >> 32));
}

/// 53 random bits as a number in [0, 1).
double unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

/// Two independent standard normal values from two uniform ones (Box & Muller 1958).
std::array<double, 2> box_muller(double u, double v) {
  const double radius = std::sqrt(-2 * std::log1p(-u));
  const double angle = 2 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// The inverse of the standard normal distribution function: Acklam's rational approximation
/// (relative error 1.2e-9) and one step of Halley's method, which brings it to rounding error.
double normal_quantile(double p) {
  if (p <= 0) return -std::numeric_limits<double>::infinity();
  if (p >= 1) return std::numeric_limits<double>::infinity();
  const auto tail = [](double q) {
    return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q -
              2.549732539343734e+00) *
                 q +
             4.374664141464968e+00) *
                q +
            2.938163982698783e+00) /
           ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q +
             3.754408661907416e+00) *
                q +
            1);
  };
  double x = 0;
  if (p < 0.02425) {
    x = tail(std::sqrt(-2 * std::log(p)));
  } else if (p > 1 - 0.02425) {
    x = -tail(std::sqrt(-2 * std::log1p(-p)));
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
           1.383577518672690e+02) *
              r -
          3.066479806614716e+01) *
             r +
         2.506628277459239e+00) *
        q /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
           6.680131188771972e+01) *
              r -
          1.328068155288572e+01) *
             r +
         1);
  }
  const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
  const double step = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - step / (1 + x * step / 2);
}

double normal_probability(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

void check_floating(const char* op, DType dtype, CallSite site) {
  if (!is_floating(dtype))
    detail::fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(dtype)), site);
}

/// Fills a tensor with `make(words)`, two values for each block of four words.
template <class Make>
Tensor fill_pairs(const char* op, const Shape& shape, DType dtype, Generator& generator, CallSite site, Make&& make) {
  Tensor result = detail::make_tensor(op, shape, dtype, site);
  const std::int64_t n = result.numel(), blocks = (n + 1) / 2;
  const std::uint64_t first = generator.reserve(static_cast<std::uint64_t>(blocks));
  dispatch(dtype, [&]<class T>() {
    T* out = result.mutable_data<T>();
    detail::parallel_for(blocks, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      std::array<Words, 64> words;  // of as many blocks, which stay in the cache
      for (; begin < end; begin += std::ssize(words)) {
        const auto count = static_cast<std::size_t>(std::min(end - begin, std::ssize(words)));
        generator.blocks(first + static_cast<std::uint64_t>(begin), std::span(words).first(count));
        T* at = out + 2 * begin;
        for (std::size_t b = 0; b < count; ++b, at += 2) {
          const std::array<double, 2> pair = make(words[b]);
          at[0] = static_cast<T>(pair[0]);
          if (at + 1 < out + n) at[1] = static_cast<T>(pair[1]);
        }
      }
    });
  });
  return result;
}

}  // namespace

std::array<std::uint32_t, 4> detail::philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  return rounds(counter, key[0], key[1]);
}

Words Generator::block(std::uint64_t position) const { return philox(position, seed_); }

void Generator::blocks(std::uint64_t first, std::span<Words> blocks) const {
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = philox(first + i, seed_);
}

std::uint64_t Generator::next() {
  const Words words = block(reserve(1));
  return std::uint64_t{words[0]} << 32 | words[1];
}

double Generator::uniform() {
  const Words words = block(reserve(1));
  return unit(words[0], words[1]);
}

std::int64_t Generator::below(std::int64_t n, CallSite site) {
  if (n < 1) detail::fail<ArgumentError>("below", fmt::format("expected n >= 1, got {}", n), site);
  const auto range = static_cast<std::uint64_t>(n);
  const std::uint64_t reject_from = std::numeric_limits<std::uint64_t>::max() / range * range;
  std::uint64_t bits = next();
  while (bits >= reject_from) bits = next();
  return static_cast<std::int64_t>(bits % range);
}

Generator Generator::split(std::uint64_t key) const {
  const Words words = philox(key, seed_ ^ 0x5851F42D4C957F2DULL);
  return Generator(std::uint64_t{words[0]} << 32 | words[1]);
}

Generator& default_generator() {
  thread_local Generator generator;
  return generator;
}

void manual_seed(std::uint64_t seed) { default_generator().seed(seed); }

Tensor uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator, CallSite site) {
  check_floating("uniform", dtype, site);
  if (!(low <= high) || !std::isfinite(high - low))
    detail::fail<ArgumentError>(
        "uniform", fmt::format("expected low <= high, both finite, got {} and {}", low, high), site);
  // The largest value below `high` in the dtype: rounding to float may otherwise reach it.
  const double below = dtype == float64
                           ? std::nextafter(high, low)
                           : static_cast<double>(std::nextafter(static_cast<float>(high), static_cast<float>(low)));
  return fill_pairs("uniform", shape, dtype, generator, site, [=](const Words& w) -> std::array<double, 2> {
    return {std::min(low + (high - low) * unit(w[0], w[1]), below),
            std::min(low + (high - low) * unit(w[2], w[3]), below)};
  });
}

Tensor normal(const Shape& shape, double mean, double std, DType dtype, Generator& generator, CallSite site) {
  check_floating("normal", dtype, site);
  if (!(std >= 0)) detail::fail<ArgumentError>("normal", fmt::format("expected std >= 0, got {}", std), site);
  return fill_pairs("normal", shape, dtype, generator, site, [=](const Words& w) -> std::array<double, 2> {
    const auto z = box_muller(unit(w[0], w[1]), unit(w[2], w[3]));
    return {mean + std * z[0], mean + std * z[1]};
  });
}

Tensor truncated_normal(const Shape& shape,
                        double mean,
                        double std,
                        double low,
                        double high,
                        DType dtype,
                        Generator& generator,
                        CallSite site) {
  check_floating("truncated_normal", dtype, site);
  if (!(std > 0) || !(low < high))
    detail::fail<ArgumentError>(
        "truncated_normal",
        fmt::format("expected std > 0 and low < high, got std {}, low {}, high {}", std, low, high),
        site);
  // In the upper tail distribution values round to 1; there the mirror image is drawn.
  const bool mirror = low > mean;
  const double a = (mirror ? mean - high : low - mean) / std, b = (mirror ? mean - low : high - mean) / std;
  const double pa = normal_probability(a), pb = normal_probability(b);
  if (!(pb > pa))
    detail::fail<ArgumentError>(
        "truncated_normal",
        fmt::format(
            "expected an interval of some probability, got [{}, {}] for mean {} and std {}", low, high, mean, std),
        site);
  const auto draw = [=](double u) {
    const double z = std::clamp(normal_quantile(pa + (pb - pa) * u), a, b);
    return std::clamp(mean + (mirror ? -z : z) * std, low, high);
  };
  return fill_pairs("truncated_normal", shape, dtype, generator, site, [=](const Words& w) -> std::array<double, 2> {
    return {draw(unit(w[0], w[1])), draw(unit(w[2], w[3]))};
  });
}

Tensor bernoulli(const Shape& shape, double p, DType dtype, Generator& generator, CallSite site) {
  if (!(p >= 0 && p <= 1))
    detail::fail<ArgumentError>("bernoulli", fmt::format("expected 0 <= p <= 1, got {}", p), site);
  return fill_pairs("bernoulli", shape, dtype, generator, site, [=](const Words& w) -> std::array<double, 2> {
    return {unit(w[0], w[1]) < p ? 1.0 : 0.0, unit(w[2], w[3]) < p ? 1.0 : 0.0};
  });
}

Tensor permutation(std::int64_t n, Generator& generator, CallSite site) {
  if (n < 0) detail::fail<ArgumentError>("permutation", fmt::format("expected n >= 0, got {}", n), site);
  Tensor result = arange(n, int64, site);
  auto* values = result.mutable_data<std::int64_t>();
  for (std::int64_t i = n - 1; i > 0; --i) std::swap(values[i], values[generator.below(i + 1)]);
  return result;
}

}  // namespace gradus
