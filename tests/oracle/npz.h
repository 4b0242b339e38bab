#pragma once

#include "gradus/tensor/tensor.h"

#include <map>
#include <string>

namespace oracle {

/// The members of a NumPy .npz file, stored (not deflated), each a .npy of version 1.0 in C order with dtype
/// <f8, <i8 or |b1. Names lose their ".npy". IoError if the file is anything else.
std::map<std::string, gradus::Tensor> read_npz(const std::string& path);

}  // namespace oracle
