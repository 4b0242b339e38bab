#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

template <class S>
std::vector<Tensor> both(const S& s) {
  return {s.values, s.indices};
}

}  // namespace

Functions reduce_functions() {
  return {
      {"all", one([](const Call& c) { return all(c("x"), axes(c), c.flag("keepdim")); })},
      {"any", one([](const Call& c) { return any(c("x"), axes(c), c.flag("keepdim")); })},
      {"argsort", one([](const Call& c) { return argsort(c("x"), c.integer("dim", -1), c.flag("descending")); })},
      {"count_nonzero", one([](const Call& c) { return count_nonzero(c("x"), axes(c)); })},
      {"cummax", [](const Call& c) { return both(cummax(c("x"), c.integer("dim"))); }},
      {"cummin", [](const Call& c) { return both(cummin(c("x"), c.integer("dim"))); }},
      {"cumprod", one([](const Call& c) { return cumprod(c("x"), c.integer("dim")); })},
      {"cumsum", one([](const Call& c) { return cumsum(c("x"), c.integer("dim")); })},
      {"kthvalue",
       [](const Call& c) { return both(kthvalue(c("x"), c.integer("k"), c.integer("dim", -1), c.flag("keepdim"))); }},
      {"logcumsumexp", one([](const Call& c) { return logcumsumexp(c("x"), c.integer("dim")); })},
      {"max", reduction([](const Tensor& x, const Axes& a, bool keep) { return max(x, a, keep); })},
      {"median",
       [](const Call& c) -> std::vector<Tensor> {
         if (!c.has("dim")) return {median(c("x"))};
         return both(median(c("x"), c.integer("dim"), c.flag("keepdim")));
       }},
      {"min", reduction([](const Tensor& x, const Axes& a, bool keep) { return min(x, a, keep); })},
      {"nansum", reduction([](const Tensor& x, const Axes& a, bool keep) { return nansum(x, a, keep); })},
      {"norm", one([](const Call& c) { return norm(c("x"), c.number("p", 2), axes(c), c.flag("keepdim", false)); })},
      {"normalize", one([](const Call& c) {
         return normalize(c("x"), c.number("p", 2), c.integer("dim", 1), c.number("eps", 1e-12));
       })},
      {"quantile", one([](const Call& c) {
         const double q = c.number("q");
         return c.has("dim") ? quantile(c("x"), q, c.integer("dim"), c.flag("keepdim")) : quantile(c("x"), q);
       })},
      {"sort", [](const Call& c) { return both(sort(c("x"), c.integer("dim", -1), c.flag("descending", false))); }},
      {"std", one([](const Call& c) {
         return stddev(c("x"), axes(c), c.flag("keepdim", false), c.flag("unbiased", true) ? 1 : 0);
       })},
      {"topk",
       [](const Call& c) { return both(topk(c("x"), c.integer("k"), c.integer("dim", -1), c.flag("largest", true))); }},
  };
}

}  // namespace oracle
