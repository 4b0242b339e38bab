#pragma once

#include "source.h"

#include "gradus/report/saved_run.h"

#include <string>
#include <vector>

namespace gradus::cli {

/// Options of commands about a run, whose folder stands among the arguments: data, the part of it, --config.
void add_run_options(po::options_description& known);
/// The run's own options hold where none are given. UsageError without a folder.
Options run_options(const char* command,
                    const po::options_description& known,
                    const std::vector<std::string>& arguments,
                    const char* usage,
                    const std::string& examples);
/// The run; IoError if its weights are missing or it can't be told what was done to its inputs.
report::SavedRun load_run(const Options& options);
/// The rows that --part names, or of the first part that has some, before preprocessing. UsageError where there are
/// none.
data::Dataset rows_of(const Options& options, const report::SavedRun& run);
/// The test rows of a run's own data.
data::Dataset test_rows_of(const std::string& folder);

}  // namespace gradus::cli
