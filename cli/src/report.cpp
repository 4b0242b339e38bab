#include "gradus/report/report.h"

#include "command.h"
#include "source.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

/// The rows that a run was scored on, where its data can still be read.
data::Dataset rows_of(const std::string& config) {
  const auto json = nlohmann::json::parse(config, nullptr, false);
  if (!json.contains("data")) return {};
  po::options_description known("");
  add_data_options(known);
  std::vector<std::string> given;
  const auto options = json.value("options", nlohmann::json::object());
  for (const auto& [name, value] : options.items()) {
    const po::option_description* const option = known.find_nothrow(name, false);
    if (option == nullptr) continue;
    given.push_back("--" + name);
    if (option->semantic()->max_tokens() > 0) given.push_back(value.get<std::string>());
  }
  try {
    const Source source = load_source(Options("report", known, given, "", ""));
    const data::Dataset& rows = source.splits.test;
    return rows.size() == json.value("test_rows", std::int64_t{-1}) ? rows : data::Dataset();
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
  const auto add = [&known](const char* name, const char* value, const char* about) {
    known.add_options()(name, po::value<std::string>()->value_name(value), about);
  };
  add("out,o", "FILE", "the page (report.html)");
  known.add_options()("open", po::bool_switch(), "shows it in the browser");
  add("serve", "PORT", "serves it to this machine's browsers instead, live while runs go on; 0 takes any free port");
  known.add_options()("json", po::bool_switch(), "prints all that is known as JSON instead");
  add("plots", "DIR", "also the curves as SVG and PNG");
  add("tensorboard", "DIR", "also TensorBoard's event files");
  const Options options("report", known, arguments, kUsage, kExamples, kMostPaths);
  if (options.help_shown()) return 0;
  if (options.arguments().empty())
    throw UsageError("report: expected a run's folder or a journal of a search, got none (see 'gradus report --help')");

  for (const char* other : {"out", "open", "serve", "plots", "tensorboard"})
    if (options.has("json") && options.has(other))
      throw UsageError(fmt::format("--json: expected alone, got --{} as well", other));
  if (options.has("out") && options.has("serve")) throw UsageError("--serve: expected without --out, got both");
  const report::Subjects subjects{.paths = options.arguments(), .rows = rows_of};
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
