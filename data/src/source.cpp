#include "rows.h"

#include "gradus/data/loader.h"
#include "gradus/graph/arg.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gradus::data {

Source as_source(Dataset dataset, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_targets("loader", dataset);
  // Rows are copied by the byte.
  for (Tensor* x : {&dataset.inputs, &dataset.targets})
    if (x->defined()) *x = contiguous(*x);
  Source source;
  source.size = dataset.size();
  if (dataset.targets.defined() && dataset.targets.rank() == 1) source.classes = dataset.num_classes();
  source.targets = dataset.targets;
  source.class_names = dataset.class_names;
  source.feature_names = dataset.feature_names;
  source.fetch = [dataset](std::span<const std::int64_t> rows) {
    return Batch{.inputs = gather_rows(dataset.inputs, rows),
                 .targets = dataset.targets.defined() ? gather_rows(dataset.targets, rows) : Tensor()};
  };
  source.expect = [dataset](std::span<const std::int64_t> rows) {
    expect_rows(dataset.inputs, rows);
    if (dataset.targets.defined()) expect_rows(dataset.targets, rows);
  };
  return source;
}

namespace {

/// The rows of a source that `row_of` says, which rises.
template <class F>
Source part_of(const Source& all, std::int64_t size, F row_of) {
  const auto rows_of = [row_of](std::span<const std::int64_t> rows) {
    std::vector<std::int64_t> result(rows.size());
    std::transform(rows.begin(), rows.end(), result.begin(), row_of);
    return result;
  };
  Source part = all;
  part.size = size;
  if (all.get) part.get = [get = all.get, row_of](std::int64_t row) { return get(row_of(row)); };
  if (all.fetch)
    part.fetch = [fetch = all.fetch, rows_of](std::span<const std::int64_t> rows) { return fetch(rows_of(rows)); };
  if (all.expect)
    part.expect = [expect = all.expect, rows_of](std::span<const std::int64_t> rows) { expect(rows_of(rows)); };
  if (all.targets.defined()) part.targets = gather_rows(all.targets, rows_of(as_span(arange(size))));
  return part;
}

}  // namespace

SourceSplits split(const Source& all, const SplitOptions& options, Generator& generator, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const auto [order, first, second] = deal_rows(all.size, all.targets, options, generator);
  const auto part = [&, &rows = order](std::int64_t begin, std::int64_t end) {
    if (!rows.defined()) return part_of(all, end - begin, [begin](std::int64_t row) { return begin + row; });
    std::vector<std::int64_t> rising(as_span(rows).begin() + begin, as_span(rows).begin() + end);
    std::sort(rising.begin(), rising.end());
    return part_of(
        all, end - begin, [kept = from_vector(rising)](std::int64_t row) { return kept.data<std::int64_t>()[row]; });
  };
  return {part(0, first), part(first, second), part(second, all.size)};
}

}  // namespace gradus::data
