#include "gradus/ops/activation.h"
#include "gradus/ops/exact.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/sort.h"

#include <cmath>
#include <limits>
#include <numbers>

// Infinities and NaN in reductions, running ones, softmax and sorting.

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Rows = std::vector<RowOp::Row>;

std::vector<RowOp> sums() {
  const Rows sum{{{1, kInf}, {kInf}}, {{kInf, -kInf}, {kNaN}}, {{kNaN, 1}, {kNaN}}, {{-kInf, 1, 2}, {-kInf}}};
  return {
      {"sum", "sum(x)", [](const Tensor& x) { return gradus::sum(x, -1); }, sum},
      {"mean", "mean(x)", [](const Tensor& x) { return mean(x, -1); }, sum},
      {"nansum",
       "nansum(x)",
       [](const Tensor& x) { return nansum(x, -1); },
       {{{kNaN, 1}, {1}}, {{kNaN, kNaN}, {0}}, {{kNaN, kInf}, {kInf}}, {{kInf, -kInf}, {kNaN}}}},
      {"prod",
       "prod(x)",
       [](const Tensor& x) { return prod(x, -1); },
       {{{2, -kInf}, {-kInf}}, {{0, kInf}, {kNaN}}, {{0, kNaN}, {kNaN}}, {{-kInf, -kInf}, {kInf}}}},
      {"var",
       "var(x)",
       [](const Tensor& x) { return var(x, -1); },
       {{{1, kInf}, {kNaN}}, {{1, kNaN}, {kNaN}}, {{3, 3, 3}, {0}}}},
      {"stddev",
       "stddev(x)",
       [](const Tensor& x) { return stddev(x, -1); },
       {{{1, kInf}, {kNaN}}, {{1, kNaN}, {kNaN}}, {{3, 3, 3}, {0}}}},
      {"norm",
       "norm(x)",
       [](const Tensor& x) { return norm(x, 2, -1); },
       {{{1, -kInf}, {kInf}}, {{kNaN, 1}, {kNaN}}, {{kNaN, kInf}, {kNaN}}, {{0, -0.0}, {0}}}},
      {"norm",
       "norm(x, 1)",
       [](const Tensor& x) { return norm(x, 1, -1); },
       {{{1, -kInf}, {kInf}}, {{kNaN, 1}, {kNaN}}, {{-0.0, 0}, {0}}}},
      {"norm",
       "norm(x, infinity)",
       [](const Tensor& x) { return norm(x, kInf, -1); },
       {{{1, -kInf}, {kInf}}, {{kNaN, 1}, {kNaN}}, {{1, kNaN}, {kNaN}}, {{kNaN, kInf}, {kNaN}}}},
      {"norm",
       "norm(x, -infinity)",
       [](const Tensor& x) { return norm(x, -kInf, -1); },
       {{{1, -kInf}, {1}}, {{kNaN, 1}, {kNaN}}, {{1, kNaN}, {kNaN}}, {{kInf, -kInf}, {kInf}}}},
  };
}

std::vector<RowOp> extremes() {
  const Rows max{{{1, kInf}, {kInf}}, {{-kInf, -kInf}, {-kInf}}, {{kNaN, 1}, {kNaN}}, {{1, kNaN, kInf}, {kNaN}}};
  const Rows min{{{1, -kInf}, {-kInf}}, {{kInf, kInf}, {kInf}}, {{kNaN, 1}, {kNaN}}, {{1, kNaN, -kInf}, {kNaN}}};
  const Rows argmax{{{1, kInf, kInf}, {1}}, {{-kInf, -kInf}, {0}}, {{kInf, kNaN, kNaN}, {1}}};
  const Rows argmin{{{1, -kInf, -kInf}, {1}}, {{kInf, kInf}, {0}}, {{-kInf, kNaN, kNaN}, {1}}};
  return {
      {"max", "max(x)", [](const Tensor& x) { return gradus::max(x, -1); }, max},
      {"min", "min(x)", [](const Tensor& x) { return gradus::min(x, -1); }, min},
      {"amax", "amax(x)", [](const Tensor& x) { return amax(x, -1); }, max},
      {"amin", "amin(x)", [](const Tensor& x) { return amin(x, -1); }, min},
      {"argmax", "argmax(x)", [](const Tensor& x) { return gradus::argmax(x, -1); }, argmax},
      {"argmin", "argmin(x)", [](const Tensor& x) { return gradus::argmin(x, -1); }, argmin},
      {"max_with_index", "max_with_index(x)", [](const Tensor& x) { return max_with_index(x, -1).values; }, max},
      {"min_with_index", "min_with_index(x)", [](const Tensor& x) { return min_with_index(x, -1).values; }, min},
      {"maxout", "maxout(x, 2)", [](const Tensor& x) { return maxout(x, x.size(-1), -1); }, max},
      {"any",
       "any(x)",
       [](const Tensor& x) { return any(x, -1); },
       {{{0, kNaN}, {1}}, {{0, -0.0}, {0}}, {{0, -kInf}, {1}}}},
      {"all",
       "all(x)",
       [](const Tensor& x) { return all(x, -1); },
       {{{1, kNaN}, {1}}, {{1, -0.0}, {0}}, {{kInf, -kInf}, {1}}}},
      {"count_nonzero",
       "count_nonzero(x)",
       [](const Tensor& x) { return count_nonzero(x, -1); },
       {{{0, kNaN, 1, -0.0, kInf}, {3}}}},
  };
}

std::vector<RowOp> exponentials() {
  const double ln2 = std::numbers::ln2;
  return {
      {"logsumexp",
       "logsumexp(x)",
       [](const Tensor& x) { return logsumexp(x, -1); },
       {{{-kInf, -kInf}, {-kInf}},
        {{-kInf, 3}, {3}},
        {{kInf, 1}, {kInf}},
        {{kInf, -kInf}, {kInf}},
        {{kInf, kInf}, {kInf}},
        {{kNaN, kInf}, {kNaN}},
        {{kNaN, -kInf}, {kNaN}},
        {{1000, 1000}, {1000 + ln2}},
        {{-1000, -1000}, {-1000 + ln2}}}},
      {"softmax",
       "softmax(x)",
       [](const Tensor& x) { return softmax(x, -1); },
       {{{-kInf, 0, 0}, {0, 0.5, 0.5}},
        {{1000, 0}, {1, 0}},
        {{-1000, -1000}, {0.5, 0.5}},
        {{-kInf, -kInf}, {kNaN, kNaN}},
        {{kInf, 0}, {kNaN, kNaN}},
        {{kNaN, 0, 1}, {kNaN, kNaN, kNaN}}}},
      {"softmin",
       "softmin(x)",
       [](const Tensor& x) { return softmin(x, -1); },
       {{{kInf, 0, 0}, {0, 0.5, 0.5}}, {{kInf, kInf}, {kNaN, kNaN}}, {{kNaN, 0}, {kNaN, kNaN}}}},
      {"log_softmax",
       "log_softmax(x)",
       [](const Tensor& x) { return log_softmax(x, -1); },
       {{{-kInf, 0, 0}, {-kInf, -ln2, -ln2}},
        {{1000, 0}, {0, -1000}},
        {{-kInf, -kInf}, {kNaN, kNaN}},
        {{kInf, 0}, {kNaN, kNaN}},
        {{kNaN, 0}, {kNaN, kNaN}}}},
  };
}

std::vector<RowOp> norms() {
  return {
      {"layer_norm",
       "layer_norm(x)",
       [](const Tensor& x) { return layer_norm(x, {x.size(-1)}); },
       {{{kNaN, 1, 2}, {kNaN, kNaN, kNaN}}, {{kInf, 1, 2}, {kNaN, kNaN, kNaN}}, {{3, 3}, {0, 0}}}},
      {"rms_norm",
       "rms_norm(x)",
       [](const Tensor& x) { return rms_norm(x, {x.size(-1)}); },
       {{{kNaN, 1, 2}, {kNaN, kNaN, kNaN}}, {{kInf, 1, 2}, {kNaN, 0, 0}}, {{0, -0.0}, {0, 0}}}},
      {"normalize",
       "normalize(x)",
       [](const Tensor& x) { return normalize(x, 2, -1); },
       {{{kNaN, 1}, {kNaN, kNaN}}, {{kInf, 1}, {kNaN, 0}}, {{0, 0}, {0, 0}}}},
  };
}

std::vector<RowOp> running() {
  return {
      {"cumsum",
       "cumsum(x)",
       [](const Tensor& x) { return cumsum(x, -1); },
       {{{1, kInf, 2, -kInf, 1}, {1, kInf, kInf, kNaN, kNaN}}, {{1, kNaN, 2}, {1, kNaN, kNaN}}}},
      {"cumprod",
       "cumprod(x)",
       [](const Tensor& x) { return cumprod(x, -1); },
       {{{2, -kInf, 2, 0, 1}, {2, -kInf, -kInf, kNaN, kNaN}}, {{1, kNaN, 0}, {1, kNaN, kNaN}}}},
      {"logcumsumexp",
       "logcumsumexp(x)",
       [](const Tensor& x) { return logcumsumexp(x, -1); },
       {{{-kInf, -kInf, 2, kInf, 1}, {-kInf, -kInf, 2, kInf, kInf}}, {{1, kNaN, kInf}, {1, kNaN, kNaN}}}},
      {"cummax",
       "cummax(x)",
       [](const Tensor& x) { return cummax(x, -1).values; },
       {{{-kInf, 1, kInf, 2}, {-kInf, 1, kInf, kInf}}, {{1, kNaN, kInf}, {1, kNaN, kNaN}}}},
      {"cummin",
       "cummin(x)",
       [](const Tensor& x) { return cummin(x, -1).values; },
       {{{kInf, 1, -kInf, 2}, {kInf, 1, -kInf, -kInf}}, {{1, kNaN, -kInf}, {1, kNaN, kNaN}}}},
  };
}

/// NaN is larger than every number; zeros of both signs are equal.
std::vector<RowOp> order() {
  return {
      {"sort",
       "sort(x)",
       [](const Tensor& x) { return sort(x).values; },
       {{{kNaN, 1, -kInf, kInf, 0}, {-kInf, 0, 1, kInf, kNaN}}, {{kNaN, kNaN, 2}, {2, kNaN, kNaN}}}},
      {"sort",
       "sort(x, descending)",
       [](const Tensor& x) { return sort(x, -1, true).values; },
       {{{1, -kInf, kNaN, kInf}, {kNaN, kInf, 1, -kInf}}}},
      {"argsort",
       "argsort(x)",
       [](const Tensor& x) { return argsort(x); },
       {{{kNaN, 1, -kInf, kNaN}, {2, 1, 0, 3}}, {{0, -0.0, 0}, {0, 1, 2}}}},
      {"topk",
       "topk(x, 2)",
       [](const Tensor& x) { return topk(x, 2).values; },
       {{{1, kNaN, kInf}, {kNaN, kInf}}, {{-kInf, 1, 2}, {2, 1}}}},
      {"topk",
       "topk(x, 2, smallest)",
       [](const Tensor& x) { return topk(x, 2, -1, false).values; },
       {{{1, kNaN, kInf}, {1, kInf}}}},
      {"kthvalue",
       "kthvalue(x, 2)",
       [](const Tensor& x) { return kthvalue(x, 2).values; },
       {{{kNaN, 1, kInf}, {kInf}}, {{kNaN, 1}, {kNaN}}}},
      {"median",
       "median(x)",
       [](const Tensor& x) { return median(x, -1).values; },
       {{{1, kNaN, 3}, {kNaN}}, {{-kInf, kInf, 2}, {2}}}},
      {"quantile",
       "quantile(x, 0.5)",
       [](const Tensor& x) { return quantile(x, 0.5, -1); },
       {{{1, kNaN, 3}, {kNaN}}, {{-kInf, kInf, 2}, {2}}, {{1, 2, kInf, kInf}, {kInf}}}},
  };
}

}  // namespace

std::span<const RowOp> row_ops() {
  static const std::vector<RowOp> all = [] {
    std::vector<RowOp> rows;
    for (const auto& part : {sums(), extremes(), exponentials(), norms(), running(), order()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

std::span<const NanNote> nan_notes() {
  constexpr auto stops = NanNote::Kind::stops, spreads = NanNote::Kind::spreads;
  constexpr std::string_view order = "NaN is larger than every number", bit = "true or false",
                             whole = "its whole numbers are made of the inputs",
                             label = "its targets are made of signs", times_zero = "0 · NaN is NaN",
                             padding = "padding is 0, and 0 · NaN is NaN", one = "what is left of a single element";
  static const NanNote all[] = {
      {"floor_divide", stops, whole},
      {"trunc_divide", stops, whole},
      {"less", stops, bit},
      {"less_scalar", stops, bit},
      {"less_equal", stops, bit},
      {"less_equal_scalar", stops, bit},
      {"greater", stops, bit},
      {"greater_scalar", stops, bit},
      {"greater_equal", stops, bit},
      {"greater_equal_scalar", stops, bit},
      {"isnan", spreads, "that is its result"},
      {"isinf", spreads, "that is its result"},
      {"isfinite", spreads, "that is its result"},
      {"clamp_grad", stops, "NaN lies outside of the bounds"},
      {"relu_grad", stops, "NaN lets the cotangent pass"},
      {"leaky_relu_grad", stops, "NaN is not above 0"},
      {"nan_to_num", stops, "that is its purpose"},
      {"nansum", stops, "that is its purpose"},
      {"argmax", stops, "a place"},
      {"argmin", stops, "a place"},
      {"sort", stops, order},
      {"argsort", stops, order},
      {"topk", stops, order},
      {"kthvalue", stops, order},
      {"unique", stops, order},
      {"hinge_loss", stops, label},
      {"soft_margin_loss", stops, label},
      {"hinge_embedding_loss", stops, label},
      {"margin_ranking_loss", stops, label},
      {"cosine_embedding_loss", stops, label},
      {"var", spreads, one},
      {"softmax", spreads, one},
      {"log_softmax", spreads, one},
      {"cross_entropy", spreads, one},
      {"attention", spreads, one},
      {"normalize", spreads, "the norm is compared with ε"},
      {"cumprod", spreads, times_zero},
      {"scatter_reduce", spreads, times_zero},
      {"det", spreads, times_zero},
      {"lstm", spreads, times_zero},
      {"gru", spreads, times_zero},
      {"rotary_embedding", spreads, times_zero},
      {"affine_grid", spreads, times_zero},
      {"grid_sample", spreads, times_zero},
      {"qr", spreads, "of a matrix that isn't finite all is NaN"},
      {"matrix_sqrt", spreads, "of a matrix that isn't finite all is NaN"},
      {"conv", spreads, padding},
      {"conv1d", spreads, padding},
      {"conv2d", spreads, padding},
      {"conv3d", spreads, padding},
      {"conv_transpose1d", spreads, padding},
      {"conv_transpose2d", spreads, padding},
      {"conv_transpose3d", spreads, padding},
      {"conv_weight", spreads, padding},
  };
  return all;
}

}  // namespace gradus
