#include "scope_tree.h"
#include "text.h"

#include "gradus/inspect/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace gradus::graph {
namespace {

using Flags = std::vector<bool>;

/// A view as a chain of blocks: each has one result that leads on, which only the next one uses.
class Chain {
 public:
  /// Blocks end only where what follows is in no more than `depth` layers together with it.
  Chain(const View& view, int depth) : view_(view), block_(view.size(), kNone) {
    find_blocks(depth);
    find_memory();
  }

  struct Block {
    std::size_t first = kNone, last = 0;  // ops, by their places in the view
    std::size_t end = kNone;              // the op whose result leads on
    double flops = 0;
    std::int64_t saved = 0;            // bytes that no block before it saves
    std::int64_t input = 0;            // bytes of the tensor that leads to it
    std::size_t input_memory = kNone;  // of that tensor, where some rule saves it
  };
  /// Blocks [begin, end), of which all or none are computed again.
  struct Segment {
    std::size_t begin, end;
  };

  const std::vector<Block>& blocks() const { return blocks_; }
  std::size_t block_of(std::size_t node) const { return block_[node]; }

  /// Consecutive segments that save up to `bytes` each, or are one block.
  std::vector<Segment> segments_up_to(std::int64_t bytes) const {
    std::vector<Segment> segments;
    std::int64_t sum = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (segments.empty() || sum + blocks_[b].saved > bytes) {
        segments.push_back({b, b});
        sum = 0;
      }
      sum += blocks_[b].saved;
      segments.back().end = b + 1;
    }
    return segments;
  }

  double flops(Segment s) const {
    double sum = 0;
    for (std::size_t b = s.begin; b < s.end; ++b) sum += blocks_[b].flops;
    return sum;
  }
  /// Bytes that only this segment saves.
  std::int64_t drops(Segment s) const {
    std::int64_t sum = 0;
    for (std::size_t b = s.begin; b < s.end; ++b)
      for (std::size_t m : first_saved_[b]) {
        const Memory& memory = memory_[m];
        // Its input is kept by what comes before, and by the segment itself.
        if (memory.inside && memory.users.front() >= s.begin && memory.users.back() < s.end &&
            m != blocks_[s.begin].input_memory)
          sum += memory.bytes;
      }
    return sum;
  }
  /// What recomputing this segment alone saves.
  std::int64_t gain(Segment s) const {
    const Block& first = blocks_[s.begin];
    return drops(s) - (s.begin > 0 && first.input_memory == kNone ? first.input : 0);
  }
  std::int64_t saved_bytes() const {
    std::int64_t sum = 0;
    for (const Memory& m : memory_) sum += m.bytes;
    return sum;
  }

  /// Fills in what a plan keeps if the marked segments are recomputed.
  void estimate(const std::vector<Segment>& segments, const Flags& recompute, CheckpointPlan& plan) const {
    std::vector<std::size_t> segment_of(blocks_.size());
    for (std::size_t s = 0; s < segments.size(); ++s)
      for (std::size_t b = segments[s].begin; b < segments[s].end; ++b) segment_of[b] = s;
    // By segment: bytes kept until its backward pass is over, and bytes that only it recomputes meanwhile.
    std::vector<std::int64_t> kept(segments.size()), recomputed(segments.size());
    std::vector<std::size_t> input_of(memory_.size(), kNone);  // the first recomputed segment
    plan.recomputed = 0;
    for (std::size_t s = 0; s < segments.size(); ++s) {
      if (!recompute[s]) continue;
      plan.recomputed += flops(segments[s]);
      const Block& first = blocks_[segments[s].begin];
      if (s == 0) continue;
      if (first.input_memory == kNone)
        kept[s] += first.input;
      else
        input_of[first.input_memory] = std::min(input_of[first.input_memory], s);
    }
    for (std::size_t m = 0; m < memory_.size(); ++m) {
      const Memory& memory = memory_[m];
      std::size_t keeper = input_of[m];  // the first segment that needs it kept
      for (std::size_t b : memory.users) {
        const std::size_t s = b == kNone ? 0 : segment_of[b];
        if (b == kNone || !memory.inside || !recompute[s]) keeper = std::min(keeper, s);
      }
      if (keeper != kNone) kept[keeper] += memory.bytes;
      std::size_t before = kNone;
      for (std::size_t b : memory.users) {
        if (b == kNone) continue;
        const std::size_t s = segment_of[b];
        if (s != before && recompute[s] && s < keeper) recomputed[s] += memory.bytes;
        before = s;
      }
    }
    plan.after = plan.peak = 0;
    for (std::size_t s = 0; s < segments.size(); ++s) {
      plan.after += kept[s];
      plan.peak = std::max(plan.peak, plan.after + recomputed[s]);
    }
  }

 private:
  /// Memory kept for rules, not of a parameter.
  struct Memory {
    std::int64_t bytes = 0;
    bool inside = false;             // made by an op of some block
    std::vector<std::size_t> users;  // blocks that save it, in order
  };

  /// The longest chain of nodes that everything before them must pass.
  std::vector<std::size_t> bottlenecks(const std::vector<std::size_t>& dominator) const {
    std::vector<std::size_t> depth(view_.size());
    std::size_t deepest = kNone;
    for (std::size_t i = view_.size(); i-- > 0;) {
      depth[i] = dominator[i] == kNone ? 0 : depth[dominator[i]] + 1;
      if (!view_[i].is_leaf && (deepest == kNone || depth[i] >= depth[deepest])) deepest = i;
    }
    std::vector<std::size_t> chain;
    for (std::size_t i = deepest; i != kNone; i = dominator[i]) chain.push_back(i);
    return chain;
  }

  void find_blocks(int most_layers) {
    const std::vector<std::size_t> dominator = dominators(view_);
    const std::vector<std::size_t> chain = bottlenecks(dominator);
    std::unordered_set<const Scope*> outer;  // layers with layers in them
    for (const NodeInfo& n : view_.nodes())
      for (const Scope* s = n.scope; s != nullptr; s = s->parent()) outer.insert(s->parent());
    const auto divisible = [&](const Scope* a, const Scope* b) {
      return (a == nullptr || a != b || outer.contains(a)) && depth_of(common_scope(a, b)) <= most_layers;
    };
    for (std::size_t k = 0; k < chain.size(); ++k) {
      block_[chain[k]] = blocks_.size();
      if (k + 1 == chain.size() || divisible(view_[chain[k]].scope, view_[chain[k + 1]].scope))
        blocks_.emplace_back().end = chain[k];
    }
    for (std::size_t i = view_.size(); i-- > 0;) {
      const NodeInfo& n = view_[i];
      if (n.is_leaf) continue;
      if (block_[i] == kNone && dominator[i] != kNone) block_[i] = block_[dominator[i]];
      if (block_[i] == kNone) continue;
      Block& b = blocks_[block_[i]];
      b.first = std::min(b.first, i);
      b.last = std::max(b.last, i);
      b.flops += n.flops;
    }
  }

  /// The node that made a saved tensor.
  std::size_t producer(const SavedInfo& s) const {
    if (s.slot < 0) return s.node;
    const auto inputs = view_.inputs(s.node);
    const auto operand = static_cast<std::uint32_t>(s.slot);
    const auto e = std::ranges::lower_bound(inputs, operand, {}, &EdgeInfo::operand);
    return e != inputs.end() && e->operand == operand ? e->from : kNone;
  }
  /// The block that follows if it is this node's result that leads on; else null.
  Block* follower(std::size_t node) {
    const std::size_t b = node == kNone ? kNone : block_[node];
    return b == kNone || b + 1 >= blocks_.size() || blocks_[b].end != node ? nullptr : &blocks_[b + 1];
  }

  void find_memory() {
    std::unordered_set<std::uint32_t> parameters;
    for (const SavedInfo& s : view_.saved()) {
      const std::size_t from = producer(s);
      if (from != kNone && view_[from].is_leaf) parameters.insert(s.storage);
    }
    std::unordered_map<std::uint32_t, std::size_t> places;
    for (const SavedInfo& s : view_.saved()) {
      if (parameters.contains(s.storage)) continue;
      const auto [at, fresh] = places.emplace(s.storage, memory_.size());
      if (fresh) memory_.push_back({s.bytes, false, {}});
      Memory& m = memory_[at->second];
      const std::size_t from = producer(s), b = block_[s.node];
      m.inside = m.inside || from != kNone;
      if (m.users.empty() || m.users.back() != b) m.users.push_back(b);
      // A second thing that the same op saves is not its result.
      if (Block* next = follower(from); next != nullptr && s.slot >= -1) next->input_memory = at->second;
    }
    first_saved_.resize(blocks_.size());
    for (std::size_t m = 0; m < memory_.size(); ++m) {
      std::sort(memory_[m].users.begin(), memory_[m].users.end());
      const std::size_t b = memory_[m].users.front();
      if (b == kNone) continue;
      blocks_[b].saved += memory_[m].bytes;
      first_saved_[b].push_back(m);
    }
    for (const EdgeInfo& e : view_.edges())
      if (Block* next = follower(e.from)) next->input = e.bytes;
  }

  const View& view_;
  std::vector<std::size_t> block_;  // of each node
  std::vector<Block> blocks_;
  std::vector<Memory> memory_;
  std::vector<std::vector<std::size_t>> first_saved_;  // memory by the block that saves it first
};

/// The outermost layers all of whose ops lie in the segment.
std::vector<const Scope*> layers_in(const ScopeTree& tree,
                                    const Chain& chain,
                                    Chain::Segment segment,
                                    const View& view) {
  std::vector<std::int64_t> inside(tree.rows.size()), all(tree.rows.size());
  for (std::size_t r = tree.rows.size(); r-- > 0;) {
    for (std::size_t i : tree.rows[r].nodes) {
      if (view[i].is_leaf) continue;
      const std::size_t b = chain.block_of(i);
      ++all[r];
      inside[r] += b >= segment.begin && b < segment.end;
    }
    if (r == 0) break;
    all[tree.rows[r].parent] += all[r];
    inside[tree.rows[r].parent] += inside[r];
  }
  std::vector<const Scope*> layers;
  const auto whole = [&](std::size_t r) { return r > 0 && all[r] > 0 && inside[r] == all[r]; };
  for (std::size_t r = 1; r < tree.rows.size(); ++r)
    if (whole(r) && !whole(tree.rows[r].parent)) layers.push_back(tree.rows[r].scope);
  return layers;
}

/// Searches for the best plan whose segments are made of the blocks of a chain.
class Search {
 public:
  Search(const View& view, const Chain& chain, CheckpointPlan& best) : view_(view), chain_(chain), best_(best) {}

  void run() {
    std::int64_t least = 1;
    for (const Chain::Block& b : chain_.blocks()) least = std::max(least, b.saved);
    const double growth = chain_.blocks().size() > kManyBlocks ? 2 : 1.1;
    std::size_t tried = 0;
    for (auto bytes = static_cast<double>(least);; bytes *= growth) {
      const auto segments = chain_.segments_up_to(static_cast<std::int64_t>(bytes));
      if (segments.size() == 1) break;
      if (segments.size() != tried) try_segments(segments);
      tried = segments.size();
    }
    if (!segments_.empty()) describe();
  }

 private:
  static constexpr std::size_t kManyBlocks = 2000;

  /// Those of the segments that are worth it, what saves most bytes for its FLOPs first.
  std::vector<std::size_t> candidates(const std::vector<Chain::Segment>& segments) const {
    std::vector<std::size_t> order;
    std::vector<double> worth(segments.size());
    // The last segment is gone back through first: nothing is gained by dropping what it saves.
    for (std::size_t s = 0; s + 1 < segments.size(); ++s) {
      const std::int64_t gain = chain_.gain(segments[s]);
      worth[s] = static_cast<double>(gain) / (1 + chain_.flops(segments[s]));
      if (gain > 0) order.push_back(s);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return worth[a] > worth[b]; });
    return order;
  }

  /// Finds how many of the candidates must be recomputed to meet the budget.
  void try_segments(const std::vector<Chain::Segment>& segments) {
    const std::vector<std::size_t> order = candidates(segments);
    if (order.empty()) return;
    std::size_t low = 1, high = order.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (attempt(segments, {order.data(), middle}))
        high = middle;
      else
        low = middle + 1;
    }
    attempt(segments, {order.data(), low});
  }

  /// Takes the plan that recomputes these if it is the best so far; true if it meets the budget.
  bool attempt(const std::vector<Chain::Segment>& segments, std::span<const std::size_t> chosen) {
    Flags recompute(segments.size());
    for (std::size_t s : chosen) recompute[s] = true;
    CheckpointPlan plan = best_;
    chain_.estimate(segments, recompute, plan);
    plan.fits = plan.peak <= plan.budget;
    const bool better = plan.fits != best_.fits ? plan.fits
                        : plan.fits             ? plan.recomputed < best_.recomputed
                                                : plan.peak < best_.peak;
    if (better) {
      best_ = plan;
      segments_ = segments;
      recompute_ = std::move(recompute);
    }
    return plan.fits;
  }

  /// Writes the segments found into the plan.
  void describe() {
    best_.segments.clear();
    const ScopeTree tree(view_);
    for (std::size_t k = 0; k < segments_.size(); ++k) {
      if (!recompute_[k]) continue;
      const Chain::Segment segment = segments_[k];
      CheckpointPlan::Segment s;
      s.first = kNone;
      for (std::size_t b = segment.begin; b < segment.end; ++b) {
        s.first = std::min(s.first, chain_.blocks()[b].first);
        s.last = std::max(s.last, chain_.blocks()[b].last);
      }
      s.layers = layers_in(tree, chain_, segment, view_);
      s.drops = chain_.drops(segment);
      s.keeps = segment.begin == 0 ? 0 : chain_.blocks()[segment.begin].input;
      s.flops = chain_.flops(segment);
      best_.segments.push_back(std::move(s));
    }
  }

  const View& view_;
  const Chain& chain_;
  CheckpointPlan& best_;
  std::vector<Chain::Segment> segments_;  // of the best plan, if it was found here
  Flags recompute_;                       // beside them
};

}  // namespace

CheckpointPlan suggest_checkpoints(const View& view, std::int64_t budget) {
  CheckpointPlan best;
  best.budget = budget;
  int deepest = 0;
  for (const NodeInfo& n : view.nodes()) {
    best.flops += n.flops;
    deepest = std::max(deepest, depth_of(n.scope));
  }
  // Whole layers of the model first; inside of them only if that doesn't do.
  for (int depth = 0; depth <= deepest; ++depth) {
    const Chain chain(view, depth);
    if (depth == 0) {
      best.before = best.after = best.peak = chain.saved_bytes();
      best.fits = best.peak <= budget;
    }
    if (best.fits || chain.blocks().empty()) break;
    Search(view, chain, best).run();
  }
  return best;
}

std::string to_string(const CheckpointPlan& plan) {
  std::string text =
      fmt::format("kept for the backward pass: {}, budget {}\n", bytes_text(plan.before), bytes_text(plan.budget));
  if (plan.segments.empty()) return text + (plan.fits ? "fits without checkpoints\n" : "no checkpoint would help\n");
  for (const CheckpointPlan::Segment& s : plan.segments) {
    std::string what;
    for (const Scope* layer : s.layers) {
      what += (what.empty() ? "" : ", ") + layer->path();
      if (!layer->description().empty()) what += " (" + layer->description() + ")";
    }
    text += fmt::format("  checkpoint {}: drops {}, keeps its input of {}, computes {} again\n",
                        what.empty() ? fmt::format("nodes {} to {}", s.first, s.last) : what,
                        bytes_text(s.drops),
                        bytes_text(s.keeps),
                        flops_text(s.flops, "FLOPs"));
  }
  text += fmt::format(
      "then kept: {}, at most {} in the backward pass; {:.0f} % of the forward pass is "
      "computed twice\n",
      bytes_text(plan.after),
      bytes_text(plan.peak),
      plan.flops > 0 ? 100 * plan.recomputed / plan.flops : 0.0);
  if (!plan.fits) text += "this does not fit the budget; nothing does\n";
  return text;
}

}  // namespace gradus::graph
