#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

bool flag(const Call& c, const char* key, bool otherwise) {
  return c.has(key) ? c.flag(key) : otherwise;
}

std::int64_t dim(const Call& c, std::int64_t otherwise) {
  return c.has("dim") ? c.integer("dim") : otherwise;
}

std::vector<Tensor> both(const Sorted& s) { return {s.values, s.indices}; }

}  // namespace

Functions reduce_functions() {
  return {
      {"cumprod", one([](const Call& c) { return cumprod(c("x"), c.integer("dim")); })},
      {"cumsum", one([](const Call& c) { return cumsum(c("x"), c.integer("dim")); })},
      {"logcumsumexp", one([](const Call& c) { return logcumsumexp(c("x"), c.integer("dim")); })},
      {"norm", one([](const Call& c) {
         return norm(c("x"), c.number("p", 2), axes(c), flag(c, "keepdim", false));
       })},
      {"normalize", one([](const Call& c) {
         return normalize(c("x"), c.number("p", 2), dim(c, 1), c.number("eps", 1e-12));
       })},
      {"sort",
       [](const Call& c) { return both(sort(c("x"), dim(c, -1), flag(c, "descending", false))); }},
      {"std", one([](const Call& c) {
         return stddev(
             c("x"), axes(c), flag(c, "keepdim", false), flag(c, "unbiased", true) ? 1 : 0);
       })},
      {"topk",
       [](const Call& c) {
         return both(topk(c("x"), c.integer("k"), dim(c, -1), flag(c, "largest", true)));
       }},
  };
}

}  // namespace oracle
