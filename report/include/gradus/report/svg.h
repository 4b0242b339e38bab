#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::report {

// Pictures of lines, dots and histograms, in files that browsers show.

/// How the points of a series are drawn.
enum class Draw : std::uint8_t { line, dots, bars };

/// Points that belong together. One that is not finite, or not positive on a logarithmic axis, is left out.
struct Series {
  std::string name = {};  // shown in a legend unless empty
  std::vector<double> x = {}, y = {};
  Draw draw = Draw::line;
};

/// Axes with the series between them.
struct Panel {
  std::string title = {}, x_label = {}, y_label = {};
  std::vector<Series> series = {};
  bool log_x = false, log_y = false;
  /// The axes' ranges; where both ends are equal, those of the data.
  double x_min = 0, x_max = 0, y_min = 0, y_max = 0;
};

/// How panels are put together.
struct Layout {
  std::size_t columns = 1;
  double width = 420, height = 300;  // of a panel, in pixels
};

/// The panels row by row, as SVG.
std::string to_svg(const std::vector<Panel>& panels, const Layout& layout = {});
/// IoError if the file can't be written.
void write_svg(const std::string& path, const std::vector<Panel>& panels, const Layout& layout = {});

/// How many of the values lie in each of `bins` equal parts of low … high, as bars; those beyond count in the
/// outermost.
Series histogram(const std::vector<double>& values, double low, double high, int bins);

}  // namespace gradus::report
GRADUS_EXPORT_END
