#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// A piece of a file for an error message: short, in quotes, on one line.
std::string in_quotes(std::string_view text);

/// Characters of UTF-8 text, near enough its columns.
std::size_t columns(std::string_view text);

/// 1234567 as "1,234,567".
std::string with_commas(std::int64_t n);

/// Of a word that is none of those that are known: "expected a layer, got 'rleu' (did you mean 'relu'?)", or with all
/// of them, unless they are very many, where none is near.
std::string unknown_word(std::string_view what, std::string_view word, std::span<const std::string_view> known);
/// The same for things that have a `name`.
template <class Things>
std::string unknown_word(std::string_view what, std::string_view word, const Things& known) {
  std::vector<std::string_view> names;
  for (const auto& thing : known) names.emplace_back(thing.name);
  return unknown_word(what, word, std::span<const std::string_view>(names));
}

/// A part of a text of words such as "conv 32 5, relu": what stands between commas, divided at blanks.
struct Phrase {
  std::vector<std::string_view> words;  // of the text itself; none where the part is blank
  std::size_t at = 0;                   // where its first word stands in the text; where it begins if it is blank
};
std::vector<Phrase> phrases(std::string_view text);
/// Its words with a blank between them.
std::string spell(const Phrase& phrase);

/// Whether a text is UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace gradus::detail
GRADUS_EXPORT_END
