#pragma once

#include "scan/program.h"

#include <cstdint>
#include <vector>

namespace gradus::detail {

/// For each base of a program, where its numbers of a step lie.
template <class T>
struct Places {
  std::vector<T*> first;  // those of slot 0
  std::vector<std::int64_t> stride;

  T* at(int base, std::int64_t slot) const {
    const auto b = static_cast<std::size_t>(base);
    return first[b] + slot * stride[b];
  }
};

template <class T>
struct Matrix {
  T* data;
  MatrixLayout layout;

  Matrix transposed() const { return {data, {layout.columns, layout.rows, layout.column_stride, layout.row_stride}}; }
  /// Whether rows lie together, as gemm's result must.
  bool by_rows() const {
    return (layout.columns == 1 || layout.column_stride == 1) &&
           (layout.rows == 1 || layout.row_stride >= layout.columns);
  }
  std::int64_t distance() const {
    return by_rows() ? (layout.rows == 1 ? layout.columns : layout.row_stride)
                     : (layout.columns == 1 ? layout.rows : layout.column_stride);
  }
};

/// Runs a program on the memory of some steps, a slot each, which lie in the order of their xs.
template <class T>
class Replay {
 public:
  /// Carry and results lie in `memory`, of p.memory_size(slots) numbers; xs and what is captured are set by `values`.
  Replay(const Program& p, std::int64_t slots, T* memory);

  Places<T> values;
  /// All null until `set_gradients`; those of xs and of what is captured are set by its user, null where not wanted.
  Places<T> gradients;
  /// Room of scratch_size numbers, of which the first summed_size are to be 0 before each step, and of slots *
  /// stacked_size.
  void set_gradients(T* scratch, T* stacked);

  /// What does not depend on the carry, of `count` slots from `from` on.
  void prepare(std::int64_t from, std::int64_t count);
  /// The rest of one step.
  void forward(std::int64_t slot);
  /// From gradients of results to those of what they were made from, all added up.
  void backward(std::int64_t slot);
  /// What `backward` leaves for all slots at once.
  void finish(std::int64_t from, std::int64_t count);

  /// A value of a slot, in an array without gaps, and the way back: its gradient, added; null stands for zeros.
  void copy_out(int value, const Rows& rows, std::int64_t slot, T* array) const;
  void add_gradient(int value, const Rows& rows, std::int64_t slot, const T* array) const;

 private:
  void elements(const Instruction& s, std::int64_t slot);
  void elements_back(const Instruction& s, std::int64_t slot);
  void product(const Instruction& s, std::int64_t slot, std::int64_t count);
  void product_back(const Instruction& s, std::int64_t slot, std::int64_t count, bool of_input, bool of_captured);
  /// The right factor of a product, or that transposed; by rows if it is the same in all steps.
  Matrix<T> right(const Instruction& s, std::int64_t slot, bool transposed);
  bool in_one(const Instruction& s) const;
  bool adds(int value) const { return value >= 0 && !p_.base_of(value).sole; }
  bool wants(int value) const { return value >= 0 && gradients.at(p_.at(value).base, 0) != nullptr; }
  T* start(const Places<T>& places, int value, std::int64_t slot) const {
    return places.at(p_.at(value).base, slot) + p_.at(value).offset;
  }

  const Program& p_;
  std::int64_t slots_;
  std::vector<std::vector<T>> turned_;  // right factors and those transposed, where they do not lie by rows
  std::vector<T> rows_;                 // room for rows of operands that do not lie together
};

}  // namespace gradus::detail
