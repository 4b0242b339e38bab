#include "gradus/report/report.h"

#include "command.h"
#include "saved_run.h"
#include "scores.h"

#include "gradus/ops/norm.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <spawn.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus::cli {
namespace {

constexpr std::size_t kWorst = 24;

constexpr const char* kUsage =
    "Writes one page about runs side by side: curves, layers, first weights, confusion, findings. It needs no other "
    "file\n"
    "and no network.\n\n"
    "usage: gradus report RUN… [options]";

std::string examples() {
  return "\nexamples\n"
         "  gradus report runs/latest --open\n"
         "  gradus report runs/0001 runs/0002 --out compared.html\n"
         "  gradus report runs/* --tensorboard events\n"
         "  gradus report runs/latest --json | jq '.runs[0].summary'\n";
}

std::string name_of(const std::vector<std::string>& names, std::int64_t c) {
  return c < std::ssize(names) ? names[static_cast<std::size_t>(c)] : std::to_string(c);
}

/// The rows that the model was surest of and wrong about.
std::vector<report::Evaluation::Row> worst_rows(const Tensor& outputs,
                                                const data::Dataset& rows,
                                                const std::vector<std::string>& names) {
  const Tensor p = contiguous(cast(softmax(outputs, 1), float64)), truth = contiguous(rows.targets);
  const std::int64_t classes = p.size(1);
  std::vector<std::pair<double, std::int64_t>> wrong;  // probability of the guess, row
  std::vector<std::int64_t> guesses(static_cast<std::size_t>(rows.size()));
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    const double* const at = p.data<double>() + i * classes;
    const std::int64_t guess = std::max_element(at, at + classes) - at;
    guesses[static_cast<std::size_t>(i)] = guess;
    if (guess != truth.data<std::int64_t>()[i]) wrong.emplace_back(at[guess], i);
  }
  std::sort(wrong.rbegin(), wrong.rend());
  if (wrong.size() > kWorst) wrong.resize(kWorst);
  std::vector<report::Evaluation::Row> list;
  for (const auto& [probability, i] : wrong) {
    const Tensor input = slice(rows.inputs, 0, i, i + 1);
    Shape shape = input.shape();
    shape.erase(0);
    list.push_back({.row = i,
                    .truth = name_of(names, truth.data<std::int64_t>()[i]),
                    .guess = name_of(names, guesses[static_cast<std::size_t>(i)]),
                    .probability = probability,
                    .shape = std::vector<std::int64_t>(shape.begin(), shape.end()),
                    .values = input.to_vector()});
  }
  return list;
}

/// Of a run's own test rows; nothing where its model or its data can't be read, as of a run that is under way.
std::optional<report::Evaluation> evaluate_run(const std::string& folder) {
  try {
    po::options_description known("");
    add_saved_run_options(known);
    const Options options("report", known, with_run_options("report", {folder}), kUsage, "", 1);
    SavedRun run(folder);
    const data::Dataset rows = rows_of(options, run);
    if (run.regression || rows.targets.dtype() != int64) return {};
    const std::int64_t classes = rows.num_classes();
    return report::Evaluation{
        .part = "test",
        .classes = run.class_names,
        .confusion = confusion(run.net, rows, run.preprocess, classes),
        .worst = worst_rows(outputs_of(run.net, rows.inputs, run.preprocess), rows, run.class_names)};
  } catch (const Error&) {
    return {};
  } catch (const UsageError&) {
    return {};
  }
}

bool show_in_browser(std::string place) {
  std::string program = "xdg-open";
  char* const values[] = {program.data(), place.data(), nullptr};
  pid_t child = 0;
  int status = 1;
  return posix_spawnp(&child, values[0], nullptr, nullptr, values, environ) == 0 &&
         waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int run_report(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_option(known, "out", "FILE", "the page (report.html in the first run's folder)");
  known.add_options()("json", "prints all that the page shows as JSON instead");
  add_option(known, "tensorboard", "DIR", "also writes event files for TensorBoard, a folder a run");
  known.add_options()("no-rows", "does not evaluate the test rows");
  known.add_options()("open", "shows the page in the browser");
  const Options options("report", known, arguments, kUsage, examples(), 64);
  if (options.help_shown()) return 0;
  const std::vector<std::string>& runs = options.arguments();
  if (runs.empty()) throw UsageError("report: expected the folder of a run, got nothing (see 'gradus report --help')");
  report::Report report;
  for (const std::string& run : runs) {
    report.add_run(run);
    if (options.has("no-rows")) continue;
    if (const auto evaluation = evaluate_run(run)) report.add_evaluation(*evaluation);
  }
  if (options.has("json")) {
    fmt::print("{}", report.json());
    return 0;
  }
  if (options.has("tensorboard")) report.write_tensorboard(options.text("tensorboard"));
  const std::string out =
      options.has("out") ? options.text("out") : (std::filesystem::path(runs[0]) / "report.html").string();
  gradus::detail::write_file("report", out, report.html());
  fmt::print("report written to {}\n", out);
  if (options.has("open")) {
    const std::string place = std::filesystem::absolute(out).string();
    if (!show_in_browser(place)) fmt::print("no browser was found: open file://{}\n", place);
  }
  return 0;
}

}  // namespace gradus::cli
