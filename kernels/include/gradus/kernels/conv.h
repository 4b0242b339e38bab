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

/// Who computes a convolution. `automatic`: oneDNN for float where it was compiled in and has a fast kernel; `dnnl`:
/// the same, even where its result depends on the number of threads.
enum class ConvBackend : std::uint8_t { automatic, columns, dnnl };
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

/// The patches of images [batch, in, size] as columns [batch, in, kernel, result], and the adjoint, which adds to
/// `images`.
template <class T>
void images_to_columns(const ConvSizes& s, const T* images, T* columns);
template <class T>
void columns_to_images(const ConvSizes& s, const T* columns, T* images);

// Each says who computed it, columns or dnnl.

/// y = conv(x, w) + bias (null for none)
template <class T>
ConvBackend conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y);
/// dx = the adjoint with respect to x, applied to g
template <class T>
ConvBackend conv_input(const ConvSizes& s, const T* g, const T* w, T* dx);
/// dw = the adjoint with respect to w, applied to g
template <class T>
ConvBackend conv_weight(const ConvSizes& s, const T* x, const T* g, T* dw);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
