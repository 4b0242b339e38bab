#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

/// f(x, axis, index, source), the inputs in the order of the call.
template <Tensor (*f)(Arg, std::int64_t, const Tensor&, const Tensor&)>
Tensor indexed(const Call& c) {
  const auto in = c.all();
  return f(in.at(0), c.integer("dim"), in.at(1), in.at(2));
}

Shape axes_of(const Call& c, const char* key, const Shape& otherwise) {
  if (!c.has(key)) return otherwise;
  return c.attrs().at(key).is_number() ? Shape{c.integer(key)} : c.shape(key);
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
      {"broadcast_to", one([](const Call& c) { return broadcast_to(c("x"), c.shape("shape")); })},
      {"diag", one([](const Call& c) { return diag(c("x"), c.integer(c.has("offset") ? "offset" : "diagonal", 0)); })},
      {"diag_embed", one([](const Call& c) {
         return diag_embed(c("x"), c.integer("offset", 0), c.integer("dim1", -2), c.integer("dim2", -1));
       })},
      {"diagonal", one([](const Call& c) {
         return diagonal(c("x"), c.integer("offset", 0), c.integer("dim1", 0), c.integer("dim2", 1));
       })},
      {"flatten",
       one([](const Call& c) { return flatten(c("x"), c.integer("start_dim", 0), c.integer("end_dim", -1)); })},
      {"flip", one([](const Call& c) { return flip(c("x"), axes_of(c, "dims", {})); })},
      {"index_add", one(indexed<index_add>)},
      {"index_fill",
       one([](const Call& c) { return index_fill(c("x"), c.integer("dim"), c("index"), c.number("value")); })},
      {"masked_fill", one([](const Call& c) { return masked_fill(c("x"), c("mask"), c.number("value")); })},
      {"masked_select", one([](const Call& c) { return masked_select(c("x"), c("mask")); })},
      {"meshgrid", [](const Call& c) { return meshgrid(c.all()); }},
      {"movedim",
       one([](const Call& c) { return movedim(c("x"), axes_of(c, "source", {}), axes_of(c, "destination", {})); })},
      {"narrow",
       one([](const Call& c) { return narrow(c("x"), c.integer("dim"), c.integer("start"), c.integer("length")); })},
      {"one_hot", one([](const Call& c) { return one_hot(c("x"), c.integer("num_classes"), int64); })},
      {"pad", one(pad_case)},
      {"repeat", one([](const Call& c) { return repeat(c("x"), c.shape("repeats")); })},
      {"repeat_interleave", one([](const Call& c) {
         const Tensor x = c.has("dim") ? c("x") : flatten(c("x"), 0, -1);
         return repeat_interleave(x, c.integer("repeats"), c.integer("dim", 0));
       })},
      {"roll", one([](const Call& c) { return roll(c("x"), axes_of(c, "shifts", {}), axes_of(c, "dims", {})); })},
      {"rot90", one([](const Call& c) { return rot90(c("x"), c.integer("k", 1), axes_of(c, "dims", {0, 1})); })},
      {"scatter", one([](const Call& c) {
         if (!c.has("reduce")) return indexed<scatter>(c);
         const auto in = c.all();
         return scatter_reduce(in.at(0),
                               c.integer("dim"),
                               in.at(1),
                               in.at(2),
                               c.text("reduce") == "multiply" ? ScatterReduce::prod : ScatterReduce::sum);
       })},
      {"swapdims", one([](const Call& c) { return swapdims(c("x"), c.integer("dim0"), c.integer("dim1")); })},
      {"tile", one([](const Call& c) { return tile(c("x"), c.shape(c.has("dims") ? "dims" : "repeats")); })},
      {"tril", one([](const Call& c) { return tril(c("x"), c.integer("diagonal", 0)); })},
      {"unbind", [](const Call& c) { return unbind(c("x"), c.integer("dim", 0)); }},
      {"unflatten", one([](const Call& c) { return unflatten(c("x"), c.integer("dim"), c.shape("sizes")); })},
      {"triu", one([](const Call& c) { return triu(c("x"), c.integer("diagonal", 0)); })},
  };
}

}  // namespace oracle
