#pragma once

#include "gradus/kernels/conv.h"

namespace gradus::kernels {

// For one channel a group, of several groups; false for others. The numbers are those of conv.h.
template <class T>
bool depthwise_conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y);
template <class T>
bool depthwise_conv_gradients(const ConvSizes& s, const T* x, const T* w, const T* g, T* dx, T* dw, T* db);

}  // namespace gradus::kernels
