#pragma once

#include "gradus/ops/registry.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// One element of each input of an elementwise op, all numbers of float32 or float64, of which an exact value is worked
/// out.
struct ExactInputs {
  std::span<const double> numbers;
  DType dtype;

  long double operator[](std::size_t i) const { return numbers[i]; }
  /// The value as a number of the dtype, for attributes (a slope of 0.01) and for what is made of several ops.
  long double rounded(long double value) const;
};

/// What an elementwise op is held to: the exact value of one of its examples, by IEEE 754, Annex F of C, or the
/// function's limits where those say nothing; and how many units in the last place of it (ulp) a result may be off.
struct ExactOp {
  /// What units are those of.
  enum class Units : std::uint8_t {
    of_value,    // the exact value
    of_normal,   // the same, or of 1024 times the smallest normal number: a factor of the result may be subnormal
    of_largest,  // the largest of the value and the inputs: terms may cancel
  };

  std::string_view name, label;  // of the op and its example in all_ops()
  long double (*value)(const ExactInputs& x);
  double ulp32, ulp64;  // in float32 and in float64; 0 where the result is exact
  Units units = Units::of_value;
  /// Numbers from which errors are measured; special ones are tried everywhere.
  double low = -std::numeric_limits<double>::infinity();

  double ulp(DType dtype) const { return dtype == float32 ? ulp32 : ulp64; }
};

/// A row for each example of each elementwise op.
std::span<const ExactOp> exact_ops();

/// ±0, the smallest subnormal and normal numbers, 1, the largest number, infinity, each of either sign, and NaN.
std::vector<double> special_numbers(DType dtype);

/// How many units in the last place a result is off: infinite where one of it and the exact value is NaN and the other
/// is not, and where signs differ, those of zeros included, unless terms may cancel.
double units_off(const ExactOp& op, const ExactInputs& x, double result);

/// Results for some rows of numbers, one of each input; `numbers` has them row by row.
std::vector<double> results_of(const ExactOp& op, const std::vector<double>& numbers, DType dtype);

/// The row's example. ArgumentError if there is none.
Example example_of(const ExactOp& op);

/// The largest error at numbers of every exponent and either sign, and where it is.
struct MeasuredUnits {
  double worst = 0;
  std::vector<double> at;
};
MeasuredUnits measure_units(const ExactOp& op, DType dtype);

/// What an op makes of rows with special numbers, along their axis: [n, k] gives [n, m], or [n] where m is 1.
struct RowOp {
  struct Row {
    std::vector<double> numbers, result;
  };
  std::string_view name, call;  // "sort", "sort(x, descending)"
  Tensor (*run)(const Tensor& rows);
  std::vector<Row> rows;
};
std::span<const RowOp> row_ops();

/// An op of which it is not true that NaN in an element makes NaN of each result that depends on it (or is refused) and
/// changes no other.
struct NanNote {
  enum class Kind : std::uint8_t {
    stops,    // a result that depends on the element may be a number
    spreads,  // another result may be NaN: it has the element with a factor of 0, or is worked out with it
  };
  std::string_view name;
  Kind kind;
  std::string_view reason;
};
std::span<const NanNote> nan_notes();

}  // namespace gradus
GRADUS_EXPORT_END
