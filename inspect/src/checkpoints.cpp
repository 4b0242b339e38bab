#include "scope_tree.h"
#include "text.h"

#include "gradus/inspect/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace gradus::graph {
namespace {

constexpr std::size_t kNowhere = kNone;
using Flags = std::vector<bool>;

int depth_of(const Scope* s) { return s == nullptr ? 0 : 1 + depth_of(s->parent()); }

/// How many layers both are in.
int shared_layers(const Scope* a, const Scope* b) {
  int da = depth_of(a), db = depth_of(b);
  while (a != b) {
    if (da >= db)
      a = a->parent(), --da;
    else
      b = b->parent(), --db;
  }
  return da;
}

/// A view as a row of blocks: each has one result that leads on, which only the next one uses.
class Row {
 public:
  /// Blocks end only where what follows is in no more than `depth` layers together with it.
  Row(const View& view, int depth) : view_(view), block_(view.size(), kNowhere) {
    find_blocks(depth);
    find_memory();
  }

  struct Block {
    std::size_t first = kNowhere, last = 0;  // ops, by their places in the view
    std::size_t end = kNowhere;              // the op whose result leads on
    double flops = 0;
    std::int64_t own = 0;           // bytes that are kept in it first
    std::int64_t input = 0;         // of the tensor that leads to it
    std::size_t memory = kNowhere;  // of that tensor, where some rule keeps it
  };
  /// Memory kept for rules, not of a parameter.
  struct Memory {
    std::int64_t bytes = 0;
    bool inside = false;             // made by an op of some block
    std::vector<std::size_t> users;  // blocks that keep it, in order
  };
  /// Blocks [begin, end).
  struct Run {
    std::size_t begin, end;
  };

  const std::vector<Block>& blocks() const { return blocks_; }
  std::size_t block_of(std::size_t node) const { return block_[node]; }

  /// Fills in what a plan keeps if the marked runs are computed again.
  void weigh(const std::vector<Run>& runs, const Flags& again, CheckpointPlan& plan) const {
    std::vector<std::size_t> run_of(blocks_.size());
    for (std::size_t r = 0; r < runs.size(); ++r)
      std::fill_n(run_of.begin() + static_cast<std::ptrdiff_t>(runs[r].begin),
                  runs[r].end - runs[r].begin,
                  r);
    // Per run: what is kept until it has been gone back through, and what comes back meanwhile.
    std::vector<std::int64_t> kept(runs.size() + 1), back(runs.size() + 1);
    Flags is_input(memory_.size());
    std::vector<std::size_t> entered(memory_.size(), kNowhere);  // first run it is the input of
    for (std::size_t r = 1; r < runs.size(); ++r) {
      if (!again[r]) continue;
      const Block& b = blocks_[runs[r].begin];
      if (b.memory == kNowhere) {
        kept[r] += b.input;
      } else if (!is_input[b.memory]) {
        is_input[b.memory] = true;
        entered[b.memory] = r;
      }
    }
    for (std::size_t m = 0; m < memory_.size(); ++m) {
      const Memory& memory = memory_[m];
      std::size_t until = entered[m];  // the earliest run that needs it kept
      for (std::size_t b : memory.users)
        if (b == kNowhere || !memory.inside || !again[run_of[b]])
          until = std::min(until, b == kNowhere ? 0 : run_of[b]);
      if (until != kNowhere) kept[until] += memory.bytes;
      std::size_t before = kNowhere;
      for (std::size_t b : memory.users) {
        if (b == kNowhere) continue;
        const std::size_t r = run_of[b];
        const bool alive = until != kNowhere && until <= r;
        if (r != before && again[r] && !alive) back[r] += memory.bytes;
        before = r;
      }
    }
    std::int64_t sum = 0;
    plan.peak = 0;
    for (std::size_t r = 0; r < runs.size(); ++r) {
      sum += kept[r];
      plan.peak = std::max(plan.peak, sum + back[r]);
    }
    plan.after = sum;
    plan.peak = std::max(plan.peak, sum);
    plan.recomputed = 0;
    for (std::size_t r = 0; r < runs.size(); ++r)
      if (again[r]) plan.recomputed += flops(runs[r]);
  }

  double flops(Run run) const {
    double sum = 0;
    for (std::size_t b = run.begin; b < run.end; ++b) sum += blocks_[b].flops;
    return sum;
  }

  std::vector<Run> runs_up_to(std::int64_t bytes) const {
    std::vector<Run> runs;
    std::int64_t sum = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (runs.empty() || sum + blocks_[b].own > bytes) {
        runs.push_back({b, b});
        sum = 0;
      }
      sum += blocks_[b].own;
      runs.back().end = b + 1;
    }
    return runs;
  }

  /// What computing one run again saves: memory that only it keeps, without its input.
  std::int64_t gain(Run run) const {
    std::int64_t drops = 0;
    for (std::size_t m : own_memory(run)) drops += memory_[m].bytes;
    const Block& first = blocks_[run.begin];
    return drops - (run.begin > 0 && first.memory == kNowhere ? first.input : 0);
  }
  std::int64_t drops(Run run) const {
    std::int64_t sum = 0;
    for (std::size_t m : own_memory(run)) sum += memory_[m].bytes;
    return sum;
  }
  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const Memory& m : memory_) sum += m.bytes;
    return sum;
  }

 private:
  std::vector<std::size_t> own_memory(Run run) const {
    std::vector<std::size_t> own;
    for (std::size_t b = run.begin; b < run.end; ++b)
      for (std::size_t m : first_here_[b]) {
        const Memory& memory = memory_[m];
        // The input of the run is kept by whoever comes before, and by the run itself.
        if (memory.inside && memory.users.front() >= run.begin && memory.users.back() < run.end &&
            m != blocks_[run.begin].memory)
          own.push_back(m);
      }
    return own;
  }

  void find_blocks(int most_layers) {
    // The longest chain of nodes that everything before them must pass.
    const std::vector<std::size_t> next = dominators(view_);
    std::vector<std::size_t> depth(view_.size());
    std::size_t deepest = kNowhere;
    for (std::size_t i = view_.size(); i-- > 0;) {
      depth[i] = next[i] == kNone ? 0 : depth[next[i]] + 1;
      if (!view_[i].is_leaf && (deepest == kNowhere || depth[i] >= depth[deepest])) deepest = i;
    }
    std::vector<std::size_t> chain;
    for (std::size_t i = deepest; i != kNone; i = next[i]) chain.push_back(i);

    std::unordered_map<const Scope*, bool> inner;
    for (const NodeInfo& n : view_.nodes())
      if (n.scope != nullptr)
        for (const Scope* s = n.scope->parent(); s != nullptr; s = s->parent()) inner[s] = true;
    std::vector<std::size_t> at(view_.size(), kNowhere);
    std::size_t block = 0;
    for (std::size_t k = 0; k < chain.size(); ++k) {
      at[chain[k]] = block;
      const Scope* scope = view_[chain[k]].scope;
      const bool in_a_layer = k + 1 < chain.size() && scope != nullptr &&
                              scope == view_[chain[k + 1]].scope && !inner.contains(scope);
      if (in_a_layer ||
          (k + 1 < chain.size() && shared_layers(scope, view_[chain[k + 1]].scope) > most_layers))
        continue;
      blocks_.emplace_back().end = chain[k];
      ++block;
    }
    for (std::size_t i = view_.size(); i-- > 0;) {
      const NodeInfo& n = view_[i];
      if (n.is_leaf) continue;
      block_[i] = at[i] != kNowhere ? at[i] : next[i] == kNone ? kNowhere : block_[next[i]];
      if (block_[i] == kNowhere) continue;
      Block& b = blocks_[block_[i]];
      b.first = std::min(b.first, i);
      b.last = std::max(b.last, i);
      b.flops += n.flops;
    }
  }

  void find_memory() {
    std::unordered_map<std::uint32_t, std::size_t> places;
    std::unordered_map<std::uint32_t, bool> parameters;
    const auto producer = [this](const SavedInfo& s) -> std::size_t {
      if (s.slot < 0) return s.node;
      const auto inputs = view_.inputs(s.node);
      const auto operand = static_cast<std::uint32_t>(s.slot);
      const auto e = std::ranges::lower_bound(inputs, operand, {}, &EdgeInfo::operand);
      return e != inputs.end() && e->operand == operand ? e->from : kNowhere;
    };
    for (const SavedInfo& s : view_.saved()) {
      const std::size_t from = producer(s);
      if (from != kNowhere && view_[from].is_leaf) parameters[s.storage] = true;
    }
    first_here_.resize(blocks_.size());
    for (const SavedInfo& s : view_.saved()) {
      if (parameters.contains(s.storage)) continue;
      const auto [at, fresh] = places.emplace(s.storage, memory_.size());
      if (fresh) memory_.push_back({s.bytes, false, {}});
      Memory& m = memory_[at->second];
      m.inside = m.inside || producer(s) != kNowhere;
      const std::size_t b = block_[s.node];
      if (m.users.empty() || m.users.back() != b) m.users.push_back(b);
    }
    for (std::size_t m = 0; m < memory_.size(); ++m) {
      std::sort(memory_[m].users.begin(), memory_[m].users.end());
      const std::size_t b = memory_[m].users.front();
      if (b == kNowhere) continue;
      blocks_[b].own += memory_[m].bytes;
      first_here_[b].push_back(m);
    }
    for (const SavedInfo& s : view_.saved()) {
      const std::size_t from = producer(s);
      const std::size_t b = from == kNowhere ? kNowhere : block_[from];
      if (b == kNowhere || b + 1 >= blocks_.size() || blocks_[b].end != from) continue;
      const auto place = places.find(s.storage);
      // A second thing that the same op keeps is not its result.
      if (place != places.end() && (s.slot >= -1)) blocks_[b + 1].memory = place->second;
    }
    for (const EdgeInfo& e : view_.edges()) {
      const std::size_t b = block_[e.from];
      if (b != kNowhere && b + 1 < blocks_.size() && blocks_[b].end == e.from)
        blocks_[b + 1].input = e.bytes;
    }
  }

  const View& view_;
  std::vector<std::size_t> block_;  // of each node
  std::vector<Block> blocks_;
  std::vector<Memory> memory_;
  std::vector<std::vector<std::size_t>> first_here_;  // memory by the block that keeps it first
};

/// The outermost layers all of whose ops lie in [begin, end) of the blocks.
std::vector<const Scope*> layers_in(const ScopeTree& tree,
                                    const Row& row,
                                    Row::Run run,
                                    const View& view) {
  std::vector<std::int64_t> inside(tree.rows.size()), all(tree.rows.size());
  for (std::size_t r = tree.rows.size(); r-- > 0;) {
    for (std::size_t i : tree.rows[r].nodes) {
      if (view[i].is_leaf) continue;
      const std::size_t b = row.block_of(i);
      ++all[r];
      inside[r] += b >= run.begin && b < run.end;
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

}  // namespace

namespace {

/// Puts a better plan with the blocks of this row in the place of `best`, if there is one.
void improve(CheckpointPlan& best, const View& view, const Row& row) {
  const std::int64_t budget = best.budget;
  std::int64_t least = 1;
  for (const Row::Block& b : row.blocks()) least = std::max(least, b.own);
  std::vector<Row::Run> best_runs;
  Flags best_again;
  const auto better = [&](const CheckpointPlan& plan) {
    if (plan.fits != best.fits) return plan.fits;
    return plan.fits ? plan.recomputed < best.recomputed : plan.peak < best.peak;
  };
  const double growth = row.blocks().size() > 2000 ? 2 : 1.1;
  std::size_t tried = 0;
  for (auto size = static_cast<double>(least);; size *= growth) {
    const std::vector<Row::Run> runs = row.runs_up_to(static_cast<std::int64_t>(size));
    if (runs.size() == tried) continue;
    tried = runs.size();
    if (tried == 1) break;
    // Those first that save most for what they take.
    std::vector<std::size_t> order;
    std::vector<double> worth(runs.size());
    // The last run is gone back through first: nothing is gained by dropping what it keeps.
    for (std::size_t r = 0; r + 1 < runs.size(); ++r) {
      const std::int64_t gain = row.gain(runs[r]);
      worth[r] = static_cast<double>(gain) / (1 + row.flops(runs[r]));
      if (gain > 0) order.push_back(r);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return worth[a] > worth[b];
    });
    const auto attempt = [&](std::size_t count) {
      Flags again(runs.size());
      for (std::size_t k = 0; k < count; ++k) again[order[k]] = true;
      CheckpointPlan plan = best;
      row.weigh(runs, again, plan);
      plan.fits = plan.peak <= budget;
      if (better(plan)) {
        best = plan;
        best_runs = runs;
        best_again = again;
      }
      return plan.fits;
    };
    std::size_t low = 1, high = order.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (attempt(middle))
        high = middle;
      else
        low = middle + 1;
    }
    if (!order.empty()) attempt(low);
  }

  if (best_runs.empty()) return;
  best.segments.clear();
  const ScopeTree tree(view);
  for (std::size_t r = 0; r < best_runs.size(); ++r) {
    if (!best_again[r]) continue;
    const Row::Run run = best_runs[r];
    CheckpointPlan::Segment s;
    s.first = kNone;
    for (std::size_t b = run.begin; b < run.end; ++b) {
      s.first = std::min(s.first, row.blocks()[b].first);
      s.last = std::max(s.last, row.blocks()[b].last);
    }
    s.layers = layers_in(tree, row, run, view);
    s.drops = row.drops(run);
    s.keeps = run.begin == 0 ? 0 : row.blocks()[run.begin].input;
    s.flops = row.flops(run);
    best.segments.push_back(std::move(s));
  }
}

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
    const Row row(view, depth);
    if (depth == 0) {
      best.before = best.after = best.peak = row.total();
      best.fits = best.peak <= budget;
    }
    if (best.fits || row.blocks().empty()) break;
    improve(best, view, row);
  }
  return best;
}

std::string to_string(const CheckpointPlan& plan) {
  std::string text = fmt::format("kept for the backward pass: {}, budget {}\n",
                                 bytes_text(plan.before),
                                 bytes_text(plan.budget));
  if (plan.segments.empty())
    return text + (plan.fits ? "fits without checkpoints\n" : "no checkpoint would help\n");
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
