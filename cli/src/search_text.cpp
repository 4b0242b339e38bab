#include "search_text.h"

#include "command.h"

#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>

namespace gradus::cli {
namespace {

constexpr std::string_view kTo = "..";
constexpr double kDecade = 10;

/// Whether a range of these ends is logarithmic.
bool is_wide(double low, double high) { return low > 0 && high / low > kDecade; }

bool is_whole(std::string_view text) { return gradus::detail::from_text<std::int64_t>(text).has_value(); }

}  // namespace

train::Domain range_from(const std::string& where, std::string_view text, bool whole) {
  const std::size_t to = text.find(kTo);
  const auto refuse = [&] {
    throw UsageError(fmt::format(
        "{}expected LOW..HIGH, two {}numbers with LOW < HIGH, got '{}'", where, whole ? "whole " : "", text));
  };
  if (to == std::string_view::npos) refuse();
  const std::string_view first = text.substr(0, to), second = text.substr(to + kTo.size());
  if (whole) {
    const auto low = gradus::detail::from_text<std::int64_t>(first);
    const auto high = gradus::detail::from_text<std::int64_t>(second);
    if (!low || !high || *low >= *high) refuse();
    return train::Integer{*low, *high, is_wide(static_cast<double>(*low), static_cast<double>(*high))};
  }
  const auto low = gradus::detail::from_text<double>(first), high = gradus::detail::from_text<double>(second);
  if (!low || !high || !(*low < *high) || !std::isfinite(*high - *low)) refuse();
  if (is_wide(*low, *high)) return train::LogUniform{*low, *high};
  return train::Uniform{*low, *high};
}

std::pair<double, double> ends_of(const train::Domain& range) {
  if (const auto* whole = std::get_if<train::Integer>(&range))
    return {static_cast<double>(whole->low), static_cast<double>(whole->high)};
  if (const auto* decades = std::get_if<train::LogUniform>(&range)) return {decades->low, decades->high};
  const auto& uniform = std::get<train::Uniform>(range);
  return {uniform.low, uniform.high};
}

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

train::Choice words_from(std::string_view text) {
  train::Choice choice;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t bar = std::min(text.find('|', at), text.size());
    std::string_view word = text.substr(at, bar - at);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    choice.words.emplace_back(word);
    at = bar + 1;
  }
  return choice;
}

ModelPattern::ModelPattern(std::string_view text) {
  if (text.find('|') == std::string_view::npos) {
    find_ranges(text);
    return;
  }
  if (text.find(kTo) != std::string_view::npos)
    throw UsageError(
        fmt::format("--search: expected either ranges or several models with | between, got both in 'model={}'", text));
  parameters_ = {{"model", words_from(text)}};
}

void ModelPattern::find_ranges(std::string_view text) {
  std::map<std::string_view, int> layers;
  std::size_t end = 0;  // of the last range
  for (const gradus::detail::Phrase& phrase : gradus::detail::phrases(text)) {
    if (phrase.words.empty()) continue;
    const int number = ++layers[phrase.words[0]];
    for (std::size_t i = 1, found = 0; i < phrase.words.size(); ++i) {
      const std::string_view word = phrase.words[i];
      const std::size_t to = word.find(kTo);
      if (to == std::string_view::npos) continue;
      std::string name = fmt::format("{}{}", phrase.words[0], number);
      if (++found > 1) name += fmt::format(".{}", found);
      const bool whole = is_whole(word.substr(0, to)) && is_whole(word.substr(to + kTo.size()));
      parameters_.push_back({name, range_from(fmt::format("--search model: in '{}': ", spell(phrase)), word, whole)});
      const auto at = static_cast<std::size_t>(word.data() - text.data());
      pieces_.emplace_back(text.substr(end, at - end));
      end = at + word.size();
    }
  }
  pieces_.emplace_back(text.substr(end));
}

std::string ModelPattern::with(const train::Values& values) const {
  if (pieces_.empty()) return values.word("model");
  std::string text = pieces_[0];
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    for (const auto& [name, value] : values.entries())
      if (name == parameters_[i].name) text += train::to_string(*value) + pieces_[i + 1];
  return text;
}

}  // namespace gradus::cli
