#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

std::int64_t integer(const Call& c, const char* key, std::int64_t otherwise) {
  return c.has(key) ? c.integer(key) : otherwise;
}

Tensor pad_case(const Call& c) {
  const std::string mode = c.has("mode") ? c.text("mode") : "constant";
  return pad(c("x"),
             c.attrs().at("pad").get<std::vector<std::int64_t>>(),
             mode == "reflect"     ? PadMode::reflect
             : mode == "replicate" ? PadMode::replicate
             : mode == "circular"  ? PadMode::circular
                                   : PadMode::constant,
             c.number("value", 0));
}

}  // namespace

Functions shape_functions() {
  return {
      {"diag_embed",
       one([](const Call& c) { return diag_embed(c("x"), integer(c, "offset", 0)); })},
      {"diagonal", one([](const Call& c) { return diagonal(c("x"), integer(c, "offset", 0)); })},
      {"pad", one(pad_case)},
      {"repeat", one([](const Call& c) { return repeat(c("x"), c.shape("repeats")); })},
      {"repeat_interleave", one([](const Call& c) {
         return repeat_interleave(c("x"), c.integer("repeats"), c.integer("dim"));
       })},
      {"roll", one([](const Call& c) { return roll(c("x"), c.shape("shifts"), c.shape("dims")); })},
      {"tril", one([](const Call& c) { return tril(c("x"), integer(c, "diagonal", 0)); })},
      {"triu", one([](const Call& c) { return triu(c("x"), integer(c, "diagonal", 0)); })},
  };
}

}  // namespace oracle
