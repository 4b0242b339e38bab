#pragma once

#include "gradus/kernels/conv.h"

namespace gradus::kernels {

// oneDNN's; false where it has no fast kernel, or was not compiled in. Null stands for no bias, and
// for a gradient that is not wanted.
bool dnnl_conv_forward(const ConvSizes& s, const float* x, const float* w, const float* bias, float* y);
bool dnnl_conv_gradients(const ConvSizes& s, const float* x, const float* w, const float* g, float* dx, float* dw);

}  // namespace gradus::kernels
