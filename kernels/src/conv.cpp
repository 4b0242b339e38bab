#include "gradus/kernels/conv.h"

#include "buffer.h"
#include "conv_depthwise.h"
#include "conv_dnnl.h"

#include "gradus/kernels/gemm.h"
#include "gradus/kernels/loops.h"
#include "gradus/kernels/sum.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace gradus::kernels {
using namespace detail;

namespace {

thread_local constinit ConvBackend conv_backend = ConvBackend::automatic;

bool may_use_dnnl(const ConvSizes& s) {
  // It takes no padding that ends within the input.
  if (*std::min_element(s.high.begin(), s.high.end()) < 0) return false;
  // The sums of its kernels depend on the number of threads.
  return conv_backend == ConvBackend::dnnl || (conv_backend == ConvBackend::automatic && !is_deterministic());
}

bool may_use_depthwise() { return conv_backend == ConvBackend::automatic || conv_backend == ConvBackend::depthwise; }

/// True if an image is its own columns.
bool is_pointwise(const ConvSizes& s) {
  constexpr ConvSizes::Axes one{1, 1, 1}, none{};
  return s.kernel == one && s.stride == one && s.low == none && s.high == none;
}

/// f(row of columns, of the image, first and last column inside, step in the image) for each kernel element
/// and each row of results; rows outside of the image have a null position.
template <class F>
void for_each_row(const ConvSizes& s, std::int64_t channels, F f) {
  const auto [depth, height, width] = s.size;
  const std::int64_t rows = s.result[0] * s.result[1], n = s.result[2];
  std::int64_t column = 0;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t kd = 0; kd < s.kernel[0]; ++kd)
      for (std::int64_t kh = 0; kh < s.kernel[1]; ++kh)
        for (std::int64_t kw = 0; kw < s.kernel[2]; ++kw) {
          // Results j from first to last - 1 see the image at j stride + offset.
          const std::int64_t offset = kw * s.dilation[2] - s.low[2], step = s.stride[2];
          const std::int64_t first = std::clamp<std::int64_t>((step - 1 - offset) / step, 0, n);
          const std::int64_t last =
              offset >= width ? first : std::clamp<std::int64_t>((width - 1 - offset) / step + 1, first, n);
          for (std::int64_t row = 0; row < rows; ++row, column += n) {
            const std::int64_t d = row / s.result[1] * s.stride[0] + kd * s.dilation[0] - s.low[0];
            const std::int64_t h = row % s.result[1] * s.stride[1] + kh * s.dilation[1] - s.low[1];
            const bool inside = d >= 0 && d < depth && h >= 0 && h < height;
            const std::int64_t at = ((c * depth + d) * height + h) * width + offset;
            inside ? f(column, at, first, last) : f(column, at, n, n);
          }
        }
}

/// Images of a batch by group: work(image, group), on several threads where there are enough of them.
template <class F>
void for_each_image(const ConvSizes& s, F work) {
  const std::int64_t n = s.batch * s.groups;
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) work(i / s.groups, i % s.groups);
  };
  n >= num_threads() ? parallel_for(n, 1, run) : run(0, n);
}

/// The patches of one image [channels, size] as columns [channels, kernel, result], and the adjoint.
template <class T>
void image_to_columns(const ConvSizes& s, std::int64_t channels, const T* image, T* columns) {
  const std::int64_t n = s.result[2], step = s.stride[2];
  for_each_row(s, channels, [=](std::int64_t row, std::int64_t at, std::int64_t first, std::int64_t last) {
    T* const out = columns + row;
    std::fill(out, out + first, T(0));
    if (step == 1)
      std::copy_n(image + (first < last ? at + first : 0), last - first, out + first);
    else
      for (std::int64_t j = first; j < last; ++j) out[j] = image[at + j * step];
    std::fill(out + last, out + n, T(0));
  });
}

template <class T>
void columns_to_image(const ConvSizes& s, std::int64_t channels, const T* columns, T* image) {
  const std::int64_t step = s.stride[2];
  for_each_row(s, channels, [=](std::int64_t row, std::int64_t at, std::int64_t first, std::int64_t last) {
    const T* const in = columns + row;
    for (std::int64_t j = first; j < last; ++j) image[at + j * step] += in[j];
  });
}

template <class T>
void input_by_columns(const ConvSizes& s, const T* g, const T* w, T* dx) {
  const std::int64_t in = s.in / s.groups, out = s.out / s.groups;
  const std::int64_t k = in * volume(s.kernel), n = volume(s.result);
  for_each_image(s, [&](std::int64_t image, std::int64_t group) {
    const T* const from = g + (image * s.out + group * out) * n;
    T* const to = dx + (image * s.in + group * in) * volume(s.size);
    const T* const weights = w + group * out * k;
    if (is_pointwise(s)) return gemm<T>(true, false, k, n, out, 1, weights, k, from, n, 0, to, n);
    const Buffer<T> columns(k * n);
    gemm<T>(true, false, k, n, out, 1, weights, k, from, n, 0, columns.get(), n);
    std::fill_n(to, in * volume(s.size), T(0));
    columns_to_image(s, in, columns.get(), to);
  });
}

template <class T>
void weight_by_columns(const ConvSizes& s, const T* x, const T* g, T* dw) {
  const std::int64_t in = s.in / s.groups, out = s.out / s.groups;
  const std::int64_t k = in * volume(s.kernel), n = volume(s.result), size = s.out * k;
  std::fill_n(dw, size, T(0));
  if (size == 0 || s.batch == 0) return;
  // The batch in parts with sums of their own, whatever the number of threads is.
  const std::int64_t parts = size <= (1 << 18) ? std::min<std::int64_t>(s.batch, 8) : 1;
  const Buffer<T> sums(parts * size);
  std::fill_n(sums.get(), parts * size, T(0));
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    const Buffer<T> buffer(is_pointwise(s) ? 1 : k * n);
    for (std::int64_t part = begin; part < end; ++part)
      for (std::int64_t i = part * s.batch / parts; i < (part + 1) * s.batch / parts; ++i)
        for (std::int64_t group = 0; group < s.groups; ++group) {
          const T* columns = x + (i * s.in + group * in) * volume(s.size);
          const T* const from = g + (i * s.out + group * out) * n;
          if (!is_pointwise(s)) {
            image_to_columns(s, in, columns, buffer.get());
            columns = buffer.get();
          }
          T* const to = sums.get() + part * size + group * out * k;
          gemm<T>(false, true, out, k, n, 1, from, n, columns, n, 1, to, k);
        }
  };
  parts > 1 ? parallel_for(parts, 1, add) : add(0, parts);
  for (std::int64_t part = 0; part < parts; ++part)
    for (std::int64_t i = 0; i < size; ++i) dw[i] += sums.get()[part * size + i];
}

/// db[o] = the sum of g over images and places
template <class T>
void sum_channels(const ConvSizes& s, const T* g, T* db) {
  const std::int64_t n = volume(s.result);
  parallel_for(s.out, 1 + kGrain / (1 + s.batch * n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      double sum = 0;
      for (std::int64_t image = 0; image < s.batch; ++image)
        sum += block_sum<T>(n, [from = g + (image * s.out + o) * n](std::int64_t i) { return from[i]; });
      db[o] = static_cast<T>(sum);
    }
  });
}

}  // namespace

bool has_conv_backend([[maybe_unused]] ConvBackend backend) {
#ifdef GRADUS_HAVE_DNNL
  return true;
#else
  return backend != ConvBackend::dnnl;
#endif
}

ConvBackendGuard::ConvBackendGuard(ConvBackend backend) : outer_(std::exchange(conv_backend, backend)) {}
ConvBackendGuard::~ConvBackendGuard() { conv_backend = outer_; }

template <class T>
void images_to_columns(const ConvSizes& s, const T* images, T* columns) {
  const std::int64_t from = s.in * volume(s.size), to = s.in * volume(s.kernel) * volume(s.result);
  parallel_for(s.batch, 1, [&, images, columns](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) image_to_columns(s, s.in, images + i * from, columns + i * to);
  });
}

template <class T>
void columns_to_images(const ConvSizes& s, const T* columns, T* images) {
  const std::int64_t from = s.in * volume(s.kernel) * volume(s.result), to = s.in * volume(s.size);
  parallel_for(s.batch, 1, [&, images, columns](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) columns_to_image(s, s.in, columns + i * from, images + i * to);
  });
}

template <class T>
ConvBackend conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y) {
  if (may_use_depthwise() && depthwise_conv_forward(s, x, w, bias, y)) return ConvBackend::depthwise;
  if constexpr (std::is_same_v<T, float>)
    if (may_use_dnnl(s) && dnnl_conv_forward(s, x, w, bias, y)) return ConvBackend::dnnl;
  const std::int64_t in = s.in / s.groups, out = s.out / s.groups;
  const std::int64_t k = in * volume(s.kernel), n = volume(s.result);
  for_each_image(s, [&](std::int64_t image, std::int64_t group) {
    const T* const from = x + (image * s.in + group * in) * volume(s.size);
    T* const to = y + (image * s.out + group * out) * n;
    if (bias != nullptr)
      for (std::int64_t o = 0; o < out; ++o) std::fill_n(to + o * n, n, bias[group * out + o]);
    const T beta = bias != nullptr ? T(1) : T(0);
    const T* const weights = w + group * out * k;
    if (is_pointwise(s)) return gemm<T>(false, false, out, n, k, 1, weights, k, from, n, beta, to, n);
    const Buffer<T> columns(k * n);
    image_to_columns(s, in, from, columns.get());
    gemm<T>(false, false, out, n, k, 1, weights, k, columns.get(), n, beta, to, n);
  });
  return ConvBackend::columns;
}

template <class T>
ConvBackend conv_gradients(const ConvSizes& s, const T* x, const T* w, const T* g, T* dx, T* dw, T* db) {
  if (may_use_depthwise() && depthwise_conv_gradients(s, x, w, g, dx, dw, db)) return ConvBackend::depthwise;
  if (db != nullptr) sum_channels(s, g, db);
  if constexpr (std::is_same_v<T, float>)
    if (may_use_dnnl(s) && dnnl_conv_gradients(s, x, w, g, dx, dw)) return ConvBackend::dnnl;
  if (dx != nullptr) input_by_columns(s, g, w, dx);
  if (dw != nullptr) weight_by_columns(s, x, g, dw);
  return ConvBackend::columns;
}

#define GRADUS_CONV(T)                                                                                 \
  template GRADUS_EXPORT void images_to_columns(const ConvSizes&, const T*, T*);                       \
  template GRADUS_EXPORT void columns_to_images(const ConvSizes&, const T*, T*);                       \
  template GRADUS_EXPORT ConvBackend conv_forward(const ConvSizes&, const T*, const T*, const T*, T*); \
  template GRADUS_EXPORT ConvBackend conv_gradients(const ConvSizes&, const T*, const T*, const T*, T*, T*, T*);
GRADUS_CONV(float)
GRADUS_CONV(double)
#undef GRADUS_CONV

}  // namespace gradus::kernels
