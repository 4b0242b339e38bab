#include "command.h"

#include "gradus/tensor/from_chars.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <cmath>
#include <sstream>

namespace gradus::cli {
Options::Options(const char* command,
                 const po::options_description& known,
                 const std::vector<std::string>& arguments,
                 const char* usage,
                 const std::string& examples,
                 std::size_t most) {
  po::options_description all;  // without a title of its own
  for (const auto& option : known.options()) all.add(option);
  all.add_options()("help,h", "this text");
  try {
    using namespace po::command_line_style;
    const auto style = allow_long | allow_short | allow_dash_for_short | long_allow_adjacent | long_allow_next |
                       short_allow_adjacent | short_allow_next;
    po::parsed_options parsed = po::command_line_parser(arguments).options(all).style(style).run();
    po::parsed_options named(&all);
    for (const po::option& option : parsed.options) {
      if (option.position_key == -1)
        named.options.push_back(option);
      else
        rest_.insert(rest_.end(), option.value.begin(), option.value.end());
    }
    po::store(named, map_);
  } catch (const po::unknown_option& error) {
    struct Named {
      std::string name;
    };
    std::vector<Named> names;
    for (const auto& option : all.options()) names.push_back({"--" + option->long_name()});
    const std::string what = gradus::detail::unknown_word("an option", error.get_option_name(), names);
    throw UsageError(fmt::format("{}: {} (see 'gradus {} --help')", command, what, command));
  } catch (const po::error& error) {
    throw UsageError(fmt::format("{}: {} (see 'gradus {} --help')", command, error.what(), command));
  }
  if (map_.count("help") > 0) {
    std::ostringstream table;
    table << all;
    fmt::print("{}\n\noptions\n{}\n{}", usage, table.str(), examples);
    help_shown_ = true;
    return;
  }
  if (rest_.size() > most)
    throw UsageError(
        fmt::format("{}: unexpected argument '{}' (see 'gradus {} --help')", command, rest_[most], command));
}

std::string Options::text(const char* name) const {
  return map_.count(name) > 0 ? map_[name].as<std::string>() : std::string();
}

std::vector<std::string> Options::texts(const char* name) const {
  return map_.count(name) > 0 ? map_[name].as<std::vector<std::string>>() : std::vector<std::string>();
}

double Options::number(const char* name, double otherwise, double least, double most) const {
  if (!has(name)) return otherwise;
  const auto value = gradus::detail::from_text<double>(text(name));
  if (!value || !(*value >= least && *value <= most)) {
    const std::string range =
        std::isinf(most) ? fmt::format(">= {}", least) : fmt::format("from {} to {}", least, most);
    throw UsageError(fmt::format("--{}: expected a number {}, got '{}'", name, range, text(name)));
  }
  return *value;
}

std::int64_t Options::whole(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) const {
  if (!has(name)) return otherwise;
  const auto value = gradus::detail::from_text<std::int64_t>(text(name));
  if (!value || *value < least || *value > most)
    throw UsageError(
        fmt::format("--{}: expected a whole number from {} to {}, got '{}'", name, least, most, text(name)));
  return *value;
}

std::string table_cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace gradus::cli
