#pragma once

#include "spatial.h"

#include <compare>
#include <cstdint>

namespace gradus::detail {

/// A convolution with all of its sizes. Missing spatial axes stand in front with size 1; all arrays are dense.
struct ConvSizes {
  using Axes = Triple;
  std::int64_t batch = 1, in = 1, out = 1, groups = 1;  // in, out: channels
  int rank = 3;                                         // spatial axes that are not filled up
  Axes size{1, 1, 1}, kernel{1, 1, 1}, result{1, 1, 1};
  // low, high: padding; a negative `high` ends within the input
  Axes stride{1, 1, 1}, low{}, high{}, dilation{1, 1, 1};

  friend std::strong_ordering operator<=>(const ConvSizes&, const ConvSizes&) = default;
};

/// Who computes a convolution. `automatic`: oneDNN for float where it was compiled in and has a fast kernel.
enum class ConvBackend : std::uint8_t { automatic, columns, dnnl };
/// The one in force on this thread while it lives.
class ConvBackendGuard {
 public:
  explicit ConvBackendGuard(ConvBackend backend);
  ~ConvBackendGuard();
  ConvBackendGuard(const ConvBackendGuard&) = delete;
  ConvBackendGuard& operator=(const ConvBackendGuard&) = delete;

 private:
  ConvBackend outer_;
};

/// The patches of one image [channels, size] as columns [channels, kernel, result], and the adjoint, which
/// adds to `image`.
template <class T>
void image_to_columns(const ConvSizes& s, std::int64_t channels, const T* image, T* columns);
template <class T>
void columns_to_image(const ConvSizes& s, std::int64_t channels, const T* columns, T* image);

/// y = conv(x, w) + bias (null for none)
template <class T>
void conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y);
/// dx = the adjoint with respect to x, applied to g
template <class T>
void conv_input(const ConvSizes& s, const T* g, const T* w, T* dx);
/// dw = the adjoint with respect to w, applied to g
template <class T>
void conv_weight(const ConvSizes& s, const T* x, const T* g, T* dw);

// oneDNN's; false where it has no fast kernel, or was not compiled in. A null `bias` stands for none.
bool dnnl_conv_forward(
    const ConvSizes& s, const float* x, const float* w, const float* bias, float* y);
bool dnnl_conv_input(const ConvSizes& s, const float* g, const float* w, float* dx);
bool dnnl_conv_weight(const ConvSizes& s, const float* x, const float* g, float* dw);

}  // namespace gradus::detail
