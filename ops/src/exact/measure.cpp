#include "exact/table.h"

#include "gradus/graph/recording.h"
#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {
namespace {

using detail::Exact;

template <class T>
double units_of(Exact size, Exact off) {
  constexpr T most = std::numeric_limits<T>::max();
  const T low = static_cast<T>(std::min(size, Exact(most)));
  const T unit = low == most ? low - std::nextafter(low, T(0)) : std::nextafter(low, most) - low;
  return static_cast<double>(off / unit);
}

/// Infinite and larger numbers as the first power of two that is too large, so that a result just beyond the largest
/// number is a little off, and no more.
template <class T>
Exact bounded(Exact x) {
  const Exact end = 2 * std::ldexp(Exact(1), std::numeric_limits<T>::max_exponent - 1);
  return std::clamp(x, -end, end);
}

template <class T>
double units_off_as(const ExactOp& op, const ExactInputs& x, Exact exact, double result) {
  Exact size = std::fabs(bounded<T>(exact));
  if (op.units == ExactOp::Units::of_normal) size = std::max(size, 1024 * Exact(std::numeric_limits<T>::min()));
  if (op.units == ExactOp::Units::of_largest)
    for (const double v : x.numbers)
      if (std::isfinite(v)) size = std::max(size, std::fabs(Exact(v)));
  return units_of<T>(size, std::fabs(bounded<T>(exact) - bounded<T>(result)));
}

/// A number of either sign and any exponent, or of one near that of 1, from the place in a sequence that fills all
/// dimensions evenly (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
template <class T>
double spread(std::uint64_t place, std::size_t input) {
  constexpr double steps[] = {0.8191725133961645, 0.6710436067037893, 0.5497004779019703};
  constexpr int least = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits,
                most = std::numeric_limits<T>::max_exponent;
  const double u = std::fmod(static_cast<double>(place) * steps[input], 1.0);
  const bool near = place % 2 == 0;
  const double low = near ? -30 : least, high = near ? 14 : most;
  const double both = 2 * u - 1, size = low + (high - low) * std::fabs(both);
  return static_cast<double>(static_cast<T>(std::copysign(std::exp2(size), both)));
}

template <class T>
MeasuredUnits measure(const ExactOp& op, DType dtype) {
  constexpr std::uint64_t count = 30000;
  const std::size_t arity = example_of(op).inputs.size();
  std::vector<double> numbers;
  for (std::uint64_t place = 1; place <= count; ++place) {
    std::vector<double> row;
    for (std::size_t k = 0; k < arity; ++k) row.push_back(spread<T>(place, k));
    if (row[0] > op.low) numbers.insert(numbers.end(), row.begin(), row.end());
  }
  const std::vector<double> results = results_of(op, numbers, dtype);
  MeasuredUnits found;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::span<const double> row(numbers.data() + i * arity, arity);
    const double off = units_off(op, {row, dtype}, results[i]);
    if (off > found.worst) found = {off, {row.begin(), row.end()}};
  }
  return found;
}

}  // namespace

long double ExactInputs::rounded(long double value) const {
  return dtype == float32 ? Exact(static_cast<float>(value)) : Exact(static_cast<double>(value));
}

std::span<const ExactOp> exact_ops() {
  static const std::vector<ExactOp> all = [] {
    std::vector<ExactOp> rows;
    for (const auto& part :
         {detail::exact_arithmetic(), detail::exact_choices(), detail::exact_functions(), detail::exact_activations()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

std::vector<double> special_numbers(DType dtype) {
  std::vector<double> all;
  const auto add = [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    for (const T size : {T(0), Limits::denorm_min(), Limits::min(), T(1), Limits::max(), Limits::infinity()})
      for (const T v : {size, -size}) all.push_back(static_cast<double>(v));
  };
  dtype == float32 ? add(0.f) : add(0.);
  all.push_back(std::numeric_limits<double>::quiet_NaN());
  return all;
}

double units_off(const ExactOp& op, const ExactInputs& x, double result) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const Exact exact = op.value(x);
  if (std::isnan(exact) || std::isnan(result)) return std::isnan(exact) && std::isnan(result) ? 0 : never;
  const bool cancels = op.units == ExactOp::Units::of_largest;
  if (std::signbit(exact) != std::signbit(result) && !cancels) return never;
  return x.dtype == float32 ? units_off_as<float>(op, x, exact, result) : units_off_as<double>(op, x, exact, result);
}

Example example_of(const ExactOp& op) {
  for (const OpEntry& entry : all_ops()) {
    if (entry.name != op.name) continue;
    for (Example& example : entry.examples())
      if (example.label == op.label) return std::move(example);
  }
  detail::fail<ArgumentError>("exact_ops",
                              fmt::format("expected an example of an op in all_ops(), got {} {}", op.name, op.label));
}

std::vector<double> results_of(const ExactOp& op, const std::vector<double>& numbers, DType dtype) {
  const Example example = example_of(op);
  const std::size_t arity = example.inputs.size(), rows = numbers.size() / arity;
  std::vector<Tensor> inputs;
  for (std::size_t k = 0; k < arity; ++k) {
    std::vector<double> column(rows);
    for (std::size_t i = 0; i < rows; ++i) column[i] = numbers[i * arity + k];
    const bool condition = op.name == "where" && k == 0;
    inputs.push_back(cast(from_vector(column), condition ? boolean : dtype));
  }
  const RecordingGuard off(false);
  return example.call(inputs).to_vector();
}

MeasuredUnits measure_units(const ExactOp& op, DType dtype) {
  return dtype == float32 ? measure<float>(op, dtype) : measure<double>(op, dtype);
}

}  // namespace gradus
