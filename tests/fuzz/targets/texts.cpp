#include "command.h"
#include "recipe.h"
#include "small_models.h"
#include "target.h"

#include "gradus/nn/model_text.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/text.h"
#include "gradus/train/space.h"

namespace gradus::fuzz {
namespace {

// A text may ask for any model, so it is only read where that is small.
const Registered kModel{{
    .name = "model_text",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {"fc 4, bn, relu, dropout 0.5, fc 2",
              "conv 4 3, relu, pool 2, conv 2, gelu, global_pool, fc 3",
              "upsample 2, group_norm 1, maxout 2, flatten, layer_norm, leaky_relu 0.2"};
    },
    .read =
        [](const std::string& text) {
          if (is_small_model(text)) nn::model_from_text(text, {2, 8, 8});
        },
    .per_byte = 200'000,  // a layer in a few bytes, with its weights
    .is_told = true,
    .words = {"fc 2",
              "conv 2 3",
              "pool",
              "avg_pool 2",
              "global_pool",
              "bn",
              "layer_norm",
              "group_norm 2",
              "upsample",
              "dropout 0.1",
              "flatten",
              "leaky_relu",
              "prelu",
              "elu 1",
              "maxout 2",
              "1e9",
              "4294967297"},
}};

/// What `gradus tune` is told: each line behind a --search of its own.
void read_searches(const std::string& text) {
  namespace po = boost::program_options;
  po::options_description known("");
  known.add_options()("search", po::value<std::vector<std::string>>());
  for (const char* option : {"model", "optimizer", "lr", "schedule", "momentum", "weight-decay", "batch"})
    cli::add_option(known, option, "", "");
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    arguments.push_back("--search=" + text.substr(at, end - at));
    at = end + 1;
  }
  try {
    const cli::Options options("tune", known, arguments, "", "");
    const cli::Recipe recipe(options, {});
    const train::Space space(recipe.parameters());
    for (const double place : {0.0, 0.5, 1.0}) recipe.command(space.at(std::vector<double>(space.size(), place)));
  } catch (const cli::UsageError& error) {
    fail<ArgumentError>("search", error.what());
  }
}

const Registered kSearch{{
    .name = "search_text",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {"lr=1e-5..1e-1\ndecay=1e-6..1",
              "optimizer=adam|sgd\nmomentum=0..0.99\nbatch=16..256",
              "model=fc 32..256, relu, conv 4 3..5, fc 10",
              "model=fc 10 | fc 32, relu, fc 10\nschedule=constant|step 0.3 0.1"};
    },
    .read = read_searches,
    .per_byte = 2000,
    .is_told = true,
    .words = {"lr=", "model=", "optimizer=", "..", "|", "1e-5..1e-1", "momentum=0..1", "9223372036854775807", "cosine"},
}};

/// `gradus train --config FILE`.
void read_config(const std::string& path) {
  namespace po = boost::program_options;
  po::options_description known("");
  for (const char* option : {"config", "model", "epochs", "lr", "seed"}) cli::add_option(known, option, "", "");
  cli::add_data_options(known);
  known.add_options()("quiet", "");
  try {
    const cli::Options options("train", known, {"--config", path}, "", "");
    options.whole("epochs", 1, 1, cli::kMany);
    options.number("lr", 0, 0, 1);
    options.given({"config"});
  } catch (const cli::UsageError& error) {
    fail<ArgumentError>("config", error.what());
  }
}

const Registered kConfig{{
    .name = "config",
    .file = "config.json",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {R"({"lr": 0.01, "epochs": 3, "model": "fc 10", "regression": true})",
              R"({"gradus_run": 1, "epochs": 5, "options": {"seed": "7", "other": "x", "quiet": false}})"};
    },
    .read = read_config,
    .per_byte = 500,
    .is_told = true,
    .words = {"\"options\":", "\"gradus_run\":", "\"quiet\":true", "\"lr\":", "[[", "null"},
}};

}  // namespace
}  // namespace gradus::fuzz
