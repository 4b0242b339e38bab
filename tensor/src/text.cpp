#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace gradus::detail {
namespace {

/// Fewest single-letter changes from one word to the other (Levenshtein 1966).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 24;
  std::string shown;
  for (const char c : text.substr(0, kShown)) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
    shown += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return fmt::format("\"{}{}\"", shown, text.size() > kShown ? "…" : "");
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string with_commas(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(), first = n < 0 ? 4 : 3; i > first; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string unknown_word(std::string_view what, std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kShown = 64;
  std::string lower(word);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, lower.size() / 2) + 1;
  for (const std::string_view name : known)
    if (const std::size_t changes = distance(lower, name); changes < least) {
      nearest = name;
      least = changes;
    }
  std::string hint;
  if (!nearest.empty())
    hint = fmt::format(" (did you mean '{}'?)", nearest);
  else if (known.size() <= kShown)
    hint = fmt::format(" (known are {})", fmt::join(known, ", "));
  return fmt::format("expected {}, got '{}'{}", what, word, hint);
}

std::vector<Phrase> phrases(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r", kEnds = " \t\n\r,";
  std::vector<Phrase> list(1);
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ',') {
      list.emplace_back().at = ++i;
    } else if (kBlanks.find(text[i]) != std::string_view::npos) {
      ++i;
    } else {
      Phrase& phrase = list.back();
      if (phrase.words.empty()) phrase.at = i;
      phrase.words.push_back(text.substr(i, text.find_first_of(kEnds, i) - i));
      i += phrase.words.back().size();
    }
  }
  return list;
}

std::string spell(const Phrase& phrase) { return fmt::format("{}", fmt::join(phrase.words, " ")); }

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    const int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (more < 0 || lead > 0xf4) return false;
    // The second byte's range depends on the first: that leaves out what is overlong or too large.
    unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (int k = 0; k < more; ++k, ++i, low = 0x80, high = 0xbf) {
      if (i == text.size()) return false;
      const auto c = static_cast<unsigned char>(text[i]);
      if (c < low || c > high) return false;
    }
  }
  return true;
}

}  // namespace gradus::detail
