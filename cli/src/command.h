#pragma once

#include "gradus/tensor/text.h"

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::cli {

namespace po = boost::program_options;

// Limits of options that have none of their own.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr std::int64_t kMany = 1'000'000'000;

/// A mistake on the command line: one line on stderr, exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Training was stopped by a signal.
struct Interrupted {
  int signal;
  std::string checkpoint;  // the file to go on from
};

/// A subcommand. What follows its name is in `arguments`; the result is the exit code.
struct Command {
  const char* name;
  const char* about;
  int (*run)(const std::vector<std::string>& arguments);
};

int run_train(const std::vector<std::string>& arguments);
int run_check(const std::vector<std::string>& arguments);
int run_lr(const std::vector<std::string>& arguments);
int run_tune(const std::vector<std::string>& arguments);
int run_predict(const std::vector<std::string>& arguments);
int run_eval(const std::vector<std::string>& arguments);
int run_export(const std::vector<std::string>& arguments);
int run_report(const std::vector<std::string>& arguments);
int run_graph(const std::vector<std::string>& arguments);
int run_gradcheck(const std::vector<std::string>& arguments);
int run_activations(const std::vector<std::string>& arguments);
int run_ops(const std::vector<std::string>& arguments);

/// What was given on a command line.
class Options {
 public:
  /// UsageError for an option that is unknown, incomplete or given twice, and for arguments beyond
  /// `most`. Where --config is known, a file gives options that the command line does not. Prints the help, `usage`
  /// with a table of the options between it and `examples`, if that is asked for.
  Options(const char* command,
          const po::options_description& known,
          const std::vector<std::string>& arguments,
          const char* usage,
          const std::string& examples,
          std::size_t most = 0);

  bool help_shown() const { return help_shown_; }
  const std::vector<std::string>& arguments() const { return rest_; }
  bool has(const char* name) const { return map_.count(name) > 0 && !map_[name].defaulted(); }
  /// Empty if it was not given.
  std::string text(const char* name) const;
  /// Those that were given, with their texts, or "true" for options that take none.
  std::map<std::string, std::string> given(std::initializer_list<std::string_view> without) const;
  /// Of an option that may be given several times.
  std::vector<std::string> texts(const char* name) const;

  /// A number in that range, `otherwise` if the option was not given. UsageError for anything else.
  double number(const char* name, double otherwise, double least, double most) const;
  std::int64_t whole(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const;

 private:
  po::variables_map map_;
  std::set<std::string> flags_;  // take no text
  std::vector<std::string> rest_;
  bool help_shown_ = false;
};

/// Of things with a `name`, the one called `word`. UsageError: `where`, then "expected a colour, got …".
template <class Things>
const auto& find_word(std::string_view where, std::string_view what, std::string_view word, const Things& known) {
  for (const auto& thing : known)
    if (thing.name == word) return thing;
  throw UsageError(fmt::format("{}{}", where, gradus::detail::unknown_word(what, word, known)));
}

/// Adds an option that takes a text.
inline void add_option(po::options_description& known, const char* name, const char* value, const char* about) {
  known.add_options()(name, po::value<std::string>()->value_name(value), about);
}

/// A word with numbers behind it: "step 0.3 0.1".
struct WordWithNumbers {
  std::string name = {};  // empty if the text is
  std::vector<double> numbers = {};
  double at(std::size_t i, double otherwise) const { return i < numbers.size() ? numbers[i] : otherwise; }
};
/// UsageError, beginning with `where`, for several of them, or for another thing than a number behind the word.
WordWithNumbers word_with_numbers(const std::string& where, const std::string& text);

/// As text of a cell of a Markdown table, which a bar would end.
std::string table_cell(std::string_view text);

}  // namespace gradus::cli
