#include "gradus/ops/sequence.h"

#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/index.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>

namespace gradus {
namespace detail {
namespace {

void check_table(const char* op, Arg index, const Tensor& weight) {
  if (index->dtype() != int64)
    fail<DTypeError>(op, fmt::format("expected an index of int64, got {}", to_string(index->dtype())), index.site);
  check_floating(op, Arg(weight, index.site));
  if (weight.rank() != 2)
    fail<ShapeError>(op, fmt::format("expected a weight [rows, D], got {}", to_string(weight.shape())), index.site);
  // Words, not places in an array: -1 is a mark for "none" more often than it means the last row.
  const Tensor all = dense(index.tensor);
  const auto* at = all.data<std::int64_t>();
  const std::int64_t rows = weight.size(0);
  for (std::int64_t i = 0; i < all.numel(); ++i)
    if (at[i] < 0 || at[i] >= rows)
      fail<IndexError>(
          op,
          fmt::format("expected indices in 0..{} ({} rows), got {} at element {}", rows - 1, rows, at[i], i),
          index.site);
}

/// The bag of each element, and where the bags end.
struct Bags {
  std::vector<std::int64_t> of, begin, end;

  Bags(Arg index, const Tensor& offsets) {
    const auto broken = [&](const std::string& got) {
      fail<IndexError>(
          "embedding_bag",
          fmt::format("expected offsets that begin with 0 and rise to {} at most, got {}", index->numel(), got),
          index.site);
    };
    begin = offsets.to_vector<std::int64_t>();
    if (!begin.empty() && begin[0] != 0) broken(fmt::format("{} first", begin[0]));
    if (begin.empty() && index->numel() > 0) broken("none");
    for (std::size_t b = 0; b < begin.size(); ++b) {
      end.push_back(b + 1 < begin.size() ? begin[b + 1] : index->numel());
      if (end[b] < begin[b] || end[b] > index->numel()) broken(fmt::format("{} after {}", end[b], begin[b]));
      for (std::int64_t i = begin[b]; i < end[b]; ++i) of.push_back(static_cast<std::int64_t>(b));
    }
  }
  std::int64_t count() const { return static_cast<std::int64_t>(begin.size()); }
};

Tensor largest_of_bags(const Bags& bags, const Tensor& rows) {
  std::vector<Tensor> parts;
  for (std::size_t b = 0; b < bags.begin.size(); ++b)
    parts.push_back(bags.begin[b] < bags.end[b] ? max_with_index(slice(rows, 0, bags.begin[b], bags.end[b]), 0).values
                                                : zeros({rows.size(1)}, rows.dtype()));
  return stack(parts);
}

}  // namespace

}  // namespace detail

using namespace detail;

Tensor embedding(Arg index, const Tensor& weight, std::optional<std::int64_t> padding) {
  check_table("embedding", index, weight);
  const SitePin pin(index.site);
  Shape shape = index->shape();
  shape.push_back(weight.size(1));
  const Tensor flat = reshape(index, {index->numel()});
  Tensor rows = index_select(weight, 0, flat);
  if (padding) {
    const std::int64_t n = weight.size(0), at = *padding < 0 ? *padding + n : *padding;
    if (at < 0 || at >= n)
      fail<IndexError>("embedding", fmt::format("expected a padding row below {}, got {}", n, *padding), index.site);
    const Tensor skipped = equal_to(flat, static_cast<double>(at));
    rows = where(unsqueeze(skipped, 1), detach(rows), rows);
  }
  return reshape(rows, shape);
}

Tensor embedding_bag(Arg index, const Tensor& offsets, const Tensor& weight, BagMode mode) {
  check_table("embedding_bag", index, weight);
  if (index->rank() != 1 || offsets.rank() != 1 || offsets.dtype() != int64)
    fail<ShapeError>("embedding_bag",
                     fmt::format("expected an index [n] and offsets [bags] of int64, got {} and {} {}",
                                 to_string(index->shape()),
                                 to_string(offsets.dtype()),
                                 to_string(offsets.shape())),
                     index.site);
  const SitePin pin(index.site);
  const Bags bags(index, offsets);
  const Tensor rows = index_select(weight, 0, index);
  const Tensor none = zeros({bags.count(), weight.size(1)}, weight.dtype());
  if (bags.count() == 0) return none;
  if (mode == BagMode::max) return largest_of_bags(bags, rows);
  const Tensor sums = index_add(none, 0, from_vector(bags.of), rows);
  if (mode == BagMode::sum) return sums;
  std::vector<double> counts;
  for (std::size_t b = 0; b < bags.begin.size(); ++b)
    counts.push_back(std::max(1.0, static_cast<double>(bags.end[b] - bags.begin[b])));
  return div(sums, to(from_vector(counts, {bags.count(), 1}), weight.dtype()));
}

Tensor bilinear(Arg a, const Tensor& b, const Tensor& weight, const Tensor& bias) {
  check_floating("bilinear", a);
  const bool fits = weight.rank() == 3 && a->rank() >= 1 && b.rank() == a->rank() && a->size(-1) == weight.size(1) &&
                    b.size(-1) == weight.size(2);
  bool same = fits;
  for (int d = 0; same && d + 1 < a->rank(); ++d) same = a->size(d) == b.size(d);
  if (!same || (bias.defined() && bias.shape() != Shape{weight.size(0)}))
    fail<ShapeError>("bilinear",
                     fmt::format("expected a [*, I], b [*, J], weight [O, I, J] and bias [O], got {}, {}, {} and {}",
                                 to_string(a->shape()),
                                 to_string(b.shape()),
                                 to_string(weight.shape()),
                                 bias.defined() ? to_string(bias.shape()) : "none"),
                     a.site);
  const SitePin pin(a.site);
  // All products a_i b_j of a sample, as a row.
  const std::int64_t out = weight.size(0), pairs = weight.size(1) * weight.size(2);
  Shape shape = a->shape();
  shape[shape.rank() - 1] = pairs;
  const Tensor products = reshape(mul(unsqueeze(a, -1), unsqueeze(b, -2)), shape);
  return linear(products, reshape(weight, {out, pairs}), bias);
}

}  // namespace gradus
