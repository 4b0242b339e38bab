#pragma once

#include "gradus/kernels/conv.h"

namespace gradus::kernels {

// oneDNN's; false where it has no fast kernel, or was not compiled in. A null `bias` stands for none.
bool dnnl_conv_forward(const ConvSizes& s, const float* x, const float* w, const float* bias, float* y);
bool dnnl_conv_input(const ConvSizes& s, const float* g, const float* w, float* dx);
bool dnnl_conv_weight(const ConvSizes& s, const float* x, const float* g, float* dw);

}  // namespace gradus::kernels
