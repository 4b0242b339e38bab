// gradus_oracle DIR: reads DIR/index.json, runs every case whose parts exist, and compares values, gradients
// and Hessian-vector products with the stored ones. Exit code 1 if any case fails, 2 if DIR can't be read.

#include "oracle.h"

#include <fmt/format.h>

#include <cstdio>

namespace {

int print(const oracle::Outcome& outcome) {
  std::size_t skipped = 0;
  for (const auto& [what, names] : outcome.skipped) {
    fmt::print("skipped, no {}: {}\n", what, fmt::join(names, " "));
    skipped += names.size();
  }
  for (const std::string& text : outcome.failed) fmt::print("FAILED {}\n", text);
  fmt::print("{} ran, {} skipped, {} failed\n", outcome.ran, skipped, outcome.failed.size());
  if (outcome.initialisers > 0) fmt::print("{} facts of initialisers checked too\n", outcome.initialisers);
  return outcome.failed.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: gradus_oracle DIR\n");
    return 2;
  }
  try {
    return print(oracle::run(argv[1]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradus_oracle: {}\n", error.what());
    return 2;
  }
}
