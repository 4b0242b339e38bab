#pragma once

#include "gradus/tensor/tensor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The elements of a contiguous tensor in row-major order, without a copy; they are there for as long as a tensor that
/// shares them is. ShapeError for other strides (contiguous(x) has them), DTypeError if T is not the element type.
template <class T>
  requires is_element<T>
std::span<const T> as_span(const Tensor& x, CallSite site = CallSite::here()) {
  const T* const data = x.data<T>(site);
  if (!x.is_contiguous())
    detail::fail<ShapeError>(
        "as_span",
        "expected a contiguous tensor, got strides " + to_string(x.strides()) + " for shape " + to_string(x.shape()),
        site);
  return {data, static_cast<std::size_t>(x.numel())};
}

/// The same for writing (an in-place change).
template <class T>
  requires is_element<T>
std::span<T> as_mutable_span(Tensor& x, CallSite site = CallSite::here()) {
  const std::size_t n = as_span<T>(x, site).size();
  return {x.mutable_data<T>(), n};
}

/// A copy of values that lie one after another (std::vector, std::array, std::span, an array), in row-major order.
/// ShapeError unless there are as many as the shape has.
template <std::ranges::contiguous_range R>
  requires is_element<std::ranges::range_value_t<R>>
Tensor from_span(const R& values, const Shape& shape, CallSite site = CallSite::here()) {
  const auto n = static_cast<std::int64_t>(std::ranges::size(values));
  if (shape.numel() != n)
    detail::fail<ShapeError>("from_span",
                             "expected " + std::to_string(shape.numel()) + " values for shape " + to_string(shape) +
                                 ", got " + std::to_string(n),
                             site);
  Tensor x = empty(shape, dtype_of<std::ranges::range_value_t<R>>, site);
  std::ranges::copy(values, as_mutable_span<std::ranges::range_value_t<R>>(x).begin());
  return x;
}
template <std::ranges::contiguous_range R>
  requires is_element<std::ranges::range_value_t<R>>
Tensor from_span(const R& values, CallSite site = CallSite::here()) {
  return from_span(values, {static_cast<std::int64_t>(std::ranges::size(values))}, site);
}

}  // namespace gradus
GRADUS_EXPORT_END
