#include "oracle.h"

namespace oracle {

using namespace gradus;

Functions linalg_functions() {
  return {
      {"cholesky", unary(cholesky)},
      {"det", unary(det)},
      {"eigh",
       [](const Call& c) {
         const auto r = eigh(c("x"));
         return std::vector<Tensor>{r.values, r.vectors};
       }},
      {"inverse", unary(inverse)},
      {"logdet", unary(logdet)},
      {"lstsq", binary(lstsq)},
      {"matrix_power", one([](const Call& c) { return matrix_power(c("x"), c.integer("n")); })},
      {"pinverse", one([](const Call& c) { return pinverse(c("x")); })},
      {"qr",
       [](const Call& c) {
         const auto r = qr(c("x"));
         return std::vector<Tensor>{r.q, r.r};
       }},
      {"slogdet",
       [](const Call& c) {
         const auto r = slogdet(c("x"));
         return std::vector<Tensor>{r.sign, r.logabsdet};
       }},
      {"solve", binary(solve)},
      {"svd",
       [](const Call& c) {
         const auto r = svd(c("x"));
         return std::vector<Tensor>{r.u, r.s, r.vh};
       }},
  };
}

}  // namespace oracle
