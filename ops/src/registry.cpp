#include "gradus/ops/registry.h"

#include "family.h"

namespace gradus {

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
