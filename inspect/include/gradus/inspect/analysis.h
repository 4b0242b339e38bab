#pragma once

#include "gradus/inspect/view.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
/// What can be learnt from a recorded graph. Nodes are named by their places in the view.
namespace gradus::graph {

/// A chain of nodes, each of which uses the one before.
struct Path {
  std::vector<std::size_t> nodes;
  double weight = 0;  // of all of them
};

/// The chain of the greatest weight, which no parallel machine gets below. Weights may not be negative.
Path critical_path(const View& view, const Weight& weight = &NodeInfo::flops);

/// No node.
inline constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// For each node the next one on its way that every way from it to the results passes; kNone where
/// there is none. What lies between a node and its dominator matters to nobody else.
std::vector<std::size_t> dominators(const View& view);

/// The nodes whose results, taken together, weigh least among those that separate `from` from `to`:
/// every way from one to the other passes one of them. `to` itself is never among them; `from` may be.
///   errors    IndexError for a place outside the view; ArgumentError if they are the same node
struct Cut {
  std::vector<std::size_t> nodes;
  double weight = 0;
};
Cut min_cut(const View& view, std::size_t from, std::size_t to, const Weight& weight = &NodeInfo::bytes);

// ---- what is left out ---------------------------------------------------------------------------

/// Notes all ops that run on this thread while it lives, also those that leave no node, and keeps their
/// tensors alive to know them again: for a look at one pass, not for a training run.
class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Ops so far.
  std::size_t size() const;

 private:
  friend struct TraceReader;
  struct Data;
  std::unique_ptr<Data> data_;
};

/// A parameter that the results' gradient does not reach.
struct Unreached {
  std::size_t parameter = 0;  // its place among those asked for
  std::string label;
  std::string why;      // "used, but the way to the result is cut by argmax in net.fc at model.cpp:38"
  const char* op = "";  // that cuts the way; empty if not known
  CallSite site;
};

/// Those of the parameters that are not behind the results of the view. Where the way is cut only the
/// trace knows, if it was made around the forward pass.
std::vector<Unreached> unreached_parameters(const View& view,
                                            std::span<const Tensor> parameters,
                                            const Trace* trace = nullptr);
template <class T>
std::vector<Unreached> unreached_parameters(const View& view,
                                            const std::vector<T>& parameters,
                                            const Trace* trace = nullptr) {
  const std::vector<Tensor> list(parameters.begin(), parameters.end());
  return unreached_parameters(view, std::span<const Tensor>(list), trace);
}
/// "fc2.weight: never used".
std::string to_string(const Unreached& parameter);

/// An op that was recorded, but that the results do not use.
struct DeadResult {
  const char* op = "";
  const Scope* scope = nullptr;
  CallSite site;
  std::int64_t bytes = 0;  // of its results
  double flops = 0;
};
std::vector<DeadResult> dead_results(const View& view, const Trace& trace);

// ---- checkpoints --------------------------------------------------------------------------------

/// Which parts of a forward pass to compute again in the backward pass, and
/// what that is expected to save. Bytes are those kept for rules, without parameters.
struct CheckpointPlan {
  /// A run of ops with one result that others use.
  struct Segment {
    std::size_t first = 0, last = 0;   // its first and last op, by their places in the view
    std::vector<const Scope*> layers;  // the outermost that lie wholly in it, in order
    std::int64_t drops = 0;            // bytes that are not kept any more
    std::int64_t keeps = 0;            // bytes of its inputs, if nothing else keeps them
    double flops = 0;                  // computed again
  };
  std::vector<Segment> segments;  // in order; without common ops
  std::int64_t budget = 0;
  std::int64_t before = 0;  // kept without checkpoints
  std::int64_t after = 0;   // kept with them, at the end of the forward pass
  std::int64_t peak = 0;    // the most that is kept while the backward pass computes a segment again
  double flops = 0;         // of the forward pass
  double recomputed = 0;    // of it, once more
  bool fits = false;        // peak <= budget
};

/// The plan that computes least again among those whose peak meets the budget; if none does, the one
/// with the least peak. Segments end where a single tensor leads on (`dominators`) and never inside a
/// layer without layers in it.
///   source    Chen et al. 2016, arXiv:1604.06174, of which this is the search over segment sizes
CheckpointPlan suggest_checkpoints(const View& view, std::int64_t budget);

/// A printable account.
std::string to_string(const CheckpointPlan& plan);

}  // namespace gradus::graph
GRADUS_EXPORT_END
