#include "rows.h"

#include "gradus/data/loader.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

namespace gradus::data {

using gradus::detail::fail;

namespace {

Tensor check_order(const Tensor& rows, std::int64_t n, std::int64_t count) {
  Tensor order = check_rows("sampler", rows, n);
  if (order.numel() != count)
    fail<ShapeError>("sampler", fmt::format("expected {} rows, got {}", count, order.numel()));
  return order;
}

}  // namespace

Sampler Sampler::in_parts(Part part, std::int64_t length, CallSite site) {
  if (length < 1) fail<ArgumentError>("sampler", fmt::format("expected parts of length >= 1, got {}", length), site);
  Sampler sampler;
  sampler.order_ = std::move(part);
  sampler.length_ = length;
  return sampler;
}

Tensor Sampler::part(std::int64_t n, std::int64_t part, Generator generator) const {
  const std::int64_t length = part_length(n);
  return check_order(order_(n, part, generator), n, std::min(length, count(n) - part * length));
}

Tensor Sampler::operator()(std::int64_t n, Generator& generator) const {
  if (length_ < 0) return check_order(order_(n, 0, generator), n, count(n));
  const Generator pass(generator.next());
  Tensor order = empty({n}, int64);
  for (std::int64_t done = 0; done < n; done += length_) {
    const Tensor rows = part(n, done / length_, pass);
    std::copy_n(rows.data<std::int64_t>(), rows.numel(), order.mutable_data<std::int64_t>() + done);
  }
  return order;
}

Sampler sequential_sampler() {
  return Sampler([](std::int64_t n, Generator&) { return arange(n); });
}

Sampler random_sampler() {
  return Sampler([](std::int64_t n, Generator& generator) { return permutation(n, generator); });
}

namespace {

/// The rows of one window of a pass over n: places from `first` on in the row of blocks, mixed. Blocks are counted from
/// a row that is drawn, past the last row to the first; what is left over is a shorter one, the last of the pass.
Tensor mixed_window(std::int64_t n, std::int64_t block, std::int64_t length, std::int64_t part, Generator& generator) {
  const std::int64_t origin = generator.below(n), whole = n / block;
  const Tensor blocks = permutation(whole, generator);
  Generator mixing = Generator(generator.next()).split(static_cast<std::uint64_t>(part));
  const std::int64_t first = part * length, count = std::min(length, n - first);
  const Tensor places = permutation(count, mixing);
  Tensor rows = empty({count}, int64);
  auto* const out = rows.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t place = first + places.data<std::int64_t>()[i], at = place / block;
    const std::int64_t start = (at < whole ? blocks.data<std::int64_t>()[at] : whole) * block;
    out[i] = (origin + start + place % block) % n;
  }
  return rows;
}

}  // namespace

Sampler block_sampler(const BlockOptions& options, CallSite site) {
  const std::int64_t block = options.block, window = options.window;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (block < 1 || window < 1 || window > kMost / block)
    fail<ArgumentError>(
        "block_sampler",
        fmt::format("expected block >= 1 and window >= 1, at most 2^40 rows in all, got {} and {}", block, window),
        site);
  const std::int64_t rows = block * window;
  return Sampler::in_parts(
      [block, rows](std::int64_t n, std::int64_t part, Generator& generator) {
        return mixed_window(n, block, rows, part, generator);
      },
      rows);
}

namespace {

/// The places of `keys` in rising order of key.
std::vector<std::int64_t> sorted_places(const std::vector<double>& keys) {
  std::vector<std::int64_t> places(keys.size());
  std::iota(places.begin(), places.end(), std::int64_t{0});
  std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  return places;
}

}  // namespace

Sampler weighted_sampler(const Tensor& weights, const WeightedOptions& options, CallSite site) {
  constexpr const char* op = "weighted_sampler";
  const gradus::detail::SitePin pin(site);
  if (!is_floating(weights.dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(weights.dtype())));
  if (weights.rank() != 1) fail<ShapeError>(op, "expected weights [N], got " + to_string(weights.shape()));
  const std::vector<double> w = weights.to_vector();
  std::int64_t positive = 0;
  double total = 0;
  for (const double value : w) {
    if (!(value >= 0) || !std::isfinite(value))
      fail<ArgumentError>(op, fmt::format("expected finite weights >= 0, got {}", value));
    positive += value > 0;
    total += value;
  }
  const auto n = static_cast<std::int64_t>(w.size());
  const std::int64_t count = options.count < 0 ? n : options.count;
  const std::int64_t needed = options.replacement ? std::min<std::int64_t>(count, 1) : count;
  if (positive < needed || !std::isfinite(total))
    fail<ArgumentError>(op, fmt::format("expected at least {} weights above 0, got {}", needed, positive));
  if (options.replacement) {
    std::vector<double> sums(w.size());
    std::partial_sum(w.begin(), w.end(), sums.begin());
    return Sampler(
        [sums = std::move(sums), count](std::int64_t, Generator& generator) {
          std::vector<std::int64_t> rows;
          for (std::int64_t i = 0; i < count; ++i) {
            // The first sum above a place in [0, total): never that of a weight of 0.
            const double place = generator.uniform() * sums.back();
            rows.push_back(std::upper_bound(sums.begin(), sums.end(), place) - sums.begin());
          }
          return from_vector(rows);
        },
        count,
        n);
  }
  return Sampler(
      [w, count](std::int64_t, Generator& generator) {
        std::vector<double> keys;  // times of arrival at these rates
        for (const double value : w) {
          const double time = -std::log1p(-generator.uniform());
          keys.push_back(value > 0 ? time / value : INFINITY);
        }
        std::vector<std::int64_t> rows = sorted_places(keys);
        rows.resize(static_cast<std::size_t>(count));
        return from_vector(rows);
      },
      count,
      n);
}

Sampler stratified_sampler(const Tensor& classes, CallSite site) {
  constexpr const char* op = "stratified_sampler";
  const gradus::detail::SitePin pin(site);
  if (classes.dtype() != int64) gradus::detail::fail_dtype(op, int64, classes.dtype());
  if (classes.rank() != 1) fail<ShapeError>(op, "expected classes [N], got " + to_string(classes.shape()));
  std::map<std::int64_t, std::vector<std::int64_t>> rows_of;
  const auto labels = classes.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) rows_of[labels[i]].push_back(static_cast<std::int64_t>(i));
  return Sampler(
      [rows_of = std::move(rows_of)](std::int64_t n, Generator& generator) {
        // The rows of a class, shuffled, are spread evenly over [0, 1).
        std::vector<double> keys(static_cast<std::size_t>(n));
        for (const auto& [label, rows] : rows_of) {
          const auto size = static_cast<std::int64_t>(rows.size());
          const auto order = permutation(size, generator).to_vector<std::int64_t>();
          const double offset = generator.uniform();
          for (std::size_t k = 0; k < rows.size(); ++k)
            keys[static_cast<std::size_t>(rows[static_cast<std::size_t>(order[k])])] =
                (static_cast<double>(k) + offset) / static_cast<double>(size);
        }
        return from_vector(sorted_places(keys));
      },
      -1,
      classes.numel());
}

}  // namespace gradus::data
