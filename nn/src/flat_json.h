#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace gradus::nn {

/// A parsed text. It is taken apart from the leaves on: the library's destructor of what holds something asks for
/// memory, and ends the program where there is none.
class FlatJson {
 public:
  FlatJson() = default;
  explicit FlatJson(nlohmann::json value) : value_(std::move(value)) {}
  ~FlatJson() { take_apart(value_); }
  FlatJson(const FlatJson&) = delete;
  FlatJson& operator=(const FlatJson&) = delete;
  FlatJson(FlatJson&&) noexcept = default;
  FlatJson& operator=(FlatJson&& other) noexcept {
    value_.swap(other.value_);
    return *this;
  }
  const nlohmann::json& operator*() const { return value_; }
  const nlohmann::json* operator->() const { return &value_; }

 private:
  static void take_apart(nlohmann::json& value) noexcept;
  nlohmann::json value_;
};

/// A header or an index that is not deep and has no key twice in an object, which the JSON library would pass over;
/// `fail` does not return. What is no JSON at all is the library's exception.
FlatJson parse_flat(std::string_view text, const std::function<void(const std::string& message)>& fail);

}  // namespace gradus::nn
