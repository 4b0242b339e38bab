#pragma once

#include "onnx/save/sizes.h"
#include "onnx/save/trace.h"

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace gradus::onnx {

struct NodeAttribute {
  const char* name;
  std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>> value;
};

struct DraftNode {
  std::string type, name;
  std::vector<std::string> inputs, outputs;
  std::vector<NodeAttribute> attributes;
};

/// A size of a value that varies.
struct SizeAtom {
  int value;
  int axis;
  Sizes sizes;
};

class OpWriter;

/// The recordings of one model, one beside the other, and the graph that is made of them.
class GraphWriter {
 public:
  /// `names` are those of constants, by their arrays; `outer` is the scope around the model.
  ///   errors    ArgumentError where the recordings differ in more than sizes
  GraphWriter(std::vector<Trace> traces, std::map<const void*, std::string> names, const graph::Scope* outer);

  /// Writes the nodes of every op that the results need.
  ///   errors    ArgumentError that lists all that ONNX can't say
  void write(std::span<const std::string> inputs);
  /// Gives the results these names.
  void name_results(std::span<const std::string> names);
  /// From opset 18 on all reductions take their axes as an input.
  void use_opset(std::int64_t opset);
  /// Takes away nodes and constants that nothing uses.
  void prune();

  const std::vector<DraftNode>& nodes() const { return nodes_; }
  const std::vector<std::pair<std::string, Tensor>>& constants() const { return constants_; }

  // ---- the recordings ----
  const Trace& trace(std::size_t recording) const { return traces_[recording]; }
  const TracedOp& op(std::size_t recording, std::size_t op) const { return traces_[recording].ops[op]; }
  int rank(int value) const { return tensor(value).rank(); }
  DType dtype(int value) const { return tensor(value).dtype(); }
  Sizes size(int value, int axis) const;
  std::vector<Sizes> shape(int value) const;
  /// The op that gave it, or -1.
  int giver_of(int value) const { return givers_[static_cast<std::size_t>(value)]; }
  /// True if a result depends on it.
  bool is_needed(int value) const { return value >= 0 && needed_[static_cast<std::size_t>(value)]; }
  /// What a value is in every recording, if it depends on no input and no size; else undefined.
  Tensor fixed_value(int value) const;
  std::string name_of_constant(int value) const;

  // ---- the graph ----
  /// The name of a value; a constant is put into the graph when it is first asked for.
  std::string value(int value);
  bool has_name(int value) const { return !names_[static_cast<std::size_t>(value)].empty(); }
  void name(int value, const std::string& name) { names_[static_cast<std::size_t>(value)] = name; }
  /// Of a value [T, *] of which ONNX gives only the last step that was computed: its name, and whether that is the
  /// first along the axis.
  struct LastStep {
    std::string name;
    bool is_first;
  };
  void name_last(int value, LastStep step) { last_[value] = std::move(step); }
  /// Null where there is none.
  const LastStep* last_of(int value) const;

  std::string constant(const Tensor& x, const std::string& base);
  std::string scalar(double value, DType dtype);
  std::string list(std::vector<std::int64_t> values);
  /// Whole numbers as a tensor of rank 1, computed from sizes where they vary.
  std::string list_of(std::span<const Sizes> sizes, std::vector<SizeAtom> atoms, OpWriter& op);
  std::vector<std::string> add(const char* type,
                               const TracedOp& op,
                               std::vector<std::string> inputs,
                               std::vector<NodeAttribute> attributes,
                               std::size_t results);

 private:
  const Tensor& tensor(int value) const { return traces_[0].values[static_cast<std::size_t>(value)]; }
  void check_same_ops() const;
  void find_needed();
  void write_op(std::size_t op);
  void refused(const TracedOp& op, const std::string& why);
  void report() const;
  std::string made_constant(int value);
  std::string varying_constant(int value, const std::string& base);
  std::vector<SizeAtom> atoms(bool of_all) const;
  std::string size_name(const Sizes& sizes, const std::vector<SizeAtom>& atoms, OpWriter& op);
  std::string atom_name(const SizeAtom& atom, OpWriter& op);
  std::string unique(const std::string& base);
  std::string base_of(const TracedOp& op) const;

  std::vector<Trace> traces_;
  std::map<const void*, std::string> constant_names_;
  const graph::Scope* outer_;
  std::vector<int> givers_;
  std::vector<bool> needed_, needed_ops_, from_input_;
  std::vector<std::string> names_;
  std::map<int, LastStep> last_;
  std::map<std::pair<int, int>, std::string> atom_names_;
  std::map<std::vector<std::int64_t>, std::string> lists_;
  std::map<std::pair<double, DType>, std::string> scalars_;
  std::vector<DraftNode> nodes_;
  std::vector<std::pair<std::string, Tensor>> constants_;
  std::set<std::string> taken_, result_names_;
  OpWriter* writing_ = nullptr;

  struct Refusal {
    std::string op, why, place;
    int count;
  };
  std::vector<Refusal> refusals_;
};

}  // namespace gradus::onnx
