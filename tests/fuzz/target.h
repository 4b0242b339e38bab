#pragma once

#include "files.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Readers and parsers on input that nobody meant for them. A target is one of these; gradus_fuzz_test runs all of them
// on their seeds, on inputs that once failed (corpus/) and on changed seeds, gradus_fuzz one of them under libFuzzer.

namespace gradus::fuzz {

using data::TempFolder;

/// A reader or parser, and what it may cost.
struct Target {
  const char* name;
  /// What the input is called in the target's folder; empty if it is no file but a text.
  std::string file = {};
  /// Inputs that are read without an error; may put what stands beside the input into the folder.
  std::vector<std::string> (*seeds)(const TempFolder& folder);
  /// `input` is the path of the file, or the text.
  void (*read)(const std::string& input);
  /// Most bytes of memory at a time for each byte of the input, and besides.
  std::int64_t per_byte;
  std::int64_t besides = std::int64_t{1} << 20;
  /// Whether an error may be another one than an IoError: the input says what is to be done, as a text of layers does.
  bool is_told = false;
  /// Puts checksums right, so that what was changed behind them is seen.
  void (*mend)(std::string& bytes) = nullptr;
  /// What to put into inputs, besides numbers and signs.
  std::vector<std::string> words = {};
};

/// All targets, by name.
const std::vector<Target>& targets();

/// Adds a target at the start of the program.
struct Registered {
  explicit Registered(Target target);
};

/// A target in its folder.
class Runner {
 public:
  explicit Runner(const Target& target);

  struct Outcome {
    std::string refused;  // the message of its error, if there was one, without the folder
    std::string wrong;    // what must not be: another exception, an error without the file's name, time, memory
  };
  /// Has the target read `bytes`, with its checksums put right if `mended`.
  Outcome run(std::string bytes, bool mended = false);

  const Target& target() const { return target_; }
  const std::vector<std::string>& seeds() const { return seeds_; }

 private:
  void read(const std::string& input, Outcome& outcome) const;

  const Target& target_;
  TempFolder folder_;
  std::vector<std::string> seeds_;
};

/// The bytes in objects, tensors and, under the address sanitizer, all that C libraries ask for.
class AllocationPeak {
 public:
  AllocationPeak();
  /// The most there was since, beyond what there was then.
  std::int64_t bytes() const;

 private:
  std::int64_t tensors_, others_;
};

}  // namespace gradus::fuzz
