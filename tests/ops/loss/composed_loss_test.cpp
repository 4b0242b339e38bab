#include "gradus/ops/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace gradus {
namespace {

TEST(MarginLosses, RefuseLabelsOtherThanOneAndMinusOne) {
  const Tensor x = tensor({0.5, -2.0}), rows = tensor({{1.0, 2.0}, {3.0, 1.0}});
  const std::pair<const char*, std::function<Tensor(const Tensor&)>> losses[] = {
      {"hinge_loss", [&](const Tensor& t) { return hinge_loss(x, t); }},
      {"soft_margin_loss", [&](const Tensor& t) { return soft_margin_loss(x, t); }},
      {"hinge_embedding_loss", [&](const Tensor& t) { return hinge_embedding_loss(x, t); }},
      {"margin_ranking_loss", [&](const Tensor& t) { return margin_ranking_loss(x, x, t); }},
      {"cosine_embedding_loss", [&](const Tensor& t) { return cosine_embedding_loss(rows, rows, t); }},
  };
  for (const auto& [name, loss] : losses) {
    EXPECT_TRUE(std::isfinite(loss(tensor({1.0, -1.0})).item())) << name;
    for (const double label : {0.0, 0.5, 2.0, std::nan("")}) {
      try {
        loss(tensor({1.0, label}));
        ADD_FAILURE() << name << " took " << label;
      } catch (const ArgumentError& error) {
        EXPECT_EQ(error.op(), name);
        EXPECT_EQ(error.message().find("expected labels 1 and -1, got "), 0U);
      }
    }
  }
}

}  // namespace
}  // namespace gradus
