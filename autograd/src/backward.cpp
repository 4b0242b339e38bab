#include "gradus/autograd/backward.h"

#include "gradients.h"

#include "gradus/ops/arithmetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace gradus {
namespace {

template <class T>
using Vector = std::vector<T, detail::CachingAllocator<T>>;

std::string describe(const Tensor& x) { return std::string(to_string(x.dtype())) + " " + to_string(x.shape()); }

std::string describe(const Node& node, int output) {
  return std::string(to_string(node.dtype(output))) + " " + to_string(node.shape(output));
}

/// True for an array with memory of its own that nobody else sees: not shared with another gradient, not a
/// view, not repeated.
bool is_own(const Tensor& a) { return a.raw()->refs.unique() && a.raw()->storage->refs.unique() && a.is_contiguous(); }

/// a + b, into a's own memory where nobody else sees it.
Tensor add_up(Tensor a, const Tensor& b) {
  if (!a.defined()) return b;
  if (!is_own(a) || is_recording()) return a + b;
  detail::add_in_place(a, b);
  return a;
}

/// Nodes to be visited, the newest first: by ids, which grow along the tape.
class Pending {
 public:
  bool empty() const { return next_.id == 0 && at_ == run_.size() && heap_.empty(); }
  void push(std::uint64_t id, std::uint32_t slot) {
    Entry e{id, slot};
    if (id > newest_waiting()) std::swap(e, next_);
    if (e.id == 0) return;
    if (at_ == run_.size()) {
      run_.clear();
      at_ = 0;
    }
    if (run_.empty() || e < run_.back()) {
      run_.push_back(e);
    } else {
      heap_.push_back(e);
      std::push_heap(heap_.begin(), heap_.end());
    }
  }
  std::uint32_t pop() {
    if (next_.id != 0) return std::exchange(next_, {}).slot;
    if (heap_.empty() || (at_ < run_.size() && heap_.front() < run_[at_])) return run_[at_++].slot;
    std::pop_heap(heap_.begin(), heap_.end());
    const Entry e = heap_.back();
    heap_.pop_back();
    return e.slot;
  }

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::uint32_t slot = 0;
    friend bool operator<(const Entry& a, const Entry& b) { return a.id < b.id; }
  };
  std::uint64_t newest_waiting() const {
    if (next_.id != 0) return next_.id;
    const std::uint64_t in_run = at_ < run_.size() ? run_[at_].id : 0;
    return heap_.empty() ? in_run : std::max(in_run, heap_.front().id);
  }
  Entry next_;         // the newest of all, if there is one: in a chain it is enough
  Vector<Entry> run_;  // those that came in order, from at_ on
  std::size_t at_ = 0;
  Vector<Entry> heap_;  // the others
};

/// One walk backward over the graph behind some results.
class Pass {
 public:
  /// To all leaves.
  explicit Pass(BackwardOptions options) : options_(options), id_(next_id()) {}
  /// To some tensors: only nodes on a way to one of these are visited, and their cotangents stay for `take`. Nodes up
  /// to `start` count as leaves, and what reaches a wanted tensor does not go on if `partial`.
  Pass(BackwardOptions options, std::span<const Tensor> wanted, bool partial = false, std::uint64_t start = 0)
      : options_(options),
        id_(next_id()),
        start_(start),
        oldest_(detail::newest_id()),
        partial_(partial),
        selective_(true),
        wanted_(wanted) {
    for (const Tensor& x : wanted)
      if (requires_grad(x)) oldest_ = std::min(oldest_, node_of(x)->id());
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  ~Pass() {
    for (const Slot& slot : slots_)
      if (slot.marked) slot.node->mark.store(0, std::memory_order_release);
  }

  /// Enters a result with its cotangent.
  void start(const Tensor& y, const Tensor& cotangent) {
    Tensor& place = cotangents_[slots_[enter(node_of(y))].first + y.raw()->output];
    place = add_up(std::move(place), cotangent);
  }

  void run() {
    const RecordingGuard recording(options_.create_graph);
    if (selective_) return run_selected();
    while (!pending_.empty()) {
      const std::uint32_t i = pending_.pop();
      leave(i);
      visit(i);
      const Slot& slot = slots_[i];
      if (slot.node->is_leaf())
        leaves_.push_back(i);
      else if (slot.node->output_count() == 1)
        free_.push_back(i);
    }
  }

  /// The cotangent of a wanted tensor; undefined where nothing reached it.
  Tensor take(const Tensor& x) {
    const std::size_t i = find(node_of(x));
    if (i == kAbsent) return {};
    const std::size_t at = slots_[i].first + x.raw()->output;
    return partial_ ? held_[at].cotangent : cotangents_[at];
  }

  /// Adds what reached the leaves to their gradients: to all, or, where memory is wanting, to none.
  void accumulate() {
    const RecordingGuard recording(options_.create_graph);
    std::erase_if(leaves_, [&](std::uint32_t i) { return !cotangents_[slots_[i].first].defined(); });
    if (options_.create_graph) return accumulate_recorded();
    for (const std::uint32_t i : leaves_) {
      if (Tensor& g = cotangents_[slots_[i].first]; !is_own(g)) g = clone(g);
      if (const Tensor old = leaf_of(i).gradient(); old.defined() && !old.is_contiguous()) {
        const Tensor rows = contiguous(old);
        leaf_of(i).update_gradient([&](Tensor now) { return now.is_same(old) ? rows : now; });
      }
    }
    for (const std::uint32_t i : leaves_)
      leaf_of(i).update_gradient([&g = cotangents_[slots_[i].first]](Tensor old) {
        if (!old.defined()) return std::move(g);
        if (!is_own(old)) old.swap(g);
        detail::add_in_place(old, g);
        return old;
      });
  }

 private:
  struct Slot {
    Node* node;
    std::uint32_t first;                  // of the cotangents of its results
    bool marked;                          // the node's mark is ours; otherwise it stands in others_
    bool wanted = false, passed = false;  // its cotangent is a result; it goes on to one
    bool needed = false;                  // either
  };
  /// A cotangent that does not go on.
  struct Held {
    bool wanted = false;
    Tensor cotangent{};
  };
  static constexpr std::size_t kAbsent = ~std::size_t{0};

  Leaf& leaf_of(std::uint32_t slot) const { return static_cast<Leaf&>(*slots_[slot].node); }

  /// The same where the sums are on the tape. Another thread may add to a leaf meanwhile; then its sum is made again.
  void accumulate_recorded() {
    Vector<Tensor> before, sums;
    const auto sum = [&](std::size_t k) {
      const Tensor& g = cotangents_[slots_[leaves_[k]].first];
      return before[k].defined() ? before[k] + g : g;
    };
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
      before.push_back(leaf_of(leaves_[k]).gradient());
      sums.push_back(sum(k));
    }
    for (std::size_t k = 0; k < leaves_.size(); ++k)
      for (bool done = false; !done;) {
        leaf_of(leaves_[k]).update_gradient([&](Tensor old) {
          done = old.is_same(before[k]);
          if (!done) before[k] = old;
          return done ? sums[k] : old;
        });
        if (!done) sums[k] = sum(k);
      }
  }

  /// Never 0, which marks a node that no pass holds.
  static std::uint32_t next_id() {
    static std::atomic<std::uint32_t> next{1};
    std::uint32_t id = 0;
    while (id == 0) id = next.fetch_add(1, std::memory_order_relaxed);
    return id;
  }

  /// What leads to a wanted tensor is known before the first rule runs.
  void run_selected() {
    Vector<std::uint32_t> order;
    while (!pending_.empty()) {
      const std::uint32_t i = order.emplace_back(pending_.pop());
      for (const Edge& edge : inputs_of(*slots_[i].node))
        if (edge.node != nullptr) enter(edge.node);
    }
    for (const Tensor& x : wanted_)
      if (requires_grad(x)) want(x);
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
      Slot& slot = slots_[*at];
      for (const Edge& edge : inputs_of(*slot.node))
        slot.passed = slot.passed || (edge.node != nullptr && slots_[find(edge.node)].needed);
      slot.needed = slot.wanted || slot.passed;
    }
    for (const std::uint32_t i : order)
      if (slots_[i].needed) visit(i);
  }

  void want(const Tensor& x) {
    const std::size_t i = find(node_of(x));
    if (i == kAbsent) return;
    slots_[i].wanted = true;
    if (!partial_) return;
    held_.resize(cotangents_.size());
    held_[slots_[i].first + x.raw()->output].wanted = true;
  }

  std::size_t find(const Node* node) const {
    const std::uint64_t mark = node->mark.load(std::memory_order_acquire);
    if (mark >> 32 == id_) return mark & 0xffffffff;
    if (others_.empty()) return kAbsent;
    const auto at = others_.find(node);
    return at == others_.end() ? kAbsent : at->second;
  }

  /// The node's slot, a new one where it has none.
  std::uint32_t enter(Node* node) {
    if (const std::size_t known = find(node); known != kAbsent) return static_cast<std::uint32_t>(known);
    const bool reused = !free_.empty() && node->output_count() == 1;
    const auto index = reused ? free_.back() : static_cast<std::uint32_t>(slots_.size());
    if (reused) {
      free_.pop_back();
      slots_[index] = {node, slots_[index].first, false};
    } else {
      slots_.push_back({node, static_cast<std::uint32_t>(cotangents_.size()), false});
      cotangents_.resize(cotangents_.size() + static_cast<std::size_t>(node->output_count()));
    }
    // Marked once there is a slot to say so.
    std::uint64_t mark = 0;
    const std::uint64_t mine = std::uint64_t{id_} << 32 | index;
    bool& marked = slots_[index].marked;
    if (!detail::single_threaded())
      marked = node->mark.compare_exchange_strong(mark, mine, std::memory_order_acq_rel);
    else if (marked = node->mark.load(std::memory_order_relaxed) == 0; marked)
      node->mark.store(mine, std::memory_order_relaxed);
    // Held by a pass on another thread, or by an outer pass whose hook runs this.
    if (!marked) others_.emplace(node, index);
    pending_.push(node->id(), index);
    return index;
  }

  /// Lets go of a node that nothing more reaches.
  void leave(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.marked)
      slot.node->mark.store(0, std::memory_order_release);
    else
      others_.erase(slot.node);
    slot.marked = false;
  }

  /// Ids grow along the tape, so there is no way to a wanted tensor behind the oldest of them.
  std::span<const Edge> inputs_of(const Node& node) const {
    return node.id() <= std::max(start_, oldest_) ? std::span<const Edge>() : node.inputs();
  }

  std::span<Tensor> cotangents_of(std::uint32_t index) {
    const Slot& slot = slots_[index];
    return {&cotangents_[slot.first], static_cast<std::size_t>(slot.node->output_count())};
  }

  void visit(std::uint32_t index) {
    const Slot slot = slots_[index];
    Node& node = *slot.node;
    const std::span<Tensor> all = cotangents_of(index);
    if (node.id() <= start_) return hold(slot, all);
    if (!reached(all)) return;
    const Surroundings surroundings(node);
    if (node.has_hooks()) run_hooks(node, all);
    hold(slot, all);
    if (node.is_leaf() || (selective_ && !slot.passed) || (partial_ && !reached(all))) return;
    if (node.op().vjp == nullptr)
      detail::fail<GradientError>(node.name(), "expected an op with a rule (vjp), got one without");
    // What a checkpoint runs is seen one by one.
    if (Tensor* const sum = own_sum(node); sum != nullptr)
      *sum = std::move(pull_back(node, all, sum)[0]);
    else
      distribute(node,
                 detail::is_checkpoint(node.op()) ? node.op().vjp(node.attributes(), Pullback(node, all))
                                                  : pull_back(node, all));
    if (!slot.wanted)
      for (Tensor& g : cotangents_of(index)) g.reset();  // they may have moved
    if (!options_.retain_graph && !options_.create_graph) node.release_saved();
  }

  static bool reached(std::span<const Tensor> all) {
    return std::any_of(all.begin(), all.end(), [](const Tensor& g) { return g.defined(); });
  }

  /// Puts wanted cotangents aside, if they are not to go on.
  void hold(const Slot& slot, std::span<Tensor> all) {
    if (!partial_ || !slot.wanted) return;
    for (std::size_t k = 0; k < all.size(); ++k)
      if (Held& held = held_[slot.first + k]; held.wanted) held.cotangent = std::move(all[k]);
  }

  /// What reached the first input so far, if the op can add to it in its memory.
  Tensor* own_sum(const Node& node) {
    if (node.op().add_to == nullptr) return nullptr;
    const Edge& edge = node.inputs()[0];
    const std::size_t i = find(edge.node);
    if (i == kAbsent) return nullptr;
    Tensor& place = cotangents_[slots_[i].first + edge.output];
    return place.defined() && is_own(place) ? &place : nullptr;
  }

  /// Runs the rule, or adds to `sum`; to those who watch, it is one op from cotangents to cotangents.
  static Cotangents pull_back(Node& node, std::span<const Tensor> all, Tensor* sum = nullptr) {
    const detail::Watched watched;
    const Pullback pullback(node, all);
    Cotangents result = sum == nullptr ? node.op().vjp(node.attributes(), pullback)
                                       : Cotangents{node.op().add_to(node.attributes(), pullback, std::move(*sum))};
    if (watched) {
      const Tensor* const cotangents[] = {&all[0]};
      watched.end({node.op(), node.attributes(), cotangents, {result.begin(), result.size()}, node.site()});
    }
    return result;
  }

  /// Errors and nodes in the rule carry the place of the op.
  struct Surroundings {
    explicit Surroundings(const Node& node) : outer(detail::context) {
      detail::context.site = node.site();
      detail::context.pinned = true;
      detail::context.scope = node.scope();
      detail::context.backward_of = node.name();
    }
    ~Surroundings() { detail::context = outer; }
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;
    detail::Context outer;
  };

  static void run_hooks(Node& node, std::span<Tensor> all) {
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (!all[k].defined()) continue;
      all[k] = node.run_hooks(static_cast<int>(k), std::move(all[k]));
      check(node, static_cast<int>(k), all[k], "a hook that returns");
    }
  }

  static void check(const Node& node, int output, const Tensor& g, const char* what) {
    if (g.dtype() == node.dtype(output) && g.shape() == node.shape(output)) return;
    detail::fail<GradientError>(
        detail::context.backward_of,
        fmt::format("expected {} a cotangent {}, got {}", what, describe(node, output), describe(g)));
  }

  void distribute(Node& node, const Cotangents& result) {
    const auto inputs = node.inputs();
    if (result.size() != inputs.size())
      detail::fail<GradientError>(
          node.name(), fmt::format("expected a rule that gives {} cotangents, got {}", inputs.size(), result.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Edge& edge = inputs[i];
      const Tensor& g = result[i];
      if (edge.node == nullptr || !g.defined()) continue;
      if (selective_ && !slots_[find(edge.node)].needed) continue;
      check(*edge.node, static_cast<int>(edge.output), g, "a rule that gives");
      const Slot& to = slots_[selective_ ? find(edge.node) : enter(edge.node)];
      Tensor& place = cotangents_[to.first + edge.output];
      place = add_up(std::move(place), g);
    }
  }

  BackwardOptions options_;
  std::uint32_t id_;
  std::uint64_t start_ = 0, oldest_ = 0;  // of the wanted ones, if there are any
  bool partial_ = false, selective_ = false;
  std::span<const Tensor> wanted_;
  Pending pending_;
  Vector<Slot> slots_;
  Vector<std::uint32_t> free_, leaves_;  // slots of nodes that were visited
  Vector<Tensor> cotangents_;
  Vector<Held> held_;  // beside them
  std::unordered_map<const Node*, std::uint32_t> others_;
};

/// The cotangent to start from, checked.
Tensor starting_cotangent(const char* op, const Tensor& y, const Tensor& cotangent, CallSite site) {
  if (!requires_grad(y))
    detail::fail<GradientError>(op,
                                "expected a result that requires a gradient, got one that doesn't (no leaf behind "
                                "it, or recorded under NoGrad)",
                                site);
  if (!cotangent.defined()) {
    if (y.numel() != 1)
      detail::fail<GradientError>(
          op, "expected one element where no cotangent is given, got " + to_string(y.shape()), site);
    return ones_like(y);
  }
  if (cotangent.shape() != y.shape())
    detail::fail<ShapeError>(
        op, fmt::format("expected a cotangent {}, got {}", to_string(y.shape()), to_string(cotangent.shape())), site);
  if (cotangent.dtype() != y.dtype()) detail::fail_dtype(op, y.dtype(), cotangent.dtype(), site);
  return cotangent;
}

}  // namespace

void backward(Arg y, const Tensor& cotangent, BackwardOptions options) {
  Pass pass(options);
  pass.start(y, starting_cotangent("backward", y, cotangent, y.site));
  pass.run();
  pass.accumulate();
}

std::vector<Tensor> grad(std::span<const Tensor> ys,
                         std::span<const Tensor> xs,
                         std::span<const Tensor> cotangents,
                         BackwardOptions options,
                         CallSite site) {
  if (cotangents.size() != ys.size())
    detail::fail<ArgumentError>(
        "grad", fmt::format("expected {} cotangents, got {}", ys.size(), cotangents.size()), site);
  for (const Tensor& x : xs)
    if (!requires_grad(x))
      detail::fail<GradientError>("grad", "expected inputs that require a gradient, got one that doesn't", site);
  std::vector<Tensor> result(xs.size());
  {
    Pass pass(options, xs);
    for (std::size_t k = 0; k < ys.size(); ++k)
      pass.start(ys[k], starting_cotangent("grad", ys[k], cotangents[k], site));
    pass.run();
    for (std::size_t i = 0; i < xs.size(); ++i) {
      result[i] = pass.take(xs[i]);
      if (!result[i].defined()) result[i] = zeros_like(xs[i]);
    }
  }
  if (!options.create_graph) detail::make_own(result);
  return result;
}

void detail::make_own(std::span<Tensor> results) {
  for (Tensor& g : results)
    if (g.defined() && !is_own(g)) g = clone(g);
}

Cotangents detail::partial_gradients(std::uint64_t start,
                                     std::span<const Tensor> ys,
                                     std::span<const Tensor> xs,
                                     std::span<const Tensor> cotangents,
                                     BackwardOptions options) {
  Pass pass(options, xs, true, start);
  for (std::size_t k = 0; k < ys.size(); ++k)
    if (requires_grad(ys[k])) pass.start(ys[k], cotangents[k]);
  pass.run();
  Cotangents result;
  for (const Tensor& x : xs) result.push_back(requires_grad(x) ? pass.take(x) : Tensor());
  return result;
}

bool detail::reaches_others(const Tensor& y, std::span<const Tensor> known, std::uint64_t start) {
  if (!requires_grad(y)) return false;
  std::unordered_set<const Node*> seen;
  for (const Tensor& x : known) seen.insert(node_of(x));
  std::vector<const Node*> stack;
  const auto enter = [&](const Node* node) {
    if (node != nullptr && seen.insert(node).second) stack.push_back(node);
  };
  enter(node_of(y));
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (node->is_leaf() || node->id() <= start) return true;
    for (const Edge& edge : node->inputs()) enter(edge.node);
  }
  return false;
}

std::vector<Tensor> grad(Arg y, std::span<const Tensor> xs, const Tensor& cotangent, BackwardOptions options) {
  return grad({&y.tensor, 1}, xs, {&cotangent, 1}, options, y.site);
}

}  // namespace gradus
