#include "gradus/data/loader.h"

#include "rows.h"

#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gradus::data {

using gradus::detail::fail;

Loader::Loader(Dataset dataset, LoaderOptions options, CallSite site)
    : dataset_(std::move(dataset)), options_(std::move(options)), site_(site) {
  const gradus::detail::SitePin pin(site);
  if (options_.batch < 1)
    fail<ArgumentError>("loader",
                        fmt::format("expected a batch of 1 or more, got {}", options_.batch));
  const std::int64_t n = dataset_.size();
  check_targets("loader", dataset_);
  if (options_.indices.defined()) options_.indices = check_rows("loader", options_.indices, n);
  // Rows are copied by the byte.
  if (dataset_.inputs.defined()) dataset_.inputs = contiguous(dataset_.inputs);
  if (dataset_.targets.defined()) dataset_.targets = contiguous(dataset_.targets);
  if (options_.shuffle) state_.seed = options_.seed ? *options_.seed : default_generator().next();
}

std::int64_t Loader::rows() const {
  const std::int64_t n = options_.indices.defined() ? options_.indices.numel() : dataset_.size();
  return options_.drop_last ? n - n % options_.batch : n;
}

std::int64_t Loader::size() const { return (rows() + options_.batch - 1) / options_.batch; }

LoaderState Loader::state() const {
  if (state_.position < rows() || rows() == 0) return state_;
  return {state_.seed, state_.epoch + 1, 0};
}

void Loader::restore(const LoaderState& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  if (state.epoch < 0 || state.position < 0 || state.position > rows())
    fail<ArgumentError>(
        "loader",
        fmt::format("expected a state of a loader of {} rows, got epoch {}, position {}",
                    rows(),
                    state.epoch,
                    state.position));
  state_ = state;
  fresh_ = true;
}

std::optional<Batch> Loader::next() {
  const std::int64_t n = options_.indices.defined() ? options_.indices.numel() : dataset_.size();
  if (state_.position >= rows()) return {};
  if (!order_.defined()) {
    if (options_.shuffle) {
      Generator generator = Generator(state_.seed).split(static_cast<std::uint64_t>(state_.epoch));
      order_ = permutation(n, generator);
    } else {
      order_ = arange(n);
    }
    if (options_.indices.defined()) order_ = gather_rows(options_.indices, as_span(order_));
  }
  const std::int64_t count = std::min(options_.batch, rows() - state_.position);
  const auto chosen = as_span(order_).subspan(static_cast<std::size_t>(state_.position),
                                              static_cast<std::size_t>(count));
  Batch batch;
  batch.inputs = gather_rows(dataset_.inputs, chosen);
  if (options_.transform) batch.inputs = options_.transform(batch.inputs, site_);
  if (dataset_.targets.defined()) batch.targets = gather_rows(dataset_.targets, chosen);
  state_.position += count;
  return batch;
}

}  // namespace gradus::data
