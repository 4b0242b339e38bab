#include "affine.h"
#include "command.h"
#include "run_options.h"

#include "gradus/exchange/save_onnx.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/norm.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "A trained model as an ONNX file, for programs without Gradus: rows as the run's data have them in, what\n"
    "'gradus predict' says of them out, in batches of any size.\n\n"
    "usage: gradus export RUN [options]";

constexpr const char* kExamples =
    "\nexamples\n"
    "  gradus export runs/latest\n"
    "  gradus export my-run --out digits.onnx --fold\n"
    "  gradus export my-run --net\n";

/// Preprocessing, network, and probabilities of classes or numbers in their own unit.
struct Predictor : nn::Module<Predictor> {
  explicit Predictor(const report::SavedRun& run_)
      : run(&run_), preprocess(run_.transform, run_.input, "export"), net(run_.net) {}
  Tensor forward(const Tensor& rows) {
    const Tensor y = net(preprocess(rows));
    return run->regression ? y * run->target_std + run->target_mean : softmax(y, 1);
  }
  auto fields() { return nn::fields("net", net); }

  const report::SavedRun* run;
  Affine preprocess;
  nn::Sequential net;
};

}  // namespace

int run_export(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_option(known, "out", "FILE", "where to write to (model.onnx in the run's folder)");
  known.add_options()("net", "the network alone: rows as it gets them in, scores before the softmax out");
  known.add_options()("fold", "batch norms are folded into the layers before them");
  const Options options("export", known, arguments, kUsage, kExamples, 1);
  if (options.help_shown()) return 0;
  if (options.arguments().empty())
    throw UsageError("export: expected the folder of a run first, got nothing (see 'gradus export --help')");
  report::SavedRun run = load_run(options);
  const std::string file = options.has("out") ? options.text("out")
                                              : (std::filesystem::path(options.arguments()[0]) / "model.onnx").string();
  Shape shape = options.has("net") ? run.given : run.input;
  shape.insert(0, 2);
  nn::SaveOnnxOptions how{.inputs = {"rows"}, .outputs = {}, .fold_batch_norms = options.has("fold")};
  if (options.has("net")) {
    how.outputs = {run.regression ? "values" : "scores"};
    nn::save_onnx(run.net, zeros(shape), file, how);
  } else {
    how.outputs = {run.regression ? "values" : "probabilities"};
    Predictor predictor(run);
    nn::save_onnx(predictor, zeros(shape), file, how);
  }
  fmt::print("{}\n", file);
  return 0;
}

}  // namespace gradus::cli
