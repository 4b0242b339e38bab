#pragma once

// Steps of recurrent layers, one after the other, and the way back. T is float or double. Tensors of steps are
// [steps, batch, …]; null stands for an initial state of 0.

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// The sizes of a recurrence.
struct Steps {
  std::int64_t steps, batch, hidden;
  bool reverse = false;  // from the last to the first
};

/// With gates [i f g o] = act(from_inputs_t + h_{t-1} weight^T), act being tanh for g and the sigmoid for the others:
///   c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)
/// Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000. weight is [4 hidden, hidden].
template <class T>
struct LstmForward {
  const T *from_inputs, *weight, *h0, *c0;
  T *h, *c, *gates;
};
template <class T>
void lstm(const Steps& at, const LstmForward<T>& p);

/// From the cotangents dh and dc (null: 0) to those of from_inputs, which also are what those of the weight are made
/// of, and of the initial states (null: not wanted).
template <class T>
struct LstmGradient {
  const T *weight, *c0, *c, *gates, *dh, *dc;
  T *dgates, *dh0, *dc0;
};
template <class T>
void lstm_gradient(const Steps& at, const LstmGradient<T>& p);

/// With [r z] = sigmoid(from_inputs_t + h_{t-1} weight^T + bias) of two thirds, q_t the last third of
/// h_{t-1} weight^T + bias:
///   n = tanh(from_inputs_t + r q_t),  h_t = n + z (h_{t-1} - n)
/// Cho et al. 2014, with r behind the product. weight is [3 hidden, hidden]; bias may be null.
template <class T>
struct GruForward {
  const T *from_inputs, *weight, *bias, *h0;
  T *h, *gates, *q;  // gates: r, z and n
};
template <class T>
void gru(const Steps& at, const GruForward<T>& p);

/// From the cotangent of h to those of from_inputs, of h_{t-1} weight^T + bias at each step, and of the initial state
/// (null: not wanted).
template <class T>
struct GruGradient {
  const T *weight, *h0, *h, *gates, *q, *dh;
  T *dinputs, *dproducts, *dh0;
};
template <class T>
void gru_gradient(const Steps& at, const GruGradient<T>& p);

/// dweight = sum_t dproducts_t^T h_{t-1}, for dproducts of `width` numbers a step and row.
template <class T>
void recurrent_weight_gradient(
    const Steps& at, std::int64_t width, const T* dproducts, const T* h0, const T* h, T* dweight);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
