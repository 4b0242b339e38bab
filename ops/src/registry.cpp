#include "gradus/ops/registry.h"

// The tables of ops, <name>_ops() each, in the order of the families.
#define GRADUS_OP_TABLES(TABLE) \
  TABLE(arithmetic)             \
  TABLE(integer)                \
  TABLE(compare)                \
  TABLE(elementwise)            \
  TABLE(transcendental)         \
  TABLE(rounding)               \
  TABLE(special)                \
  TABLE(ternary)                \
  TABLE(logical)                \
  TABLE(relu)                   \
  TABLE(activation)             \
  TABLE(reduce)                 \
  TABLE(composed_reduce)        \
  TABLE(scan)                   \
  TABLE(shape)                  \
  TABLE(slice)                  \
  TABLE(rearrange)              \
  TABLE(diagonal)               \
  TABLE(index)                  \
  TABLE(scatter)                \
  TABLE(scatter_reduce)         \
  TABLE(sort)                   \
  TABLE(unique)                 \
  TABLE(linalg)                 \
  TABLE(products)               \
  TABLE(solve)                  \
  TABLE(decompose)              \
  TABLE(spectrum)               \
  TABLE(spectral)               \
  TABLE(einsum)                 \
  TABLE(distance)               \
  TABLE(norm)                   \
  TABLE(layer_norm)             \
  TABLE(label_loss)             \
  TABLE(loss)                   \
  TABLE(composed_loss)          \
  TABLE(ctc)                    \
  TABLE(random)                 \
  TABLE(sequence)               \
  TABLE(attention)              \
  TABLE(recurrence)             \
  TABLE(rotary)                 \
  TABLE(conv)                   \
  TABLE(patch)                  \
  TABLE(pool)                   \
  TABLE(unpool)                 \
  TABLE(image)                  \
  TABLE(grid)                   \
  TABLE(gradient)

namespace gradus {

namespace detail {
#define GRADUS_DECLARE(name) std::span<const OpEntry> name##_ops();
GRADUS_OP_TABLES(GRADUS_DECLARE)
#undef GRADUS_DECLARE
}  // namespace detail

std::span<const OpEntry> all_ops() {
  static const std::vector<OpEntry> table = [] {
    std::vector<OpEntry> all;
#define GRADUS_JOIN(name) \
  for (const OpEntry& entry : detail::name##_ops()) all.push_back(entry);
    GRADUS_OP_TABLES(GRADUS_JOIN)
#undef GRADUS_JOIN
    return all;
  }();
  return table;
}

}  // namespace gradus
