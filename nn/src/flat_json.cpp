#include "flat_json.h"

#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace gradus::nn {
namespace {

using gradus::detail::in_quotes;
using Json = nlohmann::json;

// (The library's parser with a callback takes a time that is quadratic in the number of names.)
struct Strict : nlohmann::json_sax<Json> {
  static constexpr std::size_t kDeepest = 8;  // a header has 3 levels
  std::vector<std::set<std::string>> keys;    // of the objects and lists around
  std::string wrong;                          // what is, if anything

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(std::string& name) override {
    if (!keys.back().insert(name).second) wrong = fmt::format("expected each name once, got {} twice", in_quotes(name));
    return wrong.empty();
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override { return false; }  // said later

 private:
  bool enter() {
    keys.emplace_back();
    if (keys.size() > kDeepest) wrong = "expected a flat header, got a deep one";
    return wrong.empty();
  }
  bool leave() {
    keys.pop_back();
    return true;
  }
};

}  // namespace

void FlatJson::take_apart(Json& value) noexcept {
  if (!value.is_structured()) return;
  for (Json& part : value) take_apart(part);
  value.clear();
}

FlatJson parse_flat(std::string_view text, const std::function<void(const std::string& message)>& fail) {
  Strict strict;
  Json::sax_parse(text, &strict);
  if (!strict.wrong.empty()) fail(strict.wrong);
  return FlatJson(Json::parse(text));
}

}  // namespace gradus::nn
