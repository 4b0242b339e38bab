#pragma once

// Kernels of ops in recorded programs, made of the functions of one element.

#include "gradus/graph/op.h"
#include "gradus/graph/step_kernel.h"

#include <cstdint>
#include <tuple>
#include <type_traits>

namespace gradus::detail {

template <class O>
bool same_attributes([[maybe_unused]] const void* a, [[maybe_unused]] const void* b) {
  if constexpr (std::is_empty_v<O>)
    return true;
  else
    return static_cast<const O*>(a)->same_as(*static_cast<const O*>(b));
}

/// The slope of an input whose gradient is that of the result.
struct PassOn {
  template <class T, class... Rest>
  T operator()(T g, Rest...) const {
    return g;
  }
};

template <class O, StepKernel::Kind kind>
inline constexpr StepKernel plain_kernel{kind, &same_attributes<O>};

/// Of an op that gives views. One with attributes says by `bool same_as(const O&) const` whether they are equal.
template <class O>
constexpr const StepKernel* view_kernel() {
  return &plain_kernel<O, StepKernel::Kind::view>;
}
template <class O, bool Transposed>
constexpr const StepKernel* product_kernel() {
  constexpr auto kind = Transposed ? StepKernel::Kind::transposed_product : StepKernel::Kind::product;
  return &plain_kernel<O, kind>;
}

/// y[i] = value(a[i]), or value(a[i], b[i]); a number that is an attribute comes last.
/// da[i] = slope(g[i], y[i], a[i], b[i]) and so on, a function for each input.
template <class O, class Value, class... Slopes>
struct ElementKernel {
  static constexpr bool binary = sizeof...(Slopes) == 2;

  template <class T>
  static auto number(const void* attributes) {
    if constexpr (requires(const O& op) { op.value; })
      return std::tuple(static_cast<T>(static_cast<const O*>(attributes)->value));
    else
      return std::tuple();
  }
  template <class T>
  static void forward(const void* attributes, T* __restrict y, const T* a, const T* b, std::int64_t n) {
    std::apply(
        [=](auto... s) {
          for (std::int64_t i = 0; i < n; ++i) {
            if constexpr (binary)
              y[i] = Value{}(a[i], b[i], s...);
            else
              y[i] = Value{}(a[i], s...);
          }
        },
        number<T>(attributes));
  }
  template <class T, class Slope>
  static void slopes(const void* attributes,
                     const T* g,
                     const T* y,
                     const T* a,
                     const T* b,
                     T* __restrict d,
                     bool adds,
                     std::int64_t n,
                     Slope slope) {
    if (d == nullptr) return;
    std::apply(
        [=](auto... s) {
          const auto at = [=](std::int64_t i) {
            if constexpr (binary)
              return slope(g[i], y[i], a[i], b[i], s...);
            else
              return slope(g[i], y[i], a[i], s...);
          };
          if (adds) {
            for (std::int64_t i = 0; i < n; ++i) d[i] += at(i);
          } else {
            for (std::int64_t i = 0; i < n; ++i) d[i] = at(i);
          }
        },
        number<T>(attributes));
  }
  template <class T>
  static void backward(const void* attributes,
                       const T* g,
                       const T* y,
                       const T* a,
                       const T* b,
                       T* da,
                       T* db,
                       unsigned adds,
                       std::int64_t n) {
    T* d = da;
    unsigned bit = 1;
    ((slopes(attributes, g, y, a, b, d, (adds & bit) != 0, n, Slopes{}), d = db, bit = 2), ...);
  }
  static constexpr unsigned passes() {
    unsigned bits = 0, bit = 1;
    (((bits |= std::is_same_v<Slopes, PassOn> ? bit : 0), bit *= 2), ...);
    return bits;
  }
};

template <class O, class Value, class... Slopes>
inline constexpr StepKernel element_kernel_of{StepKernel::Kind::elementwise,
                                              &same_attributes<O>,
                                              {&ElementKernel<O, Value, Slopes...>::template forward<float>,
                                               &ElementKernel<O, Value, Slopes...>::template forward<double>},
                                              {&ElementKernel<O, Value, Slopes...>::template backward<float>,
                                               &ElementKernel<O, Value, Slopes...>::template backward<double>},
                                              ElementKernel<O, Value, Slopes...>::passes()};

template <class O, class Value, class... Slopes>
constexpr const StepKernel* element_kernel(Value, Slopes...) {
  return &element_kernel_of<O, Value, Slopes...>;
}

}  // namespace gradus::detail
