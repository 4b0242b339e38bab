#pragma once

#include "gradus/data/npy.h"

#include <initializer_list>
#include <string>

// Shared by the steps of preprocessing.

namespace gradus::data {

/// DTypeError unless floating, ShapeError unless [N, …].
void check_input(const char* op, const Tensor& x);
/// ArgumentError unless `fitted` is defined.
void check_fitted(const char* op, const Tensor& fitted);
/// ShapeError unless the rows of `x` have the shape `row`.
void check_row(const char* op, const Tensor& x, const Shape& row);
/// The shape of a row of [N, …].
Shape row_shape(const Tensor& x);

/// An array of a saved state; IoError if it is missing, not of the dtype or, with a rank >= 0, not of
/// that rank.
Tensor take(const char* op, const Arrays& state, const std::string& name, DType dtype, int rank = -1);

}  // namespace gradus::data
