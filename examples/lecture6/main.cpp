// The experiments of CS231n's lecture 6, "Training Neural Networks I", of 20 April 2017. Each prints a table and writes
// a picture.
#include "activations.h"
#include "augmentations.h"
#include "batch_norm.h"
#include "centring.h"
#include "curves.h"
#include "dying_relu.h"
#include "gradients.h"
#include "noise.h"
#include "search.h"
#include "starts.h"
#include "watching.h"
#include "zigzag.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

namespace {

struct Experiment {
  const char* name;
  void (*show)(const std::string& folder);
  const char* about;
};

using namespace lecture6;

constexpr char kRates[] = "rates", kBatches[] = "batches", kFlatStart[] = "flat_start", kGap[] = "gap",
               kWeightNorms[] = "weight_norms", kRateDecay[] = "rate_decay";

template <curves::Comparison make(), const char* name>
void compare(const std::string& folder) {
  curves::show(curves::run(make()), folder, name);
}

const Experiment kExperiments[] = {
    {"activations",
     [](const std::string& folder) { activations::show(activations::run(), folder); },
     "activations of ten layers under four initialisers"},
    {"gradients",
     [](const std::string& folder) { gradients::show(gradients::run(), folder); },
     "the first layer's gradient against depth, sigmoid beside relu"},
    {"zigzag",
     [](const std::string& folder) { zigzag::show(zigzag::run(), folder); },
     "the path of a neuron's weights with positive inputs"},
    {"dying_relu",
     [](const std::string& folder) { dying_relu::show(dying_relu::run(), folder); },
     "units that no row activates any more, against the learning rate"},
    {"centring",
     [](const std::string& folder) { centring::show(centring::run(), folder); },
     "what preprocessing does for the first steps"},
    {"batch_norm",
     [](const std::string& folder) { batch_norm::show(batch_norm::run(), folder); },
     "a deep network trained with and without batch normalisation"},
    {"watching",
     [](const std::string& folder) { watching::show(watching::run(), folder); },
     "the loss at the start, a few rows learnt by heart, learning rates"},
    {"search",
     [](const std::string& folder) { search::show(search::run(), folder); },
     "learning rate and weight decay on a grid, at random, and finely"},
    {"starts",
     [](const std::string& folder) { starts::show(starts::run(), folder); },
     "a positive bias, large weights under sigmoid, inputs of a mean far from zero, layer by layer"},
    {"noise",
     [](const std::string& folder) { noise::show(noise::run(), folder); },
     "elu beside leaky relu on noisy inputs"},
    {"augmentations",
     [](const std::string& folder) { augmentations::show(augmentations::run(), folder); },
     "what each augmentation makes of a few pictures"},
    {"rates", compare<curves::rates, kRates>, "learning rates without and with batch normalisation"},
    {"batches", compare<curves::batches, kBatches>, "all rows a step against a few"},
    {"flat_start", compare<curves::flat_start, kFlatStart>, "a loss that is flat at first and then falls"},
    {"gap", compare<curves::gap, kGap>, "a gap between training and other rows, and none"},
    {"weight_norms", compare<curves::weight_norms, kWeightNorms>, "the norm of the weights under weight decay"},
    {"rate_decay", compare<curves::rate_decay, kRateDecay>, "a rate that falls in steps, as 1/t, exponentially"},
};

int usage() {
  std::printf("usage: example_lecture6 EXPERIMENT… [--out DIR]\n\n");
  for (const Experiment& e : kExperiments) std::printf("  %-14s %s\n", e.name, e.about);
  std::printf("  %-14s all of them\n\nPictures are written to DIR (the current folder).\n", "all");
  return 2;
}

}  // namespace

int main(int count, char** arguments) try {
  std::string folder = ".";
  bool chosen[std::size(kExperiments)] = {};
  int found = 0;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "--out" && i + 1 < count) {
      folder = arguments[++i];
      continue;
    }
    const int before = found;
    for (std::size_t e = 0; e < std::size(kExperiments); ++e)
      if (word == "all" || word == kExperiments[e].name) chosen[e] = true, ++found;
    if (found == before) return usage();
  }
  if (found == 0) return usage();
  gradus::set_num_threads(1);  // the networks are too small for more
  std::filesystem::create_directories(folder);
  for (std::size_t e = 0; e < std::size(kExperiments); ++e)
    if (chosen[e]) {
      std::printf("-- %s: %s\n", kExperiments[e].name, kExperiments[e].about);
      std::fflush(stdout);
      kExperiments[e].show(folder);
      std::printf("\n");
    }
} catch (const std::exception& error) {
  std::fprintf(stderr, "example_lecture6: %s\n", error.what());
  return 1;
}
