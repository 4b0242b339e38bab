#include "special.h"

#include "command.h"

#include "gradus/ops/exact.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

using Numbers = std::vector<double>;

constexpr const char* kSizes[] = {"0", "least subnormal", "least normal", "1", "largest", "inf"};

/// The names of special_numbers().
std::vector<std::string> special_names() {
  std::vector<std::string> names;
  for (const char* size : kSizes)
    for (const char* sign : {"", "-"}) names.push_back(std::string(sign) + size);
  names.emplace_back("nan");
  return names;
}

/// The exact value in few digits, as a number of the dtype; "wrong" behind it where the result is another.
std::string spelled(const ExactOp& op, const ExactInputs& x, double result, bool& right) {
  const auto value = static_cast<double>(x.rounded(op.value(x)));
  const bool is_right = units_off(op, x, result) <= op.ulp(x.dtype);
  right = right && is_right;
  const std::string text = value != value ? "nan" : fmt::format("{:.6g}", value);
  return is_right ? text : fmt::format("{}, wrong: {:.6g}", text, result);
}

bool print_unary(const ExactOp& op) {
  bool right = true;
  const std::vector<std::string> names = special_names();
  std::vector<std::vector<std::string>> columns;
  for (const DType dtype : {float32, float64}) {
    const Numbers numbers = special_numbers(dtype), results = results_of(op, numbers, dtype);
    std::vector<std::string>& column = columns.emplace_back();
    for (std::size_t i = 0; i < numbers.size(); ++i)
      column.push_back(spelled(op, {{&numbers[i], 1}, dtype}, results[i], right));
  }
  fmt::print("  {:<18}{:<16}{}\n", "x", "float32", "float64");
  for (std::size_t i = 0; i < names.size(); ++i)
    fmt::print("  {:<18}{:<16}{}\n", names[i], columns[0][i], columns[1][i]);
  return right;
}

constexpr double kThird = 0.5;

/// For pairs of a few numbers, in float64 (float32 gives the same ones); a third input is 1/2.
bool print_pairs(const ExactOp& op, std::size_t arity) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Numbers few{0, -0.0, 1, -1, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()};
  bool right = true;
  fmt::print("  {:<6}", "a \\ b");
  for (const double b : few) fmt::print(" {:>10.6g}", b);
  fmt::print("{}\n", arity > 2 ? "   (c is 0.5)" : "");
  for (const double a : few) {
    Numbers numbers;
    for (const double b : few) {
      const double all[] = {a, b, kThird};
      numbers.insert(numbers.end(), all, all + arity);
    }
    const Numbers results = results_of(op, numbers, float64);
    fmt::print("  {:<6.6g}", a);
    for (std::size_t i = 0; i < few.size(); ++i)
      fmt::print(" {:>10}", spelled(op, {std::span(numbers).subspan(i * arity, arity), float64}, results[i], right));
    fmt::print("\n");
  }
  return right;
}

bool print_element(const ExactOp& op) {
  fmt::print("{}{}{}\n", op.name, op.label.empty() ? "" : ", ", op.label);
  const std::size_t arity = example_of(op).inputs.size();
  bool right = arity == 1 ? print_unary(op) : print_pairs(op, arity);
  fmt::print("  units in the last place");
  for (const DType dtype : {float32, float64}) {
    const MeasuredUnits found = measure_units(op, dtype);
    const bool within = found.worst <= op.ulp(dtype);
    right = right && within;
    fmt::print("{} {} allowed, {:.2f} measured in {}{}",
               dtype == float32 ? "" : ";",
               op.ulp(dtype),
               found.worst,
               to_string(dtype),
               within ? "" : " (wrong)");
  }
  constexpr const char* of[] = {"", " (of 2^10 times the least normal number, or larger)", " (of the largest term)"};
  fmt::print("{}\n", of[static_cast<int>(op.units)]);
  return right;
}

void print_rows(std::string_view name) {
  for (const RowOp& op : row_ops()) {
    if (op.name != name) continue;
    for (const RowOp::Row& row : op.rows)
      fmt::print("  {:<24}({}) gives ({})\n", op.call, fmt::join(row.numbers, ", "), fmt::join(row.result, ", "));
  }
}

/// What NaN does in ops of many elements.
void print_reach(std::string_view name) {
  for (const NanNote& note : nan_notes())
    if (note.name == name) {
      const bool stops = note.kind == NanNote::Kind::stops;
      fmt::print("  NaN in an element {}: {}\n",
                 stops ? "may leave numbers in results that depend on it" : "may reach results that it has no part in",
                 note.reason);
      return;
    }
  fmt::print("  NaN in an element reaches each result that depends on it, or is refused, and no other\n");
}

}  // namespace

bool print_special(std::string_view filter) {
  int shown = 0, wrong = 0;
  for (const OpEntry& entry : all_ops()) {
    const std::string_view name = entry.name;
    if (name.find(filter) == std::string_view::npos) continue;
    ++shown;
    bool by_element = false, right = true;
    for (const ExactOp& op : exact_ops()) {
      if (op.name != name) continue;
      by_element = true;
      right = print_element(op) && right;
    }
    if (!by_element) {
      fmt::print("{}\n", name);
      print_rows(name);
      print_reach(name);
    }
    wrong += right ? 0 : 1;
    std::fflush(stdout);
  }
  if (shown == 0)
    throw UsageError(
        fmt::format("ops: {}", gradus::detail::unknown_word("a part of the name of an op", filter, all_ops())));
  fmt::print("{} ops, {} wrong\n", shown, wrong);
  return wrong == 0;
}

}  // namespace gradus::cli
