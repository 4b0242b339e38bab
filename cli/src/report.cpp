#include "gradus/report/report.h"

#include "command.h"
#include "run_options.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Shows runs and searches: writes a page that needs no network, with curves, findings, weights, the graph, and the\n"
    "results of searches.\n\n"
    "usage: gradus report RUN… [options]     RUN: a run's folder, or the journal of a search";

constexpr const char* kExamples =
    "examples\n"
    "  gradus report runs/latest\n"
    "  gradus report runs/0001 runs/0002 search.jsonl -o both.html\n"
    "  gradus report runs/0001 --plots figures --tensorboard events\n"
    "  gradus report runs/0001 --serve 8080\n"
    "  gradus report runs/0001 --json > run.json\n";

constexpr std::size_t kMostPaths = 1000;

/// Where a run's data can still be read.
data::Dataset rows_if_there(const std::string& folder) {
  try {
    return test_rows_of(folder);
  } catch (const std::exception&) {
    return {};  // moved or gone: the report does without
  }
}

/// Until a signal ends the program.
void serve(const report::Subjects& subjects, int port, bool open) {
  report::serve(subjects, port, [&](int taken) {
    if (taken == 0) return true;
    const std::string address = fmt::format("http://127.0.0.1:{}/", taken);
    fmt::print("report at {}, Ctrl-C ends\n", address);
    std::fflush(stdout);
    if (open) report::open_in_browser(address);
    return true;
  });
}

}  // namespace

int run_report(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_option(known, "out,o", "FILE", "the page (report.html)");
  known.add_options()("open", po::bool_switch(), "shows it in the browser");
  add_option(known,
             "serve",
             "PORT",
             "serves it to this machine's browsers instead, live while runs go on; 0 takes any free port");
  known.add_options()("json", po::bool_switch(), "prints all that is known as JSON instead");
  add_option(known, "plots", "DIR", "also the curves as SVG and PNG");
  add_option(known, "tensorboard", "DIR", "also TensorBoard's event files");
  const Options options("report", known, arguments, kUsage, kExamples, kMostPaths);
  if (options.help_shown()) return 0;
  if (options.arguments().empty())
    throw UsageError("report: expected a run's folder or a journal of a search, got none (see 'gradus report --help')");

  for (const char* other : {"out", "open", "serve", "plots", "tensorboard"})
    if (options.has("json") && options.has(other))
      throw UsageError(fmt::format("--json: expected alone, got --{} as well", other));
  if (options.has("out") && options.has("serve")) throw UsageError("--serve: expected without --out, got both");
  const report::Subjects subjects{.paths = options.arguments(), .rows = rows_if_there};
  if (options.has("json")) {
    fmt::print("{}", report::to_json(subjects));
    return 0;
  }
  if (options.has("serve")) {
    serve(subjects, static_cast<int>(options.whole("serve", 0, 0, 65535)), options.has("open"));
    return 0;
  }
  const std::string out = options.has("out") ? options.text("out") : "report.html";
  gradus::detail::write_file("report", out, report::to_html(subjects));
  fmt::print("report written to {}\n", out);
  if (options.has("open")) report::open_in_browser(out);
  if (options.has("plots"))
    fmt::print(
        "{} plots written to {}\n", report::write_plots(subjects, options.text("plots")).size(), options.text("plots"));
  if (options.has("tensorboard"))
    fmt::print("{} event files written to {}\n",
               report::write_events(subjects, options.text("tensorboard")).size(),
               options.text("tensorboard"));
  return 0;
}

}  // namespace gradus::cli
