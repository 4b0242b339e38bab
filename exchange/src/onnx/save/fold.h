#pragma once

#include "onnx/save/trace.h"

#include <map>
#include <string>
#include <vector>

namespace gradus::onnx {

/// Folds every batch norm with fixed statistics that alone takes the result of a linear op or a convolution (not a
/// transposed one) into its weight and bias; what they are called goes into `names`.
void fold_batch_norms(std::vector<Trace>& traces, std::map<const void*, std::string>& names);

}  // namespace gradus::onnx
