#include "command.h"
#include "job.h"

#include "gradus/train/babysitter.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Looks at data and model before training: inputs that are not centred or scaled, labels, rows that are also "
    "tested\n"
    "on, the first loss, weights, values by depth, and whether a few rows can be learnt by heart.\n\n"
    "usage: gradus check [options]";

std::string examples() {
  return job_help() +
         "\nexamples\n"
         "  gradus check --data mnist:DIR --model \"fc 512, relu, fc 10\"\n"
         "  gradus check --data csv:FILE --preprocess none\n"
         "  gradus check --config my-run/config.json --json\n"
         "\nexit codes\n"
         "  0 nothing above a note; 1 a warning or an error was found; 2 a mistake on the command line\n";
}

}  // namespace

int run_check(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_job_options(known);
  known.add_options()("json", "prints the findings as JSON, a line each");
  const Options options("check", known, arguments, kUsage, examples());
  if (options.help_shown()) return 0;
  Job job(options);
  train::Babysitter sitter(job.net, {.print = false});
  sitter.check(job.source.splits, job.fit.loss, job.fit.transform, CallSite{});
  bool sound = true;
  for (const train::Finding& finding : sitter.findings()) {
    fmt::print("{}\n", options.has("json") ? to_json(finding) : to_string(finding));
    sound = sound && finding.severity == train::Severity::note;
  }
  if (sitter.findings().empty() && !options.has("json"))
    fmt::print(
        "nothing found in {} rows and {} parameters\n", job.source.splits.train.size(), nn::parameter_count(job.net));
  return sound ? 0 : 1;
}

}  // namespace gradus::cli
