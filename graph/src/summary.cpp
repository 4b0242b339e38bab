#include "scope_tree.h"
#include "text.h"

#include "gradus/graph/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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
  for (std::size_t i = 0; i < view.size(); ++i)
    found[places.at(view[i].scope)].row.nodes.push_back(i);

  struct Visit {
    std::size_t place, parent;
  };
  std::vector<Visit> stack{{0, 0}};
  while (!stack.empty()) {
    const auto [place, parent] = stack.back();
    stack.pop_back();
    const std::size_t row = rows.size();
    const auto& children = found[place].children;
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      stack.push_back({*child, row});
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
      (view[i].is_leaf ? t.parameters : t.bytes) +=
          view[i].is_leaf ? view[i].numel() : view[i].bytes;
      t.saved_bytes += saved[i];
    }
    if (r == 0) break;
    ScopeTotals& outer = totals[row.parent];
    outer.nodes += t.nodes;
    outer.parameters += t.parameters;
    outer.bytes += t.bytes;
    outer.saved_bytes += t.saved_bytes;
  }
  return totals;
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array units{"kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; value >= 999.95; ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

namespace {

/// 1234567 as "1,234,567".
std::string count_text(std::int64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// Characters of UTF-8 text.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

using Line = std::array<std::string, 5>;

Line line_of(std::string name, const ScopeTotals& t) {
  return {std::move(name),
          count_text(t.nodes),
          count_text(t.parameters),
          bytes_text(t.bytes),
          bytes_text(t.saved_bytes)};
}

}  // namespace

std::string summary(const View& view) {
  const auto totals = totals_by_scope(view);
  std::vector<Line> lines{{"layer", "nodes", "parameters", "results", "saved"}};
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
    outside.bytes -= t.bytes;
    outside.saved_bytes -= t.saved_bytes;
  }
  if (totals.size() > 1 && outside.nodes > 0) lines.push_back(line_of("(in no layer)", outside));
  lines.push_back(line_of("total", totals[0]));

  std::array<std::size_t, 5> widths{};
  for (const Line& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c)
      widths[c] = std::max(widths[c], length_of(line[c]));
  std::string text;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    if (l == 1 || l + 1 == lines.size()) {
      std::size_t width = 2 * (widths.size() - 1);
      for (std::size_t w : widths) width += w;
      text += std::string(width, '-') + "\n";
    }
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string& cell = lines[l][c];
      const std::string blank(widths[c] - length_of(cell), ' ');
      text += c == 0 ? cell + blank : "  " + blank + cell;
    }
    text += "\n";
  }
  return text;
}

}  // namespace gradus::graph
