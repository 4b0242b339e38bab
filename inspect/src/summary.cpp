#include "scope_tree.h"
#include "text.h"

#include "gradus/inspect/view.h"

#include <fmt/format.h>

#include <unordered_map>

namespace gradus::graph {

ScopeTree::ScopeTree(const View& view) {
  // Rows as they appear, then in preorder. Leaves come later: they are older than the ops, in any order.
  struct Found {
    Row row;
    std::vector<std::size_t> children;
  };
  std::vector<Found> found(1);
  std::unordered_map<const Scope*, std::size_t> places{{nullptr, 0}};
  const auto enter = [&](const Scope* scope) {
    std::vector<const Scope*> missing;
    for (; !places.contains(scope); scope = scope->parent()) missing.push_back(scope);
    for (; !missing.empty(); missing.pop_back()) {
      const std::size_t parent = places.at(missing.back()->parent());
      places.emplace(missing.back(), found.size());
      found[parent].children.push_back(found.size());
      found.push_back({{missing.back(), found[parent].row.depth + 1, 0, {}}, {}});
    }
  };
  for (const bool leaves : {false, true})
    for (const NodeInfo& node : view.nodes())
      if (node.is_leaf == leaves) enter(node.scope);
  for (std::size_t i = 0; i < view.size(); ++i) found[places.at(view[i].scope)].row.nodes.push_back(i);

  struct Visit {
    std::size_t place, parent;
  };
  std::vector<Visit> stack{{0, 0}};
  while (!stack.empty()) {
    const auto [place, parent] = stack.back();
    stack.pop_back();
    const std::size_t row = rows.size();
    const auto& children = found[place].children;
    for (auto child = children.rbegin(); child != children.rend(); ++child) stack.push_back({*child, row});
    rows.push_back(std::move(found[place].row));
    rows.back().parent = parent;
  }
}

std::vector<ScopeTotals> totals_by_scope(const View& view) {
  const ScopeTree tree(view);
  std::vector<std::int64_t> saved(view.size());
  for (const SavedInfo& s : view.saved())
    if (s.first) saved[s.node] += s.bytes;
  std::vector<ScopeTotals> totals(tree.rows.size());
  for (std::size_t r = tree.rows.size(); r-- > 0;) {
    const ScopeTree::Row& row = tree.rows[r];
    ScopeTotals& t = totals[r];
    t.scope = row.scope;
    t.depth = row.depth;
    for (std::size_t i : row.nodes) {
      ++t.nodes;
      if (!view[i].is_leaf)
        t.bytes += view[i].bytes;
      else if (!static_cast<const Leaf*>(view[i].node)->is_input)
        t.parameters += view[i].numel();
      t.flops += view[i].flops;
      t.saved_bytes += saved[i];
    }
    if (r == 0) break;
    ScopeTotals& outer = totals[row.parent];
    outer.nodes += t.nodes;
    outer.parameters += t.parameters;
    outer.flops += t.flops;
    outer.bytes += t.bytes;
    outer.saved_bytes += t.saved_bytes;
  }
  return totals;
}

namespace {

TextLine line_of(std::string name, const ScopeTotals& t) {
  return {std::move(name),
          with_commas(t.nodes),
          with_commas(t.parameters),
          flops_text(t.flops),
          bytes_text(t.bytes),
          bytes_text(t.saved_bytes)};
}

}  // namespace

std::string summary(const View& view) {
  const auto totals = totals_by_scope(view);
  std::vector<TextLine> lines{{"layer", "nodes", "parameters", "FLOPs", "results", "saved"}};
  ScopeTotals outside = totals[0];
  for (std::size_t r = 1; r < totals.size(); ++r) {
    const ScopeTotals& t = totals[r];
    std::string name(2 * static_cast<std::size_t>(t.depth - 1), ' ');
    name += t.scope->name();
    if (!t.scope->description().empty()) name += " (" + t.scope->description() + ")";
    lines.push_back(line_of(std::move(name), t));
    if (t.depth > 1) continue;
    outside.nodes -= t.nodes;
    outside.parameters -= t.parameters;
    outside.flops -= t.flops;
    outside.bytes -= t.bytes;
    outside.saved_bytes -= t.saved_bytes;
  }
  if (totals.size() > 1 && outside.nodes > 0) lines.push_back(line_of("(in no layer)", outside));
  lines.push_back(line_of("total", totals[0]));

  return table_text(lines, 1);
}

}  // namespace gradus::graph
