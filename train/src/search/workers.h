#pragma once

#include <functional>
#include <map>
#include <string>
#include <sys/types.h>

namespace gradus::train {

/// Processes of which each runs one job and sends its result, some text, through a pipe.
class Workers {
 public:
  Workers() = default;
  /// Kills those that still run.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t running() const { return running_.size(); }

  /// Makes a process (fork) that calls `job`, which must not throw, and ends. It has the calling thread only, which is
  /// told to use no others: OpenMP's threads do not exist there, and waiting for them would take for ever.
  ///   errors    IoError if there can be no more processes or files
  void start(int id, const std::function<std::string()>& job);

  struct Ended {
    int id = 0;
    std::string text;     // what the job gave, all of it or, if the process ended before, a part
    std::string problem;  // how the process ended, if not by itself: "ended by signal 11 (Segmentation fault)"
  };
  /// Waits until one ends.
  Ended wait();

 private:
  struct Process {
    int id;
    pid_t pid;
    std::string text;
  };
  std::map<int, Process> running_;  // by the file from which its result is read
};

}  // namespace gradus::train
