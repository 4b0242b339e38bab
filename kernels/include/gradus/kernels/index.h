#pragma once

// Elements at places along an axis. T is a type of elements, with `add` a type of numbers.

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y [outer, count, inner] takes from x [outer, n, inner] what stands at `places`, `count` of them, each below n.
template <class T>
void take(std::int64_t outer,
          std::int64_t n,
          std::int64_t inner,
          std::int64_t count,
          const std::int64_t* places,
          const T* x,
          T* y);
/// Adds x [outer, count, inner] to y [outer, n, inner] at `places`, in the order of x. int64 wraps around.
template <class T>
void add_at(std::int64_t outer,
            std::int64_t n,
            std::int64_t inner,
            std::int64_t count,
            const std::int64_t* places,
            const T* x,
            T* y);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
