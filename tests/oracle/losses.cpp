#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

MarginOptions margin(const Call& c, double otherwise) {
  return {.margin = c.number("margin", otherwise), .reduction = reduction_of(c)};
}

Tensor kl_div_case(const Call& c) {
  const bool batch_mean = c.has("reduction") && c.text("reduction") == "batchmean";
  return kl_div(c("x"),
                c("target"),
                {.log_target = c.flag("log_target", false),
                 .reduction = batch_mean ? Reduction::sum : reduction_of(c),
                 .batch_mean = batch_mean});
}

}  // namespace

Functions loss_functions() {
  return {
      {"bce_loss", one([](const Call& c) {
         return bce_loss(c("x"), c("target"), {.weight = c("weight"), .reduction = reduction_of(c)});
       })},
      {"cosine_embedding_loss",
       one([](const Call& c) { return cosine_embedding_loss(c("a"), c("b"), c("target"), margin(c, 0)); })},
      {"cosine_similarity", one([](const Call& c) {
         return cosine_similarity(c("a"), c("b"), c.has("dim") ? c.integer("dim") : 1, c.number("eps", 1e-8));
       })},
      {"gaussian_nll_loss", one([](const Call& c) {
         return gaussian_nll_loss(
             c("x"),
             c("target"),
             c("var"),
             {.full = c.flag("full", false), .eps = c.number("eps", 1e-6), .reduction = reduction_of(c)});
       })},
      {"hinge_embedding_loss",
       one([](const Call& c) { return hinge_embedding_loss(c("x"), c("target"), margin(c, 1)); })},
      {"huber_loss", one([](const Call& c) {
         return huber_loss(c("x"), c("target"), {.delta = c.number("delta", 1), .reduction = reduction_of(c)});
       })},
      {"kl_div", one(kl_div_case)},
      {"margin_ranking_loss",
       one([](const Call& c) { return margin_ranking_loss(c("a"), c("b"), c("target"), margin(c, 0)); })},
      {"multi_margin_loss", one([](const Call& c) {
         return multi_margin_loss(c("x"),
                                  c("target"),
                                  {.p = static_cast<int>(c.number("p", 1)),
                                   .margin = c.number("margin", 1),
                                   .weight = c("weight"),
                                   .reduction = reduction_of(c)});
       })},
      {"multilabel_soft_margin_loss", one([](const Call& c) {
         return multilabel_soft_margin_loss(c("x"), c("target"), {.weight = c("weight"), .reduction = reduction_of(c)});
       })},
      {"pairwise_distance",
       one([](const Call& c) { return pairwise_distance(c("a"), c("b"), c.number("p", 2), c.number("eps", 1e-6)); })},
      {"poisson_nll_loss", one([](const Call& c) {
         return poisson_nll_loss(c("x"),
                                 c("target"),
                                 {.log_input = c.flag("log_input", true),
                                  .full = c.flag("full", false),
                                  .eps = c.number("eps", 1e-8),
                                  .reduction = reduction_of(c)});
       })},
      {"smooth_l1_loss", one([](const Call& c) {
         return smooth_l1_loss(c("x"), c("target"), {.beta = c.number("beta", 1), .reduction = reduction_of(c)});
       })},
      {"soft_margin_loss",
       one([](const Call& c) { return soft_margin_loss(c("x"), c("target"), {.reduction = reduction_of(c)}); })},
      {"triplet_margin_loss", one([](const Call& c) {
         return triplet_margin_loss(c("anchor"),
                                    c("positive"),
                                    c("negative"),
                                    {.margin = c.number("margin", 1),
                                     .p = c.number("p", 2),
                                     .eps = c.number("eps", 1e-6),
                                     .swap = c.flag("swap", false),
                                     .reduction = reduction_of(c)});
       })},
  };
}

}  // namespace oracle
