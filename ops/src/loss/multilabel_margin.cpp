#include "loss/loss.h"

#include "gradus/graph/node.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

constexpr auto kName = "multilabel_margin_loss";

/// The labels of each row, up to the first -1, for tensors of [rows, classes].
struct Labels {
  std::vector<std::int64_t> place;   // 0 where there is none
  std::vector<std::int64_t> counts;  // 1 where there is one
  std::vector<std::int64_t> others;  // 1 for each class that is none

  Labels(const Tensor& target, std::int64_t classes, CallSite site) {
    const std::vector<std::int64_t> all = target.to_vector<std::int64_t>();
    place.resize(all.size());
    counts.resize(all.size());
    others.assign(all.size(), 1);
    bool ended = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::size_t column = i % static_cast<std::size_t>(classes), row = i - column;
      if (all[i] < -1 || all[i] >= classes)
        fail<IndexError>(kName, fmt::format("expected labels in -1..{}, got {}", classes - 1, all[i]), site);
      ended = (ended && column > 0) || all[i] == -1;
      if (ended) continue;
      place[i] = all[i];
      counts[i] = 1;
      others[row + static_cast<std::size_t>(all[i])] = 0;
    }
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor multilabel_margin_loss(Arg x, const Tensor& target, const LossOptions& options) {
  check_floating(kName, x);
  check_label_type(kName, x, target);
  if (x->rank() < 1 || x->rank() > 2 || target.shape() != x->shape())
    fail<ShapeError>(
        kName,
        fmt::format(
            "expected x and labels [N, C], or [C], got {} and {}", to_string(x->shape()), to_string(target.shape())),
        x.site);
  const std::int64_t classes = x->size(-1);
  const Labels labels(target, classes, x.site);
  const SitePin pin(x.site);
  const Tensor right = gather(x, -1, from_vector(labels.place, x->shape()));
  // [N, label, class]
  const Tensor over = relu(add(sub(unsqueeze(x, -2), unsqueeze(right, -1)), 1));
  const Tensor counts = logical_and(unsqueeze(from_vector(labels.counts, x->shape()), -1),
                                    unsqueeze(from_vector(labels.others, x->shape()), -2));
  const Tensor y = div(sum(where(counts, over, 0.0), {-2, -1}), static_cast<double>(classes));
  return reduced(y, options.reduction);
}

}  // namespace gradus
