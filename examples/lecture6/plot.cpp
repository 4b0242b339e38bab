#include "plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace lecture6 {
namespace {

constexpr std::array kColours = {
    "#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"};

/// From values to places in pixels.
struct Axis {
  bool log;
  double low, high, begin, end;

  double scaled(double v) const { return log ? std::log10(v) : v; }
  double place(double v) const {
    const double share = (scaled(v) - scaled(low)) / (scaled(high) - scaled(low));
    return begin + std::clamp(share, 0.0, 1.0) * (end - begin);
  }
  bool shows(double v) const { return std::isfinite(v) && (!log || v > 0); }

  std::vector<double> ticks() const {
    std::vector<double> at;
    if (log) {
      const double first = std::ceil(scaled(low) - 1e-9), last = std::floor(scaled(high) + 1e-9);
      const double step = std::max(1.0, std::ceil((last - first) / 6));
      for (double t = first; t <= last; t += step) at.push_back(std::pow(10, t));
      return at;
    }
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (double nice : {5.0, 2.0, 1.0})
      if (nice * power >= rough) step = nice * power;
    for (double t = std::ceil(low / step - 1e-9); t * step <= high + 1e-9 * step; ++t)
      at.push_back(t * step + 0.0);  // not -0
    return at;
  }
};

Axis make_axis(const Panel& panel, bool x, double begin, double end) {
  Axis axis{x ? panel.log_x : panel.log_y,
            x ? panel.x_min : panel.y_min,
            x ? panel.x_max : panel.y_max,
            begin,
            end};
  if (axis.low != axis.high) return axis;
  axis.low = std::numeric_limits<double>::infinity(), axis.high = -axis.low;
  for (const Series& s : panel.series) {
    if (!x && s.draw == Draw::bars && !axis.log) axis.low = std::min(axis.low, 0.0);
    for (double v : x ? s.x : s.y)
      if (axis.shows(v)) axis.low = std::min(axis.low, v), axis.high = std::max(axis.high, v);
  }
  if (!(axis.low < axis.high)) {  // nothing, or one value
    const double middle = std::isfinite(axis.low) ? axis.low : 1;
    axis.low = axis.log ? middle / 10 : middle - 0.5;
    axis.high = axis.log ? middle * 10 : middle + 0.5;
  }
  return axis;
}

void text(
    std::string& out, double x, double y, const std::string& words, const std::string& more = "") {
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, more, words);
}

void draw_series(
    std::string& out, const Series& s, const char* colour, const Axis& x, const Axis& y) {
  const double gap = s.x.size() > 1 ? x.place(s.x[1]) - x.place(s.x[0]) : 4;
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
    const bool shown = x.shows(s.x[i]) && y.shows(s.y[i]);
    const double px = shown ? x.place(s.x[i]) : 0, py = shown ? y.place(s.y[i]) : 0;
    if (shown && s.draw == Draw::line)
      path += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', px, py);
    else if (shown && s.draw == Draw::dots)
      path += fmt::format("M{:.1f} {:.1f}h0", px, py);
    else if (shown && py < y.begin)
      path += fmt::format(
          "M{:.1f} {:.1f}V{:.1f}h{:.1f}V{:.1f}z", px - gap / 2, y.begin, py, gap, y.begin);
    pen_down = shown;
  }
  if (s.draw == Draw::bars)
    out += fmt::format("<path d=\"{}\" fill=\"{}\"/>\n", path, colour);
  else
    out += fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
        "stroke-linecap=\"round\"/>\n",
        path,
        colour,
        s.draw == Draw::dots ? 5 : 1.6);
}

void draw_panel(
    std::string& out, const Panel& panel, double left, double top, const Layout& layout) {
  const bool small = layout.height < 150;  // a cell of a table of histograms
  std::size_t longest = 0;
  for (const Series& s : panel.series) longest = std::max(longest, s.name.size());
  const double legend = 6.5 * static_cast<double>(longest) + 12;
  const Axis x = make_axis(panel, true, left + (small ? 8 : 64), left + layout.width - legend);
  const Axis y = make_axis(panel, false, top + layout.height - (small ? 20 : 44), top + 26);
  for (double t : x.ticks()) {
    if (!small)
      out += fmt::format(
          "<path d=\"M{0:.1f} {1:.1f}V{2:.1f}\" stroke=\"#ddd\"/>\n", x.place(t), y.begin, y.end);
    text(out, x.place(t), y.begin + 14, fmt::format("{:.4g}", t), " text-anchor=\"middle\"");
  }
  for (double t : small ? std::vector<double>() : y.ticks()) {
    out += fmt::format(
        "<path d=\"M{1:.1f} {0:.1f}H{2:.1f}\" stroke=\"#ddd\"/>\n", y.place(t), x.begin, x.end);
    text(out, x.begin - 5, y.place(t) + 4, fmt::format("{:.4g}", t), " text-anchor=\"end\"");
  }
  out += fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\" fill=\"none\" stroke=\"#444\"/>\n",
                     x.begin,
                     y.end,
                     y.begin,
                     x.end);
  const double middle = (x.begin + x.end) / 2;
  text(out, middle, top + 16, panel.title, " text-anchor=\"middle\" font-weight=\"bold\"");
  text(out, middle, y.begin + 32, panel.x_label, " text-anchor=\"middle\"");
  const double turned_x = left + 12, turned_y = (y.begin + y.end) / 2;
  text(out,
       turned_x,
       turned_y,
       panel.y_label,
       fmt::format(
           " text-anchor=\"middle\" transform=\"rotate(-90 {:.1f} {:.1f})\"", turned_x, turned_y));
  double line = y.end + 10;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const Series& s = panel.series[i];
    const char* colour = kColours[i % kColours.size()];
    draw_series(out, s, colour, x, y);
    if (s.name.empty()) continue;
    text(out, x.end + 6, line, s.name, fmt::format(" fill=\"{}\"", colour));
    line += 15;
  }
}

}  // namespace

void write_svg(const std::string& path, const std::vector<Panel>& panels, const Layout& layout) {
  const int count = static_cast<int>(panels.size());
  const int columns = std::clamp(count, 1, layout.columns);
  const int rows = (count + columns - 1) / columns;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      layout.width * columns,
      layout.height * rows);
  for (int i = 0; i < count; ++i)
    draw_panel(out,
               panels[static_cast<std::size_t>(i)],
               i % columns * layout.width,
               i / columns * layout.height,
               layout);
  out += "</svg>\n";
  std::ofstream file(path);
  if (!(file << out << std::flush)) throw std::runtime_error(path + ": can't be written");
}

Series histogram(const std::vector<double>& values, double low, double high, int bins) {
  Series s{"", {}, std::vector<double>(static_cast<std::size_t>(bins)), Draw::bars};
  const double width = (high - low) / bins;
  for (int i = 0; i < bins; ++i) s.x.push_back(low + (i + 0.5) * width);
  for (double v : values)
    ++s.y[static_cast<std::size_t>(std::clamp((v - low) / width, 0.0, bins - 0.5))];
  return s;
}

}  // namespace lecture6
