#include "command.h"
#include "job.h"
#include "scores.h"
#include "signals.h"

#include "gradus/train/babysitter.h"
#include "gradus/train/fit.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Trains a model on a data set, and writes the run: config.json, metrics.jsonl, summary.json, weights.safetensors,\n"
    "what was measured (steps.jsonl) and found wrong (findings.jsonl) on the way, and the preprocessing.\n\n"
    "usage: gradus train [options]";

std::string examples() {
  return job_help() +
         "\nexamples\n"
         "  gradus train\n"
         "  gradus train --data spiral --model \"fc 64, tanh, fc 3\" --lr 0.01 --epochs 50\n"
         "  gradus train --data mnist:DIR --model \"fc 512, bn, relu, fc 10\" --epochs 3 --seed 1 --out my-run\n"
         "  gradus train --config my-run/config.json --lr 0.001\n"
         "  gradus train --data csv:FILE --label species --validation 0.2 --early-stop 10\n"
         "  gradus train --data mnist:DIR --optimizer sgd --lr 0.1 --momentum 0.9 --schedule \"step 0.3\"\n"
         "  gradus train --data cifar10:DIR --model \"conv 32, bn, relu, pool, conv 64, bn, relu, pool, fc 10\" \\\n"
         "    --augment \"flip, crop 4\" --checkpoint run.safetensors --every 100\n"
         "  gradus train --data … --resume run.safetensors\n"
         "\nexit codes\n"
         "  0 trained; 2 a mistake, or a loss that explodes; 128 + N stopped by signal N, and can be gone on with\n";
}

po::options_description known_options() {
  po::options_description known("");
  add_job_options(known);
  add_option(
      known, "out", "DIR", "the run's folder: new, empty, or of an earlier run, which is replaced (runs/0001, …)");
  add_option(known,
             "checkpoint",
             "FILE",
             "where to keep what a run needs to be gone on with (checkpoint.safetensors in its folder, if a signal "
             "stops it)");
  add_option(known, "every", "N", "steps from one checkpoint to the next (an epoch)");
  add_option(known, "resume", "FILE", "a checkpoint to go on from; other options as they were");
  known.add_options()("keep-on", "also where the loss explodes to over 1000 times the first");
  known.add_options()("no-watch", "does not look for what goes wrong (findings.jsonl, steps.jsonl)");
  known.add_options()("confusion", "prints which classes were taken for which, on the test rows");
  known.add_options()("quiet", "prints errors and findings only");
  known.add_options()("json", "prints the summary as JSON, and nothing else");
  return known;
}

/// Keeps a run's preprocessing, and lowers its rate on a plateau.
class Companion : public train::Observer {
 public:
  explicit Companion(const Job& job) : job_(job) {
    if (job.plateau) plateau_.emplace(*job.optimizer, *job.plateau);
  }
  void before_run(const train::RunStart& start) override {
    if (!start.folder.empty() && job_.preprocess.size() > 0)
      data::save(job_.preprocess, start.folder + "preprocess.npz");
  }
  bool after_epoch(const train::EpochRecord& now) override {
    if (plateau_) plateau_->step(std::isnan(now.validation.loss) ? now.train.loss : now.validation.loss);
    return true;
  }

 private:
  const Job& job_;
  std::optional<optim::ReduceOnPlateau> plateau_;
};

train::Record fit_until_signal(Job& job, bool watched) {
  std::optional<train::Babysitter> sitter;
  if (watched) sitter.emplace(job.net, train::BabysitterOptions{.least = train::Severity::warning});
  Companion companion(job);
  StopOnSignal stop;
  train::Observers all{sitter ? &*sitter : nullptr, &companion, &stop};
  job.fit.observer = all;
  const SignalGuard signals;
  try {
    return train::fit(job.net, job.source.splits, job.fit, CallSite{});  // the program's own line tells nothing
  } catch (const train::Stopped& stopped) {
    throw Interrupted{caught_signal, stopped.checkpoint};
  }
}

void set_checkpoints(const Options& options, Job& job) {
  for (const char* name : {"checkpoint", "resume"})
    if (options.has(name) && options.text(name).empty())
      throw UsageError(fmt::format("--{}: expected a file, got ''", name));
  if (options.has("every") && !options.has("checkpoint"))
    throw UsageError("--every: expected with --checkpoint FILE only");
  if (job.plateau && (options.has("checkpoint") || options.has("resume")))
    throw UsageError("--schedule plateau: expected without --checkpoint and --resume, which do not keep its state");
  job.fit.checkpoint = options.text("checkpoint");
  job.fit.checkpoint_every = options.whole("every", 0, 1, kMany);
  job.fit.resume = options.text("resume");
}

void set_output(const Options& options, Job& job) {
  if (!options.has("out"))
    job.fit.runs = "runs";
  else if ((job.fit.out = options.text("out")).empty())
    throw UsageError("--out: expected a folder, got ''");
  if (options.has("keep-on")) job.fit.explosion = kInfinity;
  if (options.has("quiet") || options.has("json")) job.fit.progress = train::Progress::none;
}

void print_summary(const Job& job, const train::Record& record) {
  if (job.source.splits.validation.size() > 0)
    fmt::print("weights of epoch {} kept, the best on the validation rows\n", record.best_epoch);
  print_score("validation", record.validation);
  print_score("test", record.test);
  fmt::print("{:.1f} s, run written to {}\nto look at it: gradus report {} --open\n",
             record.seconds,
             record.folder,
             record.folder);
}

}  // namespace

int run_train(const std::vector<std::string>& arguments) {
  const Options options("train", known_options(), arguments, kUsage, examples());
  if (options.help_shown()) return 0;
  if (options.has("quiet") && options.has("json")) throw UsageError("--quiet: expected without --json, got both");
  Job job(options);
  set_checkpoints(options, job);
  set_output(options, job);
  const data::Splits& splits = job.source.splits;
  if (options.has("confusion") && (job.source.classes == 0 || splits.test.size() == 0))
    throw UsageError("--confusion: expected data with classes and test rows, got others");
  const bool talks = !options.has("quiet") && !options.has("json");
  if (talks)
    fmt::print("{} rows to train on, {} to validate, {} to test\nmodel \"{}\", {} parameters\n",
               splits.train.size(),
               splits.validation.size(),
               splits.test.size(),
               job.model,
               nn::parameter_count(job.net));
  const train::Record record = fit_until_signal(job, !options.has("no-watch"));
  if (talks) print_summary(job, record);
  report::Confusion counts;
  if (options.has("confusion"))
    counts = report::confusion(report::outputs_of(job.net, splits.test.inputs, job.fit.transform), splits.test.targets);
  if (options.has("json")) {
    nlohmann::ordered_json json{{"folder", record.folder},
                                {"epochs", record.history.size()},
                                {"best_epoch", record.best_epoch},
                                {"seconds", record.seconds},
                                {"train", score_json(record.train)},
                                {"validation", score_json(record.validation)},
                                {"test", score_json(record.test)}};
    if (options.has("confusion")) json["confusion"] = counts;
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  if (options.has("confusion") && talks) fmt::print("{}", confusion_text(counts, splits.train.class_names));
  return 0;
}

}  // namespace gradus::cli
