#pragma once

#include "gradus/autograd/scan.h"
#include "gradus/graph/node.h"
#include "gradus/graph/scope.h"
#include "gradus/graph/step_kernel.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradus::detail {

/// An op of a recorded body; tensors by their numbers among Program::values, -1 for one left out.
struct ProgramOp {
  const OpClass* op;
  std::shared_ptr<const std::byte> attributes;
  std::vector<int> inputs, outputs;
  CallSite site;
  const graph::Scope* scope;
};

/// Memory that values of a step lie in: of one tensor, without gaps.
struct Base {
  enum class Kind : std::uint8_t { carry, x, captured, result };
  Kind kind;
  int index;  // among those of its kind
  std::int64_t size;
  bool hoisted;          // the same whatever the carry
  bool active;           // a gradient reaches it
  bool kept = false;     // its numbers are kept for all steps: a rule needs them
  bool stacked = false;  // its gradient is
  bool sole = false;     // each number of its gradient comes from one place: it is written once, not summed
  int shares = -1;       // the base whose gradient is its own too
  std::int64_t place = 0, gradient_place = 0;  // where it begins, in the array of one step or of all
};

/// A tensor of a step: where in its base it lies.
struct Value {
  int base;
  std::int64_t offset;
  Shape shape, strides;
};

/// Rows of n numbers of up to three operands.
struct Rows {
  std::int64_t n = 0;
  std::array<std::int64_t, 3> strides{};
  std::vector<std::array<std::int64_t, 3>> offsets;

  bool together() const { return strides == std::array<std::int64_t, 3>{1, 1, 1}; }
};

struct MatrixLayout {
  std::int64_t rows, columns, row_stride, column_stride;
};

/// An op that computes: y = f(a, b), or y = a b + c; numbers of values.
struct Instruction {
  const StepKernel* kernel;
  const void* attributes;
  int y, a, b = -1, c = -1;
  Rows rows{};                   // elementwise
  MatrixLayout left{}, right{};  // product
  bool stackable = false;        // rows of `a` of all steps are those of one matrix
  unsigned passed = 0;           // bits of inputs that share the gradient of y

  bool is_product() const { return kernel->kind != StepKernel::Kind::elementwise; }
};

/// The body of a scan as it ran once: its ops, and how they are run again on plain memory.
struct Program {
  DType dtype;
  bool recording;
  std::vector<ProgramOp> ops;
  std::vector<Base> bases;
  std::vector<Value> values;   // first the carry, then x
  std::vector<int> carry, ys;  // results
  std::size_t carries, xs;
  List captured;
  std::vector<std::uint32_t> versions;  // of what is captured
  std::vector<int> captured_values;
  std::vector<Instruction> instructions;
  std::vector<Rows> carry_rows, y_rows;             // from a result to an array of its own
  std::vector<std::int64_t> slot_size;              // of each base: from a step's numbers to those of the next, or 0
  std::int64_t kept_size = 0, passing_size = 0;     // numbers of carry and results: of each step, and of one alone
  std::int64_t summed_size = 0;                     // of those gradients of one step that are summed
  std::int64_t scratch_size = 0, stacked_size = 0;  // of all of them, and of those kept for each step

  const Base& base_of(int value) const { return bases[static_cast<std::size_t>(at(value).base)]; }
  const Value& at(int value) const { return values[static_cast<std::size_t>(value)]; }
  /// Numbers of `slots` steps.
  std::int64_t memory_size(std::int64_t slots) const { return kept_size * slots + passing_size; }
  bool active = false;  // a gradient reaches anything
};

/// Writes down the ops of one call of a body.
class Recording final : public OpWatch {
 public:
  Recording(std::span<const Tensor> carry, std::span<const Tensor> x);

  void begin() override { asked_ = false; }
  bool replaces(const OpCall&, Tensors&) override {
    asked_ = true;
    recorded_ = context.recording;
    return false;
  }
  void end(const OpCall& call) override;

  /// The program of a body that gave these; null if it can't be run on plain memory.
  std::shared_ptr<Program> finish(std::span<const Tensor> carry, std::span<const Tensor> ys);

 private:
  struct Seen {
    int value;
    std::uint32_t version;
  };
  int enter(const Tensor& x, Base::Kind kind, int index);
  int number_of(const Tensor& x);
  bool add(const OpCall& call);
  bool add_outputs(const OpCall& call, ProgramOp& op);
  bool unchanged() const;

  std::shared_ptr<Program> program_;
  bool asked_ = false, recorded_ = false, fits_ = true;
  List kept_;  // what values were, so that no other tensor takes its place
  std::unordered_map<const TensorImpl*, Seen> numbers_;
};

}  // namespace gradus::detail
