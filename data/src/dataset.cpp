#include "gradus/data/dataset.h"

#include "rows.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/mapped_file.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

namespace gradus::data {

using gradus::detail::fail;

namespace {

/// Calls `f(first, count)` for every stretch of neighbouring rows among those from `begin` to `end` - 1.
template <class F>
void each_stretch(std::span<const std::int64_t> rows, std::int64_t begin, std::int64_t end, F f) {
  while (begin < end) {
    std::int64_t next = begin + 1;
    while (next < end && rows[static_cast<std::size_t>(next)] == rows[static_cast<std::size_t>(next - 1)] + 1) ++next;
    f(begin, next - begin);
    begin = next;
  }
}

/// The bytes of a contiguous tensor's rows.
struct RowBytes {
  const char* data;
  std::size_t size;  // of a row

  explicit RowBytes(const Tensor& x)
      : data(reinterpret_cast<const char*>(x.raw()->data)),
        size(x.size(0) == 0 ? 0 : static_cast<std::size_t>(x.numel() / x.size(0)) * size_of(x.dtype())) {}
  std::string_view of(std::int64_t row, std::int64_t count) const {
    return {data + static_cast<std::size_t>(row) * size, static_cast<std::size_t>(count) * size};
  }
};

}  // namespace

Tensor gather_rows(const Tensor& x, std::span<const std::int64_t> rows) {
  const Tensor source = contiguous(x);
  Shape shape = x.shape();
  shape[0] = static_cast<std::int64_t>(rows.size());
  Tensor result = empty(shape, x.dtype());
  const auto file = gradus::detail::MappedFile::behind(source);
  const RowBytes bytes(source);
  auto* const to = reinterpret_cast<char*>(result.raw()->data);
  const auto grain = static_cast<std::int64_t>((std::size_t{1} << 20) / std::max<std::size_t>(bytes.size, 1) + 1);
  gradus::detail::parallel_for(shape[0], grain, [&](std::int64_t begin, std::int64_t end) {
    each_stretch(rows, begin, end, [&](std::int64_t first, std::int64_t count) {
      const std::string_view from = bytes.of(rows[static_cast<std::size_t>(first)], count);
      char* const out = to + static_cast<std::size_t>(first) * bytes.size;
      if (file)
        file->read("loader", from, out);
      else
        std::memcpy(out, from.data(), from.size());
    });
  });
  return result;
}

void expect_rows(const Tensor& x, std::span<const std::int64_t> rows) {
  const auto file = gradus::detail::MappedFile::behind(x);
  if (!file) return;
  const RowBytes bytes(x);
  each_stretch(rows, 0, static_cast<std::int64_t>(rows.size()), [&](std::int64_t first, std::int64_t count) {
    file->expect(bytes.of(rows[static_cast<std::size_t>(first)], count));
  });
}

void check_targets(const char* op, const Dataset& dataset) {
  const Tensor& targets = dataset.targets;
  if (targets.defined() && (targets.rank() == 0 || targets.size(0) != dataset.size()))
    fail<ShapeError>(
        op,
        fmt::format("expected targets [{}, …] like the inputs, got {}", dataset.size(), to_string(targets.shape())));
}

Tensor check_rows(const char* op, const Tensor& indices, std::int64_t n) {
  if (indices.dtype() != int64) gradus::detail::fail_dtype(op, int64, indices.dtype());
  if (indices.rank() != 1)
    fail<ShapeError>(op, fmt::format("expected indices [M], got {}", to_string(indices.shape())));
  Tensor checked = contiguous(indices);
  for (const std::int64_t i : as_span(checked))
    if (i < 0 || i >= n) fail<IndexError>(op, fmt::format("expected a row of 0 … {}, got {}", n - 1, i));
  return checked;
}

namespace {

Tensor slice_rows(const Tensor& x, std::int64_t begin, std::int64_t end) {
  if (!x.defined()) return x;
  Shape shape = x.shape();
  shape[0] = end - begin;
  return view_as(x, shape, x.strides(), begin * x.strides()[0]);
}

/// Moves the rows of validation to the back of `order`, those of the test behind them, otherwise
/// keeping its order. Each class gives its share: they are picked at even distances from the rows
/// sorted by class.
void deal_by_class(Tensor& order, const Tensor& targets, std::int64_t validations, std::int64_t tests) {
  auto* const rows = order.mutable_data<std::int64_t>();
  const std::int64_t n = order.numel(), others = n - tests;
  const auto classes = targets.to_vector<std::int64_t>();
  const auto class_of = [&](std::int64_t row) { return classes[static_cast<std::size_t>(row)]; };
  std::vector<std::int64_t> sorted(rows, rows + n);
  std::stable_sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return class_of(a) < class_of(b); });

  // True for `picked` of the numbers below `count`.
  const auto pick = [](std::int64_t i, std::int64_t picked, std::int64_t count) {
    return (i + 1) * picked / count > i * picked / count;
  };
  std::vector<char> part(static_cast<std::size_t>(n), 0);
  std::int64_t other = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    char& mine = part[static_cast<std::size_t>(sorted[static_cast<std::size_t>(i)])];
    if (pick(i, tests, n)) {
      mine = 2;
    } else if (pick(other++, validations, others)) {
      mine = 1;
    }
  }
  std::stable_sort(rows, rows + n, [&](std::int64_t a, std::int64_t b) {
    return part[static_cast<std::size_t>(a)] < part[static_cast<std::size_t>(b)];
  });
}

}  // namespace

std::int64_t Dataset::size() const { return inputs.defined() ? inputs.size(0) : 0; }

std::int64_t Dataset::num_classes() const {
  if (!targets.defined() || targets.dtype() != int64) return 0;
  if (!class_names.empty()) return static_cast<std::int64_t>(class_names.size());
  const Tensor classes = contiguous(targets);
  const auto all = as_span(classes);
  return all.empty() ? 0 : *std::max_element(all.begin(), all.end()) + 1;
}

Dataset Dataset::slice(std::int64_t begin, std::int64_t end, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_targets("slice", *this);
  if (begin < 0 || begin > end || end > size())
    fail<IndexError>("slice", fmt::format("expected rows within 0 … {}, got {} … {}", size(), begin, end));
  return {slice_rows(inputs, begin, end), slice_rows(targets, begin, end), class_names, feature_names};
}

Dataset Dataset::subset(const Tensor& indices, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_targets("subset", *this);
  const Tensor rows = check_rows("subset", indices, size());
  Dataset result{{}, {}, class_names, feature_names};
  if (inputs.defined()) result.inputs = gather_rows(inputs, as_span(rows));
  if (targets.defined()) result.targets = gather_rows(targets, as_span(rows));
  return result;
}

Deal deal_rows(std::int64_t n, const Tensor& targets, const SplitOptions& options, Generator& generator) {
  const double v = options.validation, t = options.test;
  if (!(v >= 0) || !(t >= 0) || !(v + t <= 1))
    fail<ArgumentError>("split", fmt::format("expected shares >= 0 and at most 1 in sum, got {} and {}", v, t));
  if (options.stratified && (!targets.defined() || targets.dtype() != int64 || targets.rank() != 1))
    fail<ArgumentError>("split", "expected classes (int64 [N]) to stratify by, got other targets");

  const auto tests = static_cast<std::int64_t>(std::llround(static_cast<double>(n) * t));
  const std::int64_t validations =
      std::min(static_cast<std::int64_t>(std::llround(static_cast<double>(n) * v)), n - tests);
  Deal deal{.first = n - tests - validations, .second = n - tests};
  if (!options.shuffle && !options.stratified) return deal;
  deal.order = options.shuffle ? permutation(n, generator) : arange(n);
  if (options.stratified) deal_by_class(deal.order, targets, validations, tests);
  return deal;
}

Splits split(const Dataset& all, const SplitOptions& options, Generator& generator, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_targets("split", all);
  const std::int64_t n = all.size();
  const auto [order, first, second] = deal_rows(n, all.targets, options, generator);
  if (!order.defined()) return {all.slice(0, first), all.slice(first, second), all.slice(second, n)};
  return {all.subset(slice_rows(order, 0, first)),
          all.subset(slice_rows(order, first, second)),
          all.subset(slice_rows(order, second, n))};
}

}  // namespace gradus::data
