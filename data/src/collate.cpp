#include "gradus/data/loader.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

void check_like(const char* op, const Tensor& x, const Tensor& first, bool shape) {
  if (x.defined() != first.defined()) fail<ArgumentError>(op, "expected a target of every row or of none, got some");
  if (x.dtype() != first.dtype()) gradus::detail::fail_dtype(op, first.dtype(), x.dtype());
  if (shape && x.shape() != first.shape())
    fail<ShapeError>(
        op, fmt::format("expected rows of one shape, got {} and {}", to_string(first.shape()), to_string(x.shape())));
}

Tensor stack_rows(const char* op, std::span<const Tensor> rows) {
  if (rows.empty() || !rows[0].defined()) return {};
  Shape shape = rows[0].shape();
  shape.insert(0, static_cast<std::int64_t>(rows.size()));
  Tensor result = empty(shape, rows[0].dtype());
  dispatch(result.dtype(), [&]<class T>() {
    T* to = result.mutable_data<T>();
    for (const Tensor& row : rows) {
      check_like(op, row, rows[0], true);
      to = std::copy_n(contiguous(row).template data<T>(), row.numel(), to);
    }
  });
  return result;
}

std::vector<Tensor> field(std::span<const Example> examples, Tensor Example::* member) {
  std::vector<Tensor> rows;
  for (const Example& example : examples) rows.push_back(example.*member);
  return rows;
}

}  // namespace

Batch stack_examples(std::span<const Example> examples, CallSite site) {
  constexpr const char* op = "stack_examples";
  const gradus::detail::SitePin pin(site);
  for (const Example& example : examples)
    if (!example.input.defined()) fail<ArgumentError>(op, "expected an input, got none");
  const Tensor none = examples.empty() ? Tensor() : examples[0].target;
  for (const Example& example : examples)
    if (example.target.defined() != none.defined())
      fail<ArgumentError>(op, "expected a target of every row or of none, got some");
  return {stack_rows(op, field(examples, &Example::input)), stack_rows(op, field(examples, &Example::target)), {}};
}

std::pair<Tensor, Tensor> pad_sequences(std::span<const Tensor> sequences, const PadOptions& options, CallSite site) {
  constexpr const char* op = "pad_sequences";
  const gradus::detail::SitePin pin(site);
  if (sequences.empty()) fail<ArgumentError>(op, "expected a sequence, got none");
  if (options.length < 0) fail<ArgumentError>(op, fmt::format("expected a length >= 0, got {}", options.length));
  const Tensor& first = sequences[0];
  std::int64_t longest = 0;
  for (const Tensor& x : sequences) {
    check_like(op, x, first, false);
    if (x.rank() == 0) fail<ShapeError>(op, "expected sequences [L, …], got []");
    Shape shape = x.shape();
    shape[0] = first.rank() == 0 ? 0 : first.size(0);
    if (shape != first.shape())
      fail<ShapeError>(op,
                       fmt::format("expected sequences that differ in length only, got {} and {}",
                                   to_string(first.shape()),
                                   to_string(x.shape())));
    longest = std::max(longest, x.size(0));
  }
  const std::int64_t length = options.length > 0 ? options.length : longest;
  const auto n = static_cast<std::int64_t>(sequences.size());
  Shape shape = first.shape();
  shape[0] = length;
  shape.insert(0, n);
  Tensor padded = full(shape, options.value, first.dtype()), lengths = empty({n}, int64);
  const std::int64_t size = n * length == 0 ? 0 : padded.numel() / (n * length);
  dispatch(padded.dtype(), [&]<class T>() {
    T* to = padded.mutable_data<T>();
    auto* reach = lengths.mutable_data<std::int64_t>();
    for (const Tensor& x : sequences) {
      *reach = std::min(x.size(0), length);
      std::copy_n(contiguous(x).template data<T>(), *reach++ * size, to);
      to += length * size;
    }
  });
  return {std::move(padded), std::move(lengths)};
}

Collate pad_collate(const PadOptions& options, CallSite site) {
  return [=](std::span<const Example> examples) {
    const gradus::detail::SitePin pin(site);
    const auto targets = field(examples, &Example::target);
    Batch batch;
    std::tie(batch.inputs, batch.lengths) = pad_sequences(field(examples, &Example::input), options);
    const auto is_stray = [&](const Tensor& t) {
      return t.defined() != targets[0].defined() || (t.defined() && t.shape() != targets[0].shape());
    };
    if (std::none_of(targets.begin(), targets.end(), is_stray)) {
      batch.targets = stack_rows("pad_collate", targets);
    } else {
      for (const Tensor& t : targets)
        if (!t.defined()) fail<ArgumentError>("pad_collate", "expected a target of every row or of none, got some");
      batch.targets = pad_sequences(targets, {.value = options.target_value, .length = options.length}).first;
    }
    return batch;
  };
}

}  // namespace gradus::data
