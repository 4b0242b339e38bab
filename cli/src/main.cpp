#include "command.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace gradus::cli {
namespace {

constexpr Command kCommands[] = {
    {"train", "train a model on a data set", run_train},
    {"check", "look at data and model before training", run_check},
    {"lr", "find the learning rates at which a model learns", run_lr},
    {"tune", "search for hyper-parameters", run_tune},
    {"predict", "what a trained model says of rows or images", run_predict},
    {"eval", "scores of a trained model", run_eval},
    {"export", "a trained model as an ONNX file", run_export},
    {"report", "a page about runs: curves, layers, findings", run_report},
    {"graph", "draw the graph of a model", run_graph},
    {"gradcheck", "check the derivatives of every op", run_gradcheck},
    {"activations", "tell of activations, draw and time them", run_activations},
    {"ops", "tell what every op computes", run_ops},
};

void print_help() {
  fmt::print(
      "Gradus: automatic differentiation and neural networks.\n\nusage: gradus COMMAND "
      "[options]\n\n");
  for (const Command& command : kCommands) fmt::print("  {:<12}{}\n", command.name, command.about);
  fmt::print("  {:<12}{}\n  {:<12}{}\n\n", "help", "this text, or that of a command", "--version", "the version");
  fmt::print(
      "'gradus COMMAND --help' tells the options of a command. 'gradus train' alone trains on "
      "built-in data.\n");
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return 0;
  }
  if (arguments[0] == "--version") {
    fmt::print("gradus {}\n", GRADUS_VERSION);
    return 0;
  }
  if (arguments[0] == "help") {
    if (arguments.size() == 1)
      print_help();
    else
      return find_word("", "a command", arguments[1], kCommands).run({"--help"});
    return 0;
  }
  return find_word("", "a command", arguments[0], kCommands).run({arguments.begin() + 1, arguments.end()});
}

/// Has idle threads sleep instead of spin, unless the user has decided: beside other work, spinning
/// takes many times as long. OpenMP reads this as it is loaded, so the program starts itself again.
void let_threads_sleep(char** values) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  execv("/proc/self/exe", values);  // if that fails, all goes on as it is
}

/// IoError if not all that was printed could be written.
void finish_output() {
  const bool failed = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed) return;
  gradus::detail::fail<IoError>(
      "gradus",
      fmt::format("expected to write to standard output, got \"{}\"", failed ? "an error" : std::strerror(errno)));
}

/// On one line, whatever the message holds.
void complain(std::string_view message) {
  std::string line;
  for (const char c : message) {
    const bool blank = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  std::fflush(stdout);
  fmt::print(stderr, "gradus: {}\n", line);
}

/// The library's own source lines mean nothing here; the layer does.
std::string spell(const Error& error) {
  std::string text = fmt::format("{}: {}", error.op(), error.message());
  if (!error.scope().empty()) text += fmt::format(" (in {})", error.scope());
  return text;
}

}  // namespace
}  // namespace gradus::cli

int main(int count, char** values) {
  using namespace gradus::cli;
  let_threads_sleep(values);
  try {
    const int code = run({values + 1, values + count});
    finish_output();
    return code;
  } catch (const Interrupted& interrupted) {
    complain("interrupted, --resume " + interrupted.checkpoint + " goes on");
    return 128 + interrupted.signal;
  } catch (const gradus::Error& error) {
    complain(spell(error));
  } catch (const std::bad_alloc&) {
    complain("not enough memory");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return 2;
}
