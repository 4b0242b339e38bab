#pragma once

#include "gradus/train/search.h"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gradus::train {

/// What decides which trials a search has: name and text of each, in a journal's first line.
using Identity = std::vector<std::pair<std::string, std::string>>;
Identity identity(const Space& space, const Method& method, const SearchOptions& options);

/// The file of a search: a line that says which search it is, then one for each trial that ended, in JSON. A line is
/// appended by one write and forced to the disk before the search goes on, so a search that is killed at any moment
/// leaves whole lines and at most one torn one at the end, which is cut off when it goes on.
class Journal {
 public:
  /// Opens or makes the file, unless `path` is empty.
  ///   errors    IoError, ArgumentError: see Search::run
  Journal(std::string path, const Identity& identity, const Space& space, CallSite site);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Trials of an earlier run, by number.
  const std::map<int, TrialResult>& trials() const { return trials_; }
  void append(const TrialResult& trial);
  /// In a process that was made from this one: lets go of the file, which stays locked for this one only.
  void release();

 private:
  void lock() const;
  void compare(const nlohmann::ordered_json& mine, const nlohmann::ordered_json& other) const;
  void read(const Identity& identity, const Space& space);
  void write(const std::string& line) const;
  [[noreturn]] void refuse(const std::string& got) const;

  std::string path_;
  CallSite site_;
  int file_ = -1;
  std::map<int, TrialResult> trials_;
};

}  // namespace gradus::train
