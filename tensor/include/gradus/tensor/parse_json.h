#pragma once

#include "gradus/tensor/export.h"

#include <cstddef>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// How deeply lists and objects of a text in JSON are nested. Texts in quotes count for nothing.
std::size_t json_depth(std::string_view text);

/// What a text in JSON says, as the JSON library's type; discarded if it says nothing, or is nested more than 64 deep:
/// the library copies and writes values by recursion, and a file of brackets would end the program.
template <class Json>
Json parse_json(std::string_view text) {
  constexpr std::size_t kDeepest = 64;
  if (json_depth(text) > kDeepest) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, false);
}

}  // namespace gradus::detail
GRADUS_EXPORT_END
