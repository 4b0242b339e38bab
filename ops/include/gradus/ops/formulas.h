#pragma once

#include "gradus/tensor/export.h"

#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// What a public op computes and how its rule takes the cotangent g of its result y back to its inputs, as
/// text for tables; see docs/ops.md.
struct Formula {
  std::string_view name, value, gradient;
};

/// That of one op of all_ops(); empty texts if there is none.
Formula formula(std::string_view op);

}  // namespace gradus
GRADUS_EXPORT_END
