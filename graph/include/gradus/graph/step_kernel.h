#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>
#include <tuple>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// How a recorded program runs an op on plain memory, without tensors (autograd/src/program.h). An op has one if its
/// struct gives it: `static constexpr const StepKernel* step_kernel()`.
struct StepKernel {
  /// A view of the input; a function of each element of one or two tensors of one shape; the product a b + c of rows
  /// and a matrix, c left out or a row, and the same with the matrix transposed: a b^T + c.
  enum class Kind : std::uint8_t { view, elementwise, product, transposed_product };

  /// y = f(a, b), n numbers each; b is null for a function of one.
  template <class T>
  using Forward = void (*)(const void* attributes, T* y, const T* a, const T* b, std::int64_t n);
  /// da = g dy/da and db = g dy/db, those that are not null; where `adds` has their bit, 1 or 2, added to what is
  /// there. Reads those of y, a and b that the op saves (OpInfo::saves).
  template <class T>
  using Backward = void (*)(const void* attributes,
                            const T* g,
                            const T* y,
                            const T* a,
                            const T* b,
                            T* da,
                            T* db,
                            unsigned adds,
                            std::int64_t n);

  Kind kind;
  bool (*same)(const void* a, const void* b);             // whether attributes of two calls are the same
  std::tuple<Forward<float>, Forward<double>> forward{};  // of elementwise ones
  std::tuple<Backward<float>, Backward<double>> backward{};
  unsigned passes = 0;  // bits, as above, of inputs whose gradient is g itself
};

}  // namespace gradus::detail
GRADUS_EXPORT_END
