#include "gradus/inspect/dot.h"

#include "scope_tree.h"
#include "text.h"

#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <unordered_map>

namespace gradus::graph {
namespace {

constexpr std::size_t kLongest = 36;  // characters of attributes in a label; the tooltip has them all

/// Text in an HTML-like label: no markup, no control characters.
std::string html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

/// At most `kLongest` characters of UTF-8 text.
std::string shortened(const std::string& text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((text[i] & 0xC0) != 0x80 && ++characters > kLongest) return text.substr(0, i) + "…";
  return text;
}

std::string shape_text(const Shape& shape, DType dtype) {
  return dtype == float32 ? to_string(shape) : fmt::format("{} {}", to_string(shape), to_string(dtype));
}

std::string results_text(const NodeInfo& node) {
  std::string text;
  for (const Result& r : node.results) text += (text.empty() ? "" : ", ") + shape_text(r.shape, r.dtype);
  return text;
}

class Writer {
 public:
  Writer(const View& view, const DotOptions& options) : view_(view), options_(options) {}

  std::string run() {
    is_result_.resize(view_.size());
    for (std::size_t i : view_.results()) is_result_[i] = true;
    if (options_.heat)
      for (const NodeInfo& n : view_.nodes())
        if (!n.is_leaf) hottest_ = std::max(hottest_, options_.heat(n));

    put("digraph tape {{\n");
    put("  graph [rankdir=TB, nodesep=0.25, ranksep=0.3, fontname=\"Helvetica\", fontsize=11, "
        "labelloc=t{}];\n",
        options_.title.empty() ? "" : ", label=" + quoted(options_.title));
    put("  node [fontname=\"Helvetica\", fontsize=11, margin=\"0.12,0.05\", height=0.3, "
        "color=\"#5f6b7a\"];\n");
    put("  edge [fontname=\"Helvetica\", fontsize=9, color=\"#5f6b7a\", fontcolor=\"#5f6b7a\", "
        "arrowsize=0.6];\n");
    layers();
    if (options_.data) data();
    for (const EdgeInfo& edge : view_.edges()) arrow(edge);
    put("}}\n");
    return std::move(out_);
  }

 private:
  template <class... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }

  /// Every node, in the box of its layer.
  void layers() {
    const ScopeTree tree(view_);
    const auto totals = totals_by_scope(view_);  // row by row like the tree
    int open = 0;
    const auto close_to = [&](int depth) {
      for (; open > depth; --open) put("{:{}}}}\n", "", 2 * open);
    };
    for (std::size_t r = 0; r < tree.rows.size(); ++r) {
      const ScopeTree::Row& row = tree.rows[r];
      if (row.depth > 0) {
        close_to(row.depth - 1);
        std::string label = "<b>" + html(row.scope->name()) + "</b>";
        std::string what = options_.describe ? options_.describe(*row.scope) : std::string();
        const bool told = !what.empty();
        if (!told) what = row.scope->description();
        if (!what.empty()) label += "  " + html(what);
        if (!told && totals[r].parameters > 0)
          label += small(with_commas(totals[r].parameters) + (totals[r].parameters == 1 ? " parameter" : " parameters"),
                         "#808a96");
        put("{:{}}subgraph cluster_{} {{\n", "", 2 * row.depth, r);
        ++open;
        put("{:{}}label=<{}>; tooltip={}; labeljust=l; style=\"rounded,filled\"; "
            "color=\"#c3cad4\"; fillcolor=\"{}\";\n",
            "",
            2 * row.depth + 2,
            label,
            quoted(row.scope->path()),
            !options_.color      ? "white"
            : row.depth % 2 == 1 ? "#f4f6f8"
                                 : "#e9edf2");
      }
      for (std::size_t i : row.nodes) node(i, 2 * row.depth + 2);
    }
    close_to(0);
  }

  void node(std::size_t i, int indent) {
    const NodeInfo& n = view_[i];
    const std::string site = to_string(n.site);
    std::string tip = n.is_leaf ? n.label : std::string(n.op);
    if (!n.attributes.empty()) tip += " (" + n.attributes + ")";
    tip += "\n" + results_text(n) + ", " + bytes_text(n.bytes);
    if (n.flops > 0) tip += "\n" + flops_text(n.flops, "FLOPs");
    if (n.seconds > 0) tip += " in " + time_text(n.seconds);
    if (n.scope != nullptr) tip += "\nin " + n.path();
    if (!site.empty()) tip += "\nat " + site;
    put("{:{}}n{} [{}, label=<{}>, tooltip={}];\n",
        "",
        indent,
        i,
        style(i),
        n.is_leaf ? leaf_label(n) : op_label(n, i, site),
        quoted(tip));
  }

  std::string style(std::size_t i) const {
    const NodeInfo& n = view_[i];
    std::string fill = n.is_leaf ? "#ffedc2" : is_result_[i] ? "#cdeccd" : "#d9e7fb";
    if (options_.heat && !n.is_leaf) fill = heat_color(options_.heat(n));
    if (!options_.color) fill = "white";
    return fmt::format(R"(shape={}, style="{}", fillcolor="{}"{})",
                       n.is_leaf ? "cylinder" : "box",
                       n.is_leaf ? "filled" : "rounded,filled",
                       fill,
                       is_result_[i] ? ", penwidth=2" : "");
  }

  /// From pale yellow to red; 0 where nothing is hot.
  std::string heat_color(double value) const {
    const double t = hottest_ > 0 && value > 0 ? std::min(1.0, value / hottest_) : 0.0;
    const auto mix = [t](double pale, double hot) { return static_cast<int>(std::lround(pale + t * (hot - pale))); };
    return fmt::format("#{:02x}{:02x}{:02x}", mix(255, 240), mix(247, 110), mix(224, 85));
  }

  static std::string small(const std::string& text, const char* color) {
    return fmt::format(R"(<br/><font point-size="9" color="{}">{}</font>)", color, html(text));
  }

  static std::string leaf_label(const NodeInfo& n) {
    std::string name = n.label.empty() ? "leaf" : n.label;
    // "fc1.weight" in the box of net.fc1 is its weight.
    const std::size_t dot = name.rfind('.');
    if (dot != std::string::npos && ("." + n.path()).ends_with("." + name.substr(0, dot))) name.erase(0, dot + 1);
    return html(name) + small(results_text(n), "#404854");
  }

  std::string op_label(const NodeInfo& n, std::size_t i, const std::string& site) const {
    std::string label = "<b>" + html(n.op) + "</b>";
    if (!n.attributes.empty()) label += small(shortened(n.attributes), "#404854");
    label += small(results_text(n), "#404854");
    if (options_.saved && n.saved_bytes > 0) label += small(saved_text(i), "#7a4a8c");
    if (!site.empty()) label += small(site, "#808a96");
    return label;
  }

  /// "saves input 0, output: 25.1 kB".
  std::string saved_text(std::size_t i) const {
    std::string what;
    for (const SavedInfo& s : saved_by(i)) {
      if (!what.empty()) what += ", ";
      if (s.slot >= 0)
        what += fmt::format("input {}", s.slot);
      else
        what += s.slot == -1 ? "output" : fmt::format("output {}", -1 - s.slot);
    }
    return fmt::format("saves {}: {}", shortened(what), bytes_text(view_[i].saved_bytes));
  }

  std::span<const SavedInfo> saved_by(std::size_t i) const {
    const auto [begin, end] = std::ranges::equal_range(view_.saved(), i, {}, &SavedInfo::node);
    return {begin, end};
  }

  /// Inputs without a gradient, as far as some op keeps them; outside all layers.
  void data() {
    std::unordered_map<std::uint32_t, bool> drawn;  // by storage
    for (const SavedInfo& s : view_.saved()) {
      if (s.slot < 0) continue;
      const auto inputs = view_.inputs(s.node);
      const auto operand = static_cast<std::uint32_t>(s.slot);
      if (std::ranges::find(inputs, operand, &EdgeInfo::operand) != inputs.end()) continue;
      const std::string shape = shape_text(s.shape, s.dtype);
      if (drawn.emplace(s.storage, true).second)
        put("  d{} [shape=box, style=\"{}\", fillcolor=\"{}\", color=\"#9aa3ad\", label=<data{}>, "
            "tooltip={}];\n",
            s.storage,
            options_.color ? "dashed,filled" : "dashed",
            options_.color ? "#f0f0f0" : "white",
            small(shape, "#404854"),
            quoted("no gradient is asked for\n" + shape + ", " + bytes_text(s.bytes)));
      put("  d{} -> n{} [style=dashed, color=\"#9aa3ad\", tooltip={}];\n",
          s.storage,
          s.node,
          quoted(fmt::format("{} to input {}", shape, operand)));
    }
  }

  void arrow(const EdgeInfo& edge) {
    const NodeInfo& from = view_[edge.from];
    const Result& result = from.results[edge.output];
    const std::string shape = shape_text(result.shape, result.dtype);
    const std::string tip = quoted(fmt::format("{} to input {}", shape, edge.operand));
    // A leaf says its shape itself; its edges give way to those between ops.
    if (from.is_leaf)
      put("  n{} -> n{} [tooltip={}];\n", edge.from, edge.to, tip);
    else
      put("  n{} -> n{} [weight=6, label={}, tooltip={}];\n",
          edge.from,
          edge.to,
          quoted(from.results.size() > 1 ? fmt::format("{}: {}", edge.output, shape) : shape),
          tip);
  }

  const View& view_;
  const DotOptions& options_;
  std::vector<bool> is_result_;
  double hottest_ = 0;
  std::string out_;
};

}  // namespace

std::string to_dot(const View& view, const DotOptions& options) { return Writer(view, options).run(); }

void write_dot(const View& view, const std::string& path, const DotOptions& options) {
  detail::write_file("write_dot", path, to_dot(view, options));
}

}  // namespace gradus::graph
