#pragma once

#include "gradus/kernels/triple.h"
#include "gradus/tensor/export.h"

#include <compare>
#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

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

/// Who computes a convolution. `depthwise`: kernels for one channel a group; `dnnl`: oneDNN, for float where it was
/// compiled in and has a fast kernel; `automatic`: the first of the two that can, oneDNN unless the result must not
/// depend on the number of threads. Where these cannot, it is `columns`.
enum class ConvBackend : std::uint8_t { automatic, columns, depthwise, dnnl };
/// dnnl only where it was compiled in.
bool has_conv_backend(ConvBackend backend);
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

/// The patches of images [batch, in, size] as columns [batch, in, kernel, result].
template <class T>
void images_to_columns(const ConvSizes& s, const T* images, T* columns);
/// The adjoint, which adds to `images`.
template <class T>
void columns_to_images(const ConvSizes& s, const T* columns, T* images);

// Each says who computed it.

/// y = conv(x, w) + bias (null for none)
template <class T>
ConvBackend conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y);
/// The adjoints of y = conv(x, w) + bias, applied to g: dx = that with respect to x, dw to w, db to the bias. Null for
/// those that are not wanted; x is read for dw alone, w for dx alone.
template <class T>
ConvBackend conv_gradients(const ConvSizes& s, const T* x, const T* w, const T* g, T* dx, T* dw, T* db);
/// dx alone.
template <class T>
ConvBackend conv_input(const ConvSizes& s, const T* g, const T* w, T* dx) {
  return conv_gradients<T>(s, nullptr, w, g, dx, nullptr, nullptr);
}
/// dw alone.
template <class T>
ConvBackend conv_weight(const ConvSizes& s, const T* x, const T* g, T* dw) {
  return conv_gradients<T>(s, x, nullptr, g, nullptr, dw, nullptr);
}

}  // namespace gradus::kernels
GRADUS_EXPORT_END
