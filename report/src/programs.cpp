#include "programs.h"

#include "gradus/report/report.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <spawn.h>

#include <cerrno>
#include <initializer_list>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace gradus::report {
namespace {

using gradus::detail::fail;

/// Waits for its end. IoError unless that is a good one; `package`: where Debian has it.
void run(std::initializer_list<const char*> command, const char* package) {
  std::vector<char*> words;
  for (const char* word : command) words.push_back(const_cast<char*>(word));
  words.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ);
  int status = 0;
  if (error == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  if (error == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
    fail<IoError>("report",
                  fmt::format("expected the program {} (Debian: {}), which was not found", words[0], package));
  if (error != 0 || status != 0)
    fail<IoError>("report", fmt::format("expected {} to work on '{}', it failed", words[0], *(command.end() - 1)));
}

}  // namespace

void png_of(const std::string& svg, const std::string& png) {
  const std::string part = png + ".part";
  try {
    run({"rsvg-convert", "--zoom=2", "-o", part.c_str(), svg.c_str()}, "librsvg2-bin");
    gradus::detail::write_file("report", png, gradus::detail::read_file("report", part));
  } catch (...) {
    ::unlink(part.c_str());
    throw;
  }
  ::unlink(part.c_str());
}

void open_in_browser(const std::string& target) { run({"xdg-open", target.c_str()}, "xdg-utils"); }

}  // namespace gradus::report
