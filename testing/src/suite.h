#pragma once

// What the checks of the suite share.

#include "gradus/testing/op_suite.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

namespace gradus::op_suite {

using List = std::vector<Tensor>;
using Failures = std::vector<std::string>;

template <class... T>
void fail(Failures& failures, fmt::format_string<T...> format, T&&... values) {
  failures.push_back(fmt::format(format, std::forward<T>(values)...));
}

// ---- inputs --------------------------------------------------------------------------------------

/// Inputs drawn for an example.
struct Point {
  List inputs;
  std::vector<std::size_t> real;  // those that a gradient is taken for
};

/// As the samples say, floating ones in `dtype`; in other shapes if given.
Point draw(const Subject& subject, DType dtype = float64, std::span<const Shape> shapes = {});
/// 0.5 … 1 in size, of either sign.
Tensor draw_cotangent(const Shape& shape, DType dtype, std::uint64_t seed = 3);
/// The tensors of a list at some places.
List pick(std::span<const Tensor> all, const std::vector<std::size_t>& which);

/// The op called with the same random numbers each time.
Tensor call(const Subject& subject, std::span<const Tensor> inputs);
/// The op as a function of the real inputs of a point.
gradus::detail::Function function_at(const Subject& subject, const Point& point);

/// True where derivatives are to be checked.
bool has_derivative(const Subject& subject);

// ---- results -------------------------------------------------------------------------------------

/// A call on the tape.
struct Recorded {
  Tensor y;
  List inputs;  // the real ones are leaves that share the storage of the given ones
  List leaves;  // those
};
Recorded record(const Subject& subject, std::span<const Tensor> inputs, const std::vector<std::size_t>& real);

/// Value, and gradients for the real inputs (none if the result takes none).
struct Outcome {
  Tensor y;
  List gradients;
};
/// With the cotangent given, or one drawn for the shape of the result.
Outcome run(const Subject& subject, const Point& point, const Tensor& cotangent = {});

/// What is different, as "expected …, got …"; nothing if dtype and shape agree and no entry is further off than
/// rtol times the largest one.
std::optional<std::string> difference(const Tensor& got, const Tensor& expected, double rtol);
/// Appends a failure where outcomes differ.
void compare(Failures& failures, const std::string& where, const Outcome& got, const Outcome& expected, double rtol);

/// The nodes behind some tensors in tape order.
std::vector<Node*> tape_of(std::span<const Tensor> ys);

// ---- the checks ----------------------------------------------------------------------------------

using Check = void(const Subject&, Failures&);
// derivatives.cpp
Check check_gradient, check_second_order, check_third_order, check_forward_mode, check_linearity;
// arguments.cpp
Check check_arguments;
// spectra.cpp
Check check_equal_values;
// layouts.cpp
Check check_float32, check_broadcasting, check_sizes, check_strides;
// tape.cpp
Check check_subsets, check_saved, check_twice, check_sums, check_replay, check_tape, check_memory;
// borders.cpp
Check check_borders;
// integers.cpp
Check check_integers;
// errors.cpp
Check check_purity, check_wrong_inputs, check_not_differentiable;

}  // namespace gradus::op_suite
