#pragma once

#include "gradus/tensor/export.h"

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// From now on kernels that this thread runs use no other threads: it is one of several itself.
void become_worker();

}  // namespace gradus::detail
GRADUS_EXPORT_END
