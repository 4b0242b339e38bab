#include "collect.h"
#include "programs.h"

#include "gradus/report/svg.h"
#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& v : list)
    values.push_back(v.is_number() ? v.get<double>() : std::numeric_limits<double>::quiet_NaN());
  return values;
}

/// Nothing where no point has a value.
void add_curve(Panel& panel, const std::string& name, const Json& table, const char* x, const Json& y) {
  if (!table.contains(x)) return;
  Series series{.name = name, .x = numbers(table[x]), .y = numbers(y)};
  series.y.resize(series.x.size(), std::numeric_limits<double>::quiet_NaN());
  for (const double v : series.y)
    if (std::isfinite(v)) {
      panel.series.push_back(std::move(series));
      return;
    }
}

Panel by_epoch(const Json& runs, const char* what, const char* title) {
  Panel panel{.title = title, .x_label = "epoch", .y_label = what};
  for (const Json& run : runs)
    for (const char* part : {"train", "validation", "test"}) {
      const std::string key = fmt::format("{}_{}", part, what);
      if (!run["epochs"].contains(key)) continue;
      const std::string name = runs.size() > 1 ? run["name"].get<std::string>() + " " + part : part;
      add_curve(panel, name, run["epochs"], "epoch", run["epochs"][key]);
    }
  return panel;
}

Panel by_step(const Json& runs, const char* key, const char* title) {
  Panel panel{.title = title, .x_label = "step", .y_label = key};
  for (const Json& run : runs)
    if (run["steps"].contains(key))
      add_curve(panel, run["name"].get<std::string>(), run["steps"], "step", run["steps"][key]);
  return panel;
}

/// Norms of a run's parameters by step.
Panel by_parameter(const Json& run, const char* key, const char* title) {
  Panel panel{.title = title, .x_label = "step", .y_label = "norm", .log_y = true};
  if (run["steps"].contains("parameters"))
    for (const auto& [name, of] : run["steps"]["parameters"].items())
      if (of.contains(key)) add_curve(panel, name, run["steps"], "step", of[key]);
  return panel;
}

}  // namespace

std::vector<std::string> write_plots(const Subjects& subjects, const std::string& folder) {
  const Json all = collect(subjects);
  const Json& runs = all["runs"];
  std::vector<std::pair<std::string, Panel>> plots{{"loss", by_epoch(runs, "loss", "Loss")},
                                                   {"accuracy", by_epoch(runs, "accuracy", "Accuracy")},
                                                   {"r2", by_epoch(runs, "r2", "R²")},
                                                   {"batch_loss", by_step(runs, "loss", "Loss of batches")},
                                                   {"rate", by_step(runs, "lr", "Learning rate")}};
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (const char* key : {"weight", "gradient", "update"})
      plots.emplace_back(runs.size() > 1 ? fmt::format("{}_{}", key, i + 1) : key,
                         by_parameter(runs[i], key, fmt::format("Norm of {}s", key).c_str()));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail<IoError>("report", fmt::format("expected a folder for plots, got '{}' ({})", folder, error.message()));
  std::vector<std::string> files;
  for (const auto& [name, panel] : plots) {
    if (panel.series.empty()) continue;
    const std::string svg = (fs::path(folder) / (name + ".svg")).string(),
                      png = (fs::path(folder) / (name + ".png")).string();
    write_svg(svg, {panel}, {.width = 560, .height = 340});
    png_of(svg, png);
    files.insert(files.end(), {svg, png});
  }
  return files;
}

}  // namespace gradus::report
