#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace gradus::nn {

/// A header or an index that is not deep and has no key twice in an object, which the JSON library would pass over;
/// `fail` does not return. What is no JSON at all is the library's exception.
nlohmann::json parse_flat(std::string_view text, const std::function<void(const std::string& message)>& fail);

}  // namespace gradus::nn
