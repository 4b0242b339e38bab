#pragma once

#include "command.h"

#include "gradus/data/dataset.h"

#include <cstdint>
#include <string>

namespace gradus::cli {

/// Data to train on, and what suits it where the user does not say.
struct Source {
  data::Splits splits;
  std::int64_t classes = 0;  // 0: a number is to be predicted
  bool has_missing = false;  // inputs that are NaN, for data::Impute
  std::string model = {};
  int epochs = 5;
  double lr = 1e-3;  // for Adam
  std::int64_t batch = 64;
};

void add_data_options(po::options_description& known);
/// Reads or makes what the options ask for. UsageError for a source that is not known.
Source load_source(const Options& options);
/// For the help.
std::string source_help();

}  // namespace gradus::cli
