#include "gradus/autograd/checkpoint.h"

#include "gradients.h"

#include "gradus/tensor/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

namespace gradus {
namespace {

thread_local bool recomputing = false;

}  // namespace

bool is_recomputing() { return recomputing; }

namespace detail {
namespace {

/// Where a segment begins.
List enter(std::span<const Tensor> xs, CallSite site) {
  List at;
  for (const Tensor& x : xs) at.push_back(has_node(x) ? fresh_argument(x, true, site) : x);
  return at;
}

/// Collects what ops use of the tape up to `start`.
class Captures final : public OpWatch {
 public:
  explicit Captures(std::uint64_t start) : start_(start) {}

  void end(const OpCall& call) override {
    for (const Tensor* x : call.inputs) add(*x);
  }
  void add(const Tensor& x) {
    if (has_node(x) && node_of(x)->id() <= start_ && seen_.emplace(node_of(x), x.raw()->output).second)
      found.push_back(x);
  }
  /// GradientError if results depend on anything that no op was seen to use.
  void check(std::span<const Tensor> ys, std::span<const Tensor> at, CallSite site) const {
    std::set<const Node*> known;
    std::vector<const Node*> open;
    for (const Tensor& x : at)
      if (has_node(x)) known.insert(node_of(x));
    for (const Tensor& y : ys)
      if (has_node(y)) open.push_back(node_of(y));
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      if (node->id() <= start_ || !known.insert(node).second) continue;
      for (const Edge& edge : node->inputs()) {
        if (edge.node == nullptr) continue;
        if (edge.node->id() > start_)
          open.push_back(edge.node);
        else if (!seen_.contains({edge.node, edge.output}))
          fail<GradientError>("checkpoint",
                              "expected a function that uses tensors from before it in ops, got "
                              "one that differentiates a graph from before it",
                              site);
      }
    }
  }
  /// GradientError if a tensor was used that is none of those of the first call, and would get no gradient.
  void expect_among(const List& known) const {
    for (const Tensor& x : found) {
      const bool is_known = std::any_of(known.begin(), known.end(), [&](const Tensor& k) {
        return has_node(k) && node_of(k) == node_of(x) && k.raw()->output == x.raw()->output;
      });
      if (!is_known)
        fail<GradientError>("checkpoint",
                            "expected a function that uses the same tensors each time, got one that "
                            "uses another in the backward pass");
    }
  }
  List found;

 private:
  std::uint64_t start_;
  std::set<std::pair<const Node*, std::uint32_t>> seen_;
};

/// A segment, and its surroundings at the first call.
struct Segment {
  Function f;
  std::size_t inputs;
  Generator generator;
  Context context;
  List results;  // of the first call, until they are handed over
};

/// While it lives things are as they were at a segment's first call.
class Surroundings {
 public:
  explicit Surroundings(const Segment& s)
      : generator_(std::exchange(default_generator(), s.generator)),
        context_(std::exchange(context, s.context)),
        recomputing_(std::exchange(recomputing, true)) {
    context.recording = true;
  }
  ~Surroundings() {
    recomputing = recomputing_;
    default_generator() = generator_;
    context = context_;
  }
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;

 private:
  Generator generator_;
  Context context_;
  bool recomputing_;
};

/// Inputs of the node are those of the segment, then what it captured.
struct Checkpoint : Op {
  static constexpr OpInfo info{
      .name = "checkpoint", .arity = kVariadic, .saves = Saves::inputs, .outputs = kMostResults, .flops = 0};
  std::shared_ptr<Segment> segment;

  Tensors forward(std::span<const Tensor> xs) const {
    List ys = std::exchange(segment->results, {});
    if (ys.empty()) ys = segment->f(xs.first(segment->inputs));
    Tensors results;
    for (const Tensor& y : ys) results.push_back(detach(y));
    return results;
  }

  Cotangents vjp(const Pullback& p) const {
    const bool further = is_recording();
    const auto n = static_cast<int>(segment->inputs);
    List inputs, sources, ys, from, with;
    std::uint64_t start = 0;
    {
      const RecordingGuard on(true);  // saved tensors come with their nodes
      for (int i = 0; i < n; ++i) inputs.push_back(p.in(i));
      for (int i = n; i < p.arity(); ++i) sources.push_back(p.in(i));
      const Surroundings first(*segment);
      start = newest_id();
      inputs = enter(inputs, context.site);
      Captures used(start);
      ys = segment->f(inputs);
      for (const Tensor& y : ys) used.add(y);
      sources.insert(sources.begin(), inputs.begin(), inputs.end());
      used.expect_among(sources);
    }
    bool same = ys.size() == p.all.size();
    for (std::size_t k = 0; same && k < ys.size(); ++k) {
      if (!p.all[k].defined()) continue;
      same = ys[k].shape() == p.all[k].shape() && ys[k].dtype() == p.all[k].dtype();
      from.push_back(std::move(ys[k]));
      with.push_back(p.all[k]);
    }
    if (!same)
      fail<GradientError>("checkpoint",
                          "expected a function that gives the same shapes and types each time, got "
                          "others in the backward pass");
    return partial_gradients(start, from, sources, with, {.create_graph = further});
  }
};

}  // namespace

bool is_checkpoint(const OpClass& op) { return &op == &op_class<Checkpoint>; }

List checkpoint(Function f, std::span<const Tensor> xs, CallSite site) {
  if (!is_recording()) return f(xs);
  const auto segment = std::make_shared<Segment>(Segment{std::move(f), xs.size(), default_generator(), context, {}});
  List inputs(xs.begin(), xs.end());
  {
    const std::uint64_t start = newest_id();
    const List at = enter(xs, site);
    Captures captures(start);
    List ys = segment->f(at);
    if (ys.size() > kMostResults)
      fail<ArgumentError>("checkpoint",
                          fmt::format("expected a function with at most {} results, got {}", kMostResults, ys.size()),
                          site);
    for (const Tensor& y : ys) {
      captures.add(y);
      if (!is_floating(y.dtype()))
        fail<DTypeError>(
            "checkpoint", fmt::format("expected results of float32 or float64, got {}", to_string(y.dtype())), site);
    }
    captures.check(ys, at, site);
    inputs.insert(inputs.end(), captures.found.begin(), captures.found.end());
    for (const Tensor& y : ys) segment->results.push_back(without_attachment(y));
  }
  const Tensors ys = apply_list(Checkpoint{{}, segment}, inputs, site);
  return {ys.begin(), ys.end()};
}

}  // namespace detail
}  // namespace gradus
