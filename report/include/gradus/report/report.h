#pragma once

#include "gradus/data/dataset.h"
#include "gradus/tensor/export.h"

#include <functional>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::report {

/// What a report is of.
struct Subjects {
  /// Folders of runs (train::fit), ended or going on, and journals of searches (train::Search).
  std::vector<std::string> paths = {};
  /// The rows that the run in a folder was scored on, raw; for the confusion matrix, the worst rows and the
  /// activations. None if they can't be had.
  std::function<data::Dataset(const std::string& folder)> rows = {};
};

/// All that is known of them, as JSON; docs/report.md lists its keys.
///   errors    IoError, naming the path and for files of lines the line, for what is no run and no journal, or damaged;
///             ArgumentError for no paths
std::string to_json(const Subjects& subjects);
/// The same as one HTML page that needs nothing else; a live one asks `serve` for what is new every other second.
std::string to_html(const Subjects& subjects, bool live = false);

/// Answers browsers of this machine at http://127.0.0.1:port/, each time with what the folders then hold. `ready` is
/// told the port, which the system chooses for 0, before the first, and after each is asked (with 0) whether to go on.
///   errors    as of `to_json`, before anything is served; IoError if the port is not free
void serve(const Subjects& subjects, int port, const std::function<bool(int port)>& ready);
/// Has the desktop open a file or address. IoError without xdg-open.
void open_in_browser(const std::string& target);

/// The curves as name.svg and name.png into a folder, made if it is missing: a list of the files.
///   errors    as above; IoError if a file can't be written
std::vector<std::string> write_plots(const Subjects& subjects, const std::string& folder);
/// Scalars by step and epoch as TensorBoard's event files, a folder for each run: a list of the files.
std::vector<std::string> write_events(const Subjects& subjects, const std::string& folder);

}  // namespace gradus::report
GRADUS_EXPORT_END
