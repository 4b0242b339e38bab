#include "command.h"

#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/parse_json.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>

namespace gradus::cli {
namespace {

[[noreturn]] void refuse_option(const char* command,
                                const std::string& where,
                                const std::string& name,
                                const po::options_description& known) {
  struct Named {
    std::string name;
  };
  std::vector<Named> names;
  for (const auto& option : known.options()) names.push_back({"--" + option->long_name()});
  const std::string what = gradus::detail::unknown_word("an option", name, names);
  throw UsageError(fmt::format("{}: {}{} (see 'gradus {} --help')", command, where, what, command));
}

/// The options that a file holds: of a run's config.json those it was trained with, of another the object's members.
po::parsed_options config_options(const char* command, const std::string& path, const po::options_description& known) {
  std::ifstream in(path);
  if (!in) throw UsageError(fmt::format("--config: expected a file that can be read, got '{}'", path));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto all = gradus::detail::parse_json<nlohmann::json>(text);
  // Those of a run are of another command perhaps, which has more.
  const bool of_run = all.contains("gradus_run") && all.contains("options");
  if (of_run) all = nlohmann::json(all["options"]);
  if (!all.is_object())
    throw UsageError(fmt::format("--config: expected an object in JSON, {{\"lr\": 0.01}}, got '{}'", path));
  po::parsed_options result(&known);
  for (const auto& [name, value] : all.items()) {
    const po::option_description* const option = known.find_nothrow(name, false);
    if (option == nullptr && of_run) continue;
    if (option == nullptr) refuse_option(command, fmt::format("in {} ", path), "--" + name, known);
    const bool is_flag = option->semantic()->max_tokens() == 0;
    const std::string given = value.is_string() ? value.get<std::string>() : value.dump();
    if (is_flag && given != "true" && given != "false")
      throw UsageError(fmt::format("--config: expected true or false for {}, got {}", name, value.dump()));
    if (!is_flag && (value.is_object() || value.is_array() || value.is_null()))
      throw UsageError(fmt::format("--config: expected a text or a number for {}, got {}", name, value.dump()));
    if (is_flag && given == "false") continue;
    result.options.emplace_back(name, is_flag ? std::vector<std::string>() : std::vector<std::string>{given});
  }
  return result;
}

}  // namespace

Options::Options(const char* command,
                 const po::options_description& known,
                 const std::vector<std::string>& arguments,
                 const char* usage,
                 const std::string& examples,
                 std::size_t most) {
  po::options_description all;  // without a title of its own
  for (const auto& option : known.options()) all.add(option);
  all.add_options()("help,h", "this text");
  for (const auto& option : all.options())
    if (option->semantic()->max_tokens() == 0) flags_.insert(option->long_name());
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
    if (map_.count("config") > 0 && map_.count("help") == 0)  // what is stored first holds
      po::store(config_options(command, text("config"), all), map_);
  } catch (const po::unknown_option& error) {
    refuse_option(command, "", error.get_option_name(), all);
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

std::map<std::string, std::string> Options::given(std::initializer_list<std::string_view> without) const {
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : map_) {
    if (std::find(without.begin(), without.end(), name) != without.end()) continue;
    result[name] = flags_.contains(name) ? "true" : value.as<std::string>();
  }
  return result;
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

WordWithNumbers word_with_numbers(const std::string& where, const std::string& text) {
  const std::vector<gradus::detail::Phrase> parts = gradus::detail::phrases(text);
  if (parts.size() != 1) throw UsageError(fmt::format("{}expected a word and its numbers, got '{}'", where, text));
  WordWithNumbers result;
  if (!parts[0].words.empty()) result.name = parts[0].words[0];
  for (std::size_t i = 1; i < parts[0].words.size(); ++i) {
    const auto number = gradus::detail::from_text<double>(parts[0].words[i]);
    if (!number || !std::isfinite(*number))
      throw UsageError(fmt::format("{}expected a number, got '{}'", where, parts[0].words[i]));
    result.numbers.push_back(*number);
  }
  return result;
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
