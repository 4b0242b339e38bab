#include "workers.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace gradus::train {
namespace {

[[noreturn]] void refuse(const char* what) {
  gradus::detail::fail<IoError>("Search",
                                fmt::format("expected {} for a trial, got \"{}\"", what, std::strerror(errno)));
}

void send(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody listens any more
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// What is left to do in the new process.
[[noreturn]] void live(pid_t parent, int file, const std::function<std::string()>& job) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a search that is killed takes its trials with it
#endif
  if (getppid() != parent) _exit(1);
  send(file, job());
  std::fflush(nullptr);
  _exit(0);  // without destructors of what belongs to the parent
}

/// Empty if it ended by itself.
std::string problem_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  return {};
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Workers::~Workers() {
  for (const auto& [file, process] : running_) {
    kill(process.pid, SIGKILL);
    ::close(file);
    wait_for(process.pid);
  }
}

void Workers::start(int id, const std::function<std::string()>& job) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) refuse("a pipe");
  for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  std::fflush(nullptr);  // else what waits to be printed is printed twice
  const pid_t parent = getpid(), pid = fork();
  if (pid < 0) {
    ::close(ends[0]), ::close(ends[1]);
    refuse("a process");
  }
  if (pid == 0) {
    ::close(ends[0]);
    live(parent, ends[1], job);
  }
  ::close(ends[1]);
  running_.emplace(ends[0], Process{id, pid, {}});
}

Workers::Ended Workers::wait() {
  for (;;) {
    std::vector<pollfd> files;
    for (const auto& [file, process] : running_) files.push_back({file, POLLIN, 0});
    if (poll(files.data(), files.size(), -1) < 0) {
      if (errno == EINTR) continue;
      refuse("to wait");
    }
    for (const pollfd& ready : files) {
      if (ready.revents == 0) continue;
      std::array<char, 1 << 16> buffer;
      const ssize_t n = ::read(ready.fd, buffer.data(), buffer.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      const auto at = running_.find(ready.fd);
      if (n > 0) {
        at->second.text.append(buffer.data(), static_cast<std::size_t>(n));
        continue;
      }
      Process process = std::move(at->second);
      running_.erase(at);
      ::close(ready.fd);
      return {process.id, std::move(process.text), problem_of(wait_for(process.pid))};
    }
  }
}

}  // namespace gradus::train
