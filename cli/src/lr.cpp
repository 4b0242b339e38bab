#include "command.h"
#include "job.h"

#include "gradus/train/find_rate.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Tells at which learning rates a model learns: trains it for some steps, each at a higher rate than the one "
    "before.\n\n"
    "usage: gradus lr [options]";

std::string examples() {
  return job_help() +
         "\nexamples\n"
         "  gradus lr --data mnist:DIR --model \"fc 512, relu, fc 10\"\n"
         "  gradus lr --data spiral --optimizer sgd --low 1e-4 --high 10 --json\n";
}

void print_curve(const train::RateRange& range) {
  constexpr std::size_t kLines = 20;
  fmt::print("{:>12} {:>12} {:>12}\n", "lr", "loss", "mean so far");
  const std::size_t n = range.curve.size(), lines = std::min(kLines, n);
  for (std::size_t i = 0; i < lines; ++i) {
    const train::RatePoint& point = range.curve[lines == 1 ? 0 : i * (n - 1) / (lines - 1)];
    fmt::print("{:>12.4g} {:>12.5g} {:>12.5g}\n", point.lr, point.loss, point.smooth);
  }
}

}  // namespace

int run_lr(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_job_options(known);
  add_option(known, "low", "RATE", "to begin with (1e-6)");
  add_option(known, "high", "RATE", "to end with (10)");
  add_option(known, "steps", "N", "from one to the other (100)");
  known.add_options()("json", "prints curve and result as JSON");
  const Options options("lr", known, arguments, kUsage, examples());
  if (options.help_shown()) return 0;
  const double low = options.number("low", 1e-6, 1e-300, 1e6), high = options.number("high", 10, 1e-300, 1e6);
  if (!(low < high)) throw UsageError(fmt::format("--low: expected a rate below --high, got {} and {}", low, high));
  Job job(options);
  const train::RateRange range = train::find_rate(job.net,
                                                  job.source.splits.train,
                                                  {.low = low,
                                                   .high = high,
                                                   .steps = options.whole("steps", 100, 10, 1'000'000),
                                                   .batch = job.fit.batch,
                                                   .optimizer = *job.optimizer,
                                                   .loss = job.fit.loss,
                                                   .transform = job.fit.transform,
                                                   .seed = *job.fit.seed},
                                                  CallSite{});
  if (options.has("json")) {
    nlohmann::ordered_json json{{"low", range.low},
                                {"high", range.high},
                                {"suggested", range.suggested},
                                {"too_high", range.too_high},
                                {"verdict", range.verdict},
                                {"curve", nlohmann::ordered_json::array()}};
    for (const train::RatePoint& p : range.curve)
      json["curve"].push_back({{"lr", p.lr}, {"loss", p.loss}, {"smooth", p.smooth}});
    fmt::print("{}\n", json.dump(2));
  } else {
    print_curve(range);
    fmt::print("{}\n", range.verdict);
    if (!std::isnan(range.suggested)) fmt::print("try --optimizer {} --lr {:.2g}\n", job.method, range.suggested);
  }
  return 0;
}

}  // namespace gradus::cli
