#include "text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace gradus::graph {
namespace {

std::string scaled(double value, double small, const char* unit) {
  if (value < small) return fmt::format("{:.0f}{}{}", value, *unit == 0 ? "" : " ", unit);
  constexpr std::array prefixes{"k", "M", "G", "T", "P", "E"};
  value /= 1000;
  std::size_t p = 0;
  for (; value >= 999.95 && p + 1 < prefixes.size(); ++p) value /= 1000;
  return fmt::format("{:.1f} {}{}", value, prefixes[p], unit);
}

}  // namespace

std::string bytes_text(std::int64_t bytes) { return scaled(static_cast<double>(bytes), 1000, "B"); }

std::string flops_text(double flops, const char* unit) { return scaled(flops, 999.5, unit); }

std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  return seconds >= 1e-3 ? fmt::format("{:.2f} ms", seconds * 1e3) : fmt::format("{:.1f} us", seconds * 1e6);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string table_text(const std::vector<TextLine>& lines, std::size_t totals) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const TextLine& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], gradus::detail::columns(line[c]));
  std::size_t width = 2 * (widths.size() - 1);
  for (std::size_t w : widths) width += w;
  std::string text;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    if (l == 1 || (totals > 0 && l + totals == lines.size())) text += std::string(width, '-') + "\n";
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string& cell = lines[l][c];
      const std::string blank(widths[c] - gradus::detail::columns(cell), ' ');
      text += c == 0 ? cell + blank : "  " + blank + cell;
    }
    text += "\n";
  }
  return text;
}

}  // namespace gradus::graph
