#pragma once

// Normalisation of channels (batch norm) and of rows (layer norm). T is float or double.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

// ---- channels ------------------------------------------------------------------------------------

// Lines are [batch, channels, elements of an image]; there is one number a channel in what is not x, y or g.

/// The mean of each channel, its unbiased variance, and 1 / sqrt(biased variance + eps). Added up in short blocks,
/// these in double; the result does not depend on the number of threads. At least two elements come together in each
/// channel.
template <class T>
void channel_statistics(const Lines& channels, double eps, const T* x, T* mean, T* variance, T* inverse);

/// y = (x - mean) inverse weight + bias; null stands for a weight of 1 or a bias of 0.
template <class T>
void normalise_channels(
    const Lines& channels, const T* x, const T* mean, const T* inverse, const T* weight, const T* bias, T* y);

/// What the gradients of normalise_channels are made of. `of_batch`: mean and inverse are those of x, so that the mean
/// of g and its part along (x - mean) leave it.
template <class T>
struct ChannelGradients {
  bool of_batch;
  const T *x, *g, *mean, *inverse;
  const T* weight;          // or null
  T *dx, *dweight, *dbias;  // null where not wanted
};
template <class T>
void normalise_channels_gradient(const Lines& channels, const ChannelGradients<T>& at);

// ---- rows ----------------------------------------------------------------------------------------

/// Rows [rows, size]. Each holds some channels, as many neighbouring elements of each; `groups` rows one after the
/// other hold all channels, of which there is one number each in weight and bias.
struct NormRows {
  std::int64_t rows, size;
  std::int64_t groups = 1, channels = 1;  // channels of a row
  bool centred = true;
};

/// y = (x - m) r weight + bias with r = 1 / sqrt(mean((x - m)^2) + eps), m being a row's mean, or 0 if not centred.
/// Null stands for a weight of 1 or a bias of 0.
template <class T>
void normalise_rows(
    const NormRows& at, double eps, const T* x, const T* weight, const T* bias, T* y, T* mean, T* inverse);

/// What the gradients of normalise_rows are made of.
template <class T>
struct RowGradients {
  const T *x, *g, *mean, *inverse;
  const T* weight;          // or null
  T *dx, *dweight, *dbias;  // null where not wanted
};
template <class T>
void normalise_rows_gradient(const NormRows& at, const RowGradients<T>& of);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
