#pragma once

#include "gradus/graph/arg.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The states of an LSTM after each of its steps.
struct LstmStates {
  Tensor h, c;  // [T, N, H]
};

/// All steps of a layer of long short-term memory, from what its gates take from its inputs.
///   value     [i f g o] = act(gates_t + h_{t-1} weight^T), act = tanh for g and σ for the others;
///             c_t = f c_{t-1} + i g, h_t = o tanh(c_t)
///   shapes    gates [T, N, 4H], weight [4H, H], h0 and c0 [N, H] or undefined: 0
///   reverse   from the last step to the first: t - 1 is t + 1 above
///   errors    ShapeError if these don't fit; DTypeError unless they are of one floating dtype
///   source    Hochreiter & Schmidhuber 1997; the forget gate: Gers et al. 2000
LstmStates lstm(Arg gates, const Tensor& weight, const Tensor& h0 = {}, const Tensor& c0 = {}, bool reverse = false);

/// All steps of a layer of gated recurrent units, from what its gates take from its inputs; h [T, N, H].
///   value     q = h_{t-1} weight^T + bias, [r z] = σ of the first two thirds of gates_t + q,
///             n = tanh(gates_t + r q) of the last thirds, h_t = n + z (h_{t-1} - n)
///   shapes    gates [T, N, 3H], weight [3H, H], bias [3H] or undefined, h0 [N, H] or undefined: 0
///   reverse   as of lstm
///   errors    ShapeError if these don't fit; DTypeError unless they are of one floating dtype
///   source    Cho et al. 2014, arXiv:1406.1078, with r behind the product
Tensor gru(Arg gates, const Tensor& weight, const Tensor& bias = {}, const Tensor& h0 = {}, bool reverse = false);

}  // namespace gradus
GRADUS_EXPORT_END
