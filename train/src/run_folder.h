#pragma once

#include "run_state.h"

#include "gradus/train/fit.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::train {

/// The folder of a run. Files are written to a folder inside it, whose making proves that it can be
/// written to, and take their places together at the end; a checkpoint that an earlier run left goes then.
/// Without `publish` or `keep`, all that was made goes again. A run that is killed leaves the folder inside: the next
/// one removes it, or, if it had been given the name of a finished one, first takes what is in it to its place.
class RunFolder {
 public:
  /// Nowhere if both are empty. IoError if the folder can't be made, can't be written to, or holds
  /// something else than a run; ArgumentError if both are given.
  RunFolder(const std::string& out, const std::string& runs);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  bool exists() const { return !folder_.empty(); }
  /// Where the run will be.
  std::string path() const { return folder_.string(); }
  /// Where to write a file of it.
  std::string file(std::string_view name) const { return (unfinished_ / name).string(); }
  void write(std::string_view name, std::string_view text) const;
  /// The same for those who look on while the run goes on, which does not end for it.
  void show(std::string_view name, std::string_view text) const noexcept;
  /// Has the folder stay without `publish`, for a checkpoint in it: where that is to be.
  std::string keep();
  /// Has what observers have written stay without `publish`, for a run that is stopped.
  void keep_observed();
  /// Of a stopped run in this folder, what observers have written, for them to go on behind it.
  void take_observed();
  /// Moves all files to their places, and has the link `latest` point here. Those of an earlier run
  /// that were not written go.
  void publish();

 private:
  void make(const std::filesystem::path& folder);
  void make_numbered(const std::filesystem::path& runs);
  void open();
  void remove_abandoned() const;
  void give_up() noexcept;

  std::filesystem::path folder_, unfinished_, latest_;
  std::vector<std::filesystem::path> made_;  // outermost first
  int lock_ = -1;                            // on the unfinished folder: its run is alive
};

/// Those files of a run that are text.
std::string config_json(const FitOptions& options, const data::SourceSplits& rows, const Record& record, double lr);
std::string metrics_jsonl(const Record& record);
std::string summary_json(const Record& record, const Divergence& divergence);

}  // namespace gradus::train
