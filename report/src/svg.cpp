#include "gradus/report/svg.h"

#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus::report {
namespace {

// Okabe & Ito's colours, told apart with any colour vision; black last, without the yellow that is lost on white.
constexpr std::array kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"};

std::string escaped(const std::string& words) {
  std::string text;
  for (const char c : words) {
    if (c == '<')
      text += "&lt;";
    else if (c == '&')
      text += "&amp;";
    else if (static_cast<unsigned char>(c) < 0x20)
      text += ' ';
    else
      text += c;
  }
  return text;
}

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
      const int first = static_cast<int>(std::ceil(scaled(low) - 1e-9));
      const int last = static_cast<int>(std::floor(scaled(high) + 1e-9));
      for (int t = first; t <= last; t += 1 + (last - first) / 7) at.push_back(std::pow(10, t));
      return at;
    }
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (double nice : {5.0, 2.0, 1.0})
      if (nice * power >= rough) step = nice * power;
    const int first = static_cast<int>(std::ceil(low / step - 1e-9));
    for (int t = first; t * step <= high + 1e-9 * step; ++t) at.push_back(t * step + 0.0);  // not -0
    return at;
  }
};

Axis make_axis(const Panel& panel, bool x, double begin, double end) {
  Axis axis{x ? panel.log_x : panel.log_y, x ? panel.x_min : panel.y_min, x ? panel.x_max : panel.y_max, begin, end};
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

void text(std::string& out, double x, double y, const std::string& words, const char* more) {
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, more, escaped(words));
}
void stroke(std::string& out, const std::string& path, const char* colour, double width = 1) {
  constexpr const char* form = "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>\n";
  out += fmt::format(form, path, colour, width);
}

void draw_series(std::string& out, const Series& s, const char* colour, const Axis& x, const Axis& y) {
  const double gap = s.x.size() > 1 ? x.place(s.x[1]) - x.place(s.x[0]) : 4;
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < s.y.size(); ++i) {
    const bool shown = x.shows(s.x[i]) && y.shows(s.y[i]);
    if (shown && s.draw == Draw::line)
      path += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x.place(s.x[i]), y.place(s.y[i]));
    else if (shown && s.draw == Draw::dots)
      path += fmt::format("M{:.1f} {:.1f}m-2.5 0h5", x.place(s.x[i]), y.place(s.y[i]));
    else if (shown && s.y[i] > 0)
      path += fmt::format("M{:.1f} {:.1f}V{:.1f}", x.place(s.x[i]), y.begin, y.place(s.y[i]));
    pen_down = shown;
  }
  stroke(out, path, colour, s.draw == Draw::line ? 1.6 : s.draw == Draw::dots ? 5 : gap);
}

void draw_panel(std::string& out, const Panel& panel, double left, double top, const Layout& layout) {
  const bool small = layout.height < 150;  // a cell of a table of histograms
  std::size_t longest = 0;
  for (const Series& s : panel.series) longest = std::max(longest, s.name.size());
  const double legend = 6.5 * static_cast<double>(longest) + 12;
  const double right = left + layout.width - legend, bottom = top + layout.height;
  const Axis x = make_axis(panel, true, left + (small ? 8 : 64), right);
  const Axis y = make_axis(panel, false, bottom - (small ? 20 : 44), top + 26);
  constexpr const char* kMiddle = " text-anchor=\"middle\"";
  for (double t : x.ticks()) {
    const double at = x.place(t);
    if (!small) stroke(out, fmt::format("M{:.1f} {:.1f}V{:.1f}", at, y.begin, y.end), "#ddd");
    text(out, at, y.begin + 14, fmt::format("{:.4g}", t), kMiddle);
  }
  for (double t : small ? std::vector<double>() : y.ticks()) {
    const double at = y.place(t);
    stroke(out, fmt::format("M{:.1f} {:.1f}H{:.1f}", x.begin, at, x.end), "#ddd");
    text(out, x.begin - 5, at + 4, fmt::format("{:.4g}", t), " text-anchor=\"end\"");
  }
  constexpr const char* corner = "M{:.1f} {:.1f}V{:.1f}H{:.1f}";
  stroke(out, fmt::format(corner, x.begin, y.end, y.begin, x.end), "#444");

  const double middle = (x.begin + x.end) / 2, centre = (y.begin + y.end) / 2;
  text(out, middle, top + 16, panel.title, " text-anchor=\"middle\" font-weight=\"bold\"");
  text(out, middle, y.begin + 32, panel.x_label, kMiddle);
  out += fmt::format("<g transform=\"translate({:.1f} {:.1f}) rotate(-90)\">", left + 12, centre);
  text(out, 0, 0, panel.y_label, kMiddle);
  out += "</g>\n";
  double line = y.end + 10;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    draw_series(out, panel.series[i], colour, x, y);
    const std::string fill = fmt::format(" fill=\"{}\"", colour);
    if (!panel.series[i].name.empty())
      text(out, x.end + 6, std::exchange(line, line + 15), panel.series[i].name, fill.c_str());
  }
}

}  // namespace

std::string to_svg(const std::vector<Panel>& panels, const Layout& layout) {
  const std::size_t columns = std::clamp<std::size_t>(panels.size(), 1, layout.columns);
  const std::size_t rows = (panels.size() + columns - 1) / columns;
  const double width = layout.width, height = layout.height;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width * static_cast<double>(columns),
      height * static_cast<double>(rows));
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const std::size_t row = i / columns, column = i % columns;
    const double left = width * static_cast<double>(column), top = height * static_cast<double>(row);
    draw_panel(out, panels[i], left, top, layout);
  }
  out += "</svg>\n";
  return out;
}

void write_svg(const std::string& path, const std::vector<Panel>& panels, const Layout& layout) {
  gradus::detail::write_file("svg", path, to_svg(panels, layout));
}

Series histogram(const std::vector<double>& values, double low, double high, int bins) {
  Series s{"", {}, std::vector<double>(static_cast<std::size_t>(bins)), Draw::bars};
  const double width = (high - low) / bins;
  for (int i = 0; i < bins; ++i) s.x.push_back(low + (i + 0.5) * width);
  for (double v : values)
    if (!std::isnan(v)) ++s.y[static_cast<std::size_t>(std::clamp((v - low) / width, 0.0, bins - 0.5))];
  return s;
}

}  // namespace gradus::report
