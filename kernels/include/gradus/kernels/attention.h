#pragma once

// Attention without a matrix of all scores: they are made, and made again on the way back, for some queries at a time.
// T is float or double.

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// As many matrices as the batch: where each begins, and how far its rows lie apart. Elements of a row are neighbours.
template <class T>
struct Matrices {
  T* data;
  const std::int64_t* begin;
  std::int64_t row;
  T* operator()(std::int64_t b) const { return data + begin[b]; }
};

/// Which queries may look at which keys: those that `allowed` says, if there is such, with `added` on their scores, if
/// there is such; with `causal` query i at keys up to i only. At most one of allowed and added is not null.
template <class T>
struct Masks {
  bool causal = false;
  const bool* allowed = nullptr;
  const T* added = nullptr;
  const std::int64_t* begin = nullptr;
  std::int64_t row = 0, column = 0;
};

/// Queries [rows, width], keys [keys, width], values [keys, value_width], results [rows, value_width].
struct AttentionSizes {
  std::int64_t batch, rows, keys, width, value_width;
  double scale;
};

/// y_i = sum_j p_ij v_j, p_ij = exp(s_ij - l_i), l_i = log sum_j exp(s_ij), s_ij = scale q_i k_j. A query that may look
/// at no key has y_i = 0 and l_i = infinity. y and l [batch, rows] are dense.
template <class T>
void attention(const AttentionSizes& at,
               const Masks<T>& masks,
               const Matrices<const T>& q,
               const Matrices<const T>& k,
               const Matrices<const T>& v,
               T* y,
               T* l);

/// dv_j = sum_i p_ij g_i and, with ds_ij = p_ij (g_i v_j - g_i y_i), dq_i = scale sum_j ds_ij k_j and
/// dk_j = scale sum_i ds_ij q_i; dmask [batch, rows, keys] is ds. All but q, k and v are dense.
template <class T>
struct AttentionGradient {
  Matrices<const T> q, k, v;
  const T *y, *l, *g;
  T *dq, *dk, *dv, *dmask;  // null where not wanted
};
template <class T>
void attention_gradient(const AttentionSizes& at, const Masks<T>& masks, const AttentionGradient<T>& p);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
