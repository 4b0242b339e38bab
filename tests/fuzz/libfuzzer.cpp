#include "target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>

// One target under libFuzzer: GRADUS_FUZZ_TARGET names it. With GRADUS_FUZZ_FOLDER its seeds are put into seeds/ there,
// and its words into words.dict.

namespace {

using gradus::fuzz::Runner;
using gradus::fuzz::Target;

std::unique_ptr<Runner>& runner() {
  static std::unique_ptr<Runner> one;
  return one;
}

const char* variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

const Target* find_target(std::string_view name) {
  for (const Target& target : gradus::fuzz::targets())
    if (target.name == name) return &target;
  fmt::print(stderr, "gradus_fuzz: expected GRADUS_FUZZ_TARGET to be one of these, got '{}':\n", name);
  for (const Target& target : gradus::fuzz::targets()) fmt::print("{}\n", target.name);
  return nullptr;
}

void write_seeds(const std::string& folder) {
  for (std::size_t i = 0; i < runner()->seeds().size(); ++i)
    std::ofstream(fmt::format("{}/seeds/seed-{}", folder, i), std::ios::binary) << runner()->seeds()[i];
  std::ofstream words(folder + "/words.dict");
  for (const std::string& word : runner()->target().words) {
    words << '"';
    for (const char c : word) words << fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    words << "\"\n";
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const Target* const target = find_target(variable("GRADUS_FUZZ_TARGET"));
  if (target == nullptr) std::exit(2);
  runner() = std::make_unique<Runner>(*target);
  if (const std::string folder = variable("GRADUS_FUZZ_FOLDER"); !folder.empty()) write_seeds(folder);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Runner::Outcome outcome = runner()->run(bytes, std::hash<std::string>()(bytes) % 4 != 0);
  if (outcome.wrong.empty()) return 0;
  fmt::print(stderr, "{}: {}\n", runner()->target().name, outcome.wrong);
  std::abort();
}
