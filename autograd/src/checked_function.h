#pragma once

#include "gradients.h"

#include "gradus/tensor/random.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gradus::detail {

using Row = std::vector<double>;

/// What is checked: a function, where, and how its inputs and results are called.
struct CheckedFunction {
  Function f;
  List xs;                          // floating ones float64
  std::vector<std::size_t> moved;   // the floating ones
  std::vector<std::string> inputs;  // names
  std::string result;               // name
  bool differentiates = false;      // f needs its inputs on the tape, for derivatives of its own

  /// f(xs), recorded only if f can't do without.
  List values(std::span<const Tensor> xs) const;
};
/// DTypeError, named by `what`, if nothing is floating.
CheckedFunction checked_function(const Function& f, std::span<const Tensor> xs, const char* what, CallSite site);
/// The next order: (x, c) -> the gradients of <c, f(x)>, at a random c.
CheckedFunction gradient_of(const CheckedFunction& s, Generator& random);

/// 0.5 … 1 in size, of either sign: no entry escapes notice, none dominates.
Row draw_row(std::size_t n, Generator& random);

/// f on the tape, for as many vjps as wanted.
class RecordedCall {
 public:
  explicit RecordedCall(const CheckedFunction& s);

  /// Entries of all results.
  std::size_t size() const { return size_; }
  const List& results() const { return ys_; }
  /// All results in one row.
  Row values() const;
  /// The inputs that are moved.
  const List& inputs() const { return leaves_; }
  /// J^T c, all inputs in one row.
  Row pull(const Row& c) const;
  /// The first input that was changed in place, or whether the result was.
  std::optional<std::string> changed(const CheckedFunction& s) const;

 private:
  List inputs_, at_, leaves_, ys_, values_;
  std::vector<std::uint32_t> versions_;
  std::size_t size_ = 0;
};

/// Which tensor, and which index there, for a place in a row of several tensors.
std::pair<int, Shape> locate(const List& tensors, std::size_t i);

}  // namespace gradus::detail
