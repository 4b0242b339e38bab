#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <optional>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Rows of a table.
///   value     y[i…] = weight[index[i…]]
///   shapes    index of any shape, int64; weight [rows, D]; y [*index, D]
///   gradient  of weight: added up where a row is taken more than once; none of row `padding`
///   errors    IndexError for an index out of 0..rows - 1 (a word is not counted from the back) or a padding out of
///             -rows..rows - 1; DTypeError unless index is int64; ShapeError unless weight has rank 2
Tensor embedding(Arg index, const Tensor& weight, std::optional<std::int64_t> padding = {});

/// What embedding_bag makes of the rows of a bag.
enum class BagMode : std::uint8_t { sum, mean, max };

/// Rows of a table, bag by bag: sums, means or maxima; zeros for an empty bag.
///   shapes    index [n], int64; offsets [bags], int64: where each bag begins; weight [rows, D]; y [bags, D]
///   gradient  of max: to the first of equal ones
///   errors    as embedding; IndexError unless offsets begin with 0 and don't fall or pass n
Tensor embedding_bag(Arg index, const Tensor& offsets, const Tensor& weight, BagMode mode = BagMode::mean);

struct AttentionOptions {
  // bool: where a query may look; of the dtype of q: added to the scores. Broadcasts to [*, L, S].
  Tensor mask{};
  bool causal = false;            // query i looks at keys up to i only
  std::optional<double> scale{};  // of the scores; 1 / sqrt(D) if nothing is said
};

/// Scaled dot-product attention.
///   value     y = softmax(scale q k^T + mask) v; 0 for a query that may look at no key (a mask of false
///             or -inf in the whole row), which takes and gives no gradient
///   shapes    q [*, L, D], k [*, S, D], v [*, S, E], y [*, L, E]; the leading dimensions broadcast
///   errors    ShapeError if these or the mask don't fit; DTypeError unless q, k and v are of one
///             floating dtype, and the mask of bool or of that
///   source    Vaswani et al. 2017, arXiv:1706.03762, equation 1
Tensor attention(Arg q, const Tensor& k, const Tensor& v, const AttentionOptions& = {});

namespace detail {
/// What each query takes of each key: softmax(scale q k^T + mask) [*, L, S]; 0 for a query without keys.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options);
/// DTypeError unless a mask is bool or of `dtype`.
void check_attention_mask(const char* op, const Tensor& mask, DType dtype, CallSite site);
}  // namespace detail

/// A form linear in each of two inputs.
///   value     y[…, o] = sum_ij a[…, i] weight[o, i, j] b[…, j] + bias[o]
///   shapes    a [*, I], b [*, J], weight [O, I, J], bias [O] or undefined, y [*, O]
///   errors    ShapeError if these don't fit
Tensor bilinear(Arg a, const Tensor& b, const Tensor& weight, const Tensor& bias = {});

}  // namespace gradus
GRADUS_EXPORT_END
