#include "gradus/graph/node.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

using Parameters = std::vector<Parameter>;

/// By hand from Riedmiller & Braun's table: lengths grow by 1.2 while the sign stays, halve where it turns, and
/// the update after a turn is made with the length as it is.
TEST(Rprop, FollowsThePaperByHand) {
  Parameter p(full({1}, 10.0, float64));
  optim::Rprop rprop(Parameters{p}, {.lr = 0.1});
  const auto step = [&](double g) {
    set_gradient(p, full({1}, g, float64));
    rprop.step();
    return p.item();
  };
  EXPECT_DOUBLE_EQ(step(3), 10 - 0.1);
  EXPECT_DOUBLE_EQ(step(1e-3), 9.9 - 0.12);
  EXPECT_DOUBLE_EQ(step(-7), 9.78);         // turned: no move, length 0.06
  EXPECT_DOUBLE_EQ(step(-7), 9.78 + 0.06);  // the sign before counts as 0
  EXPECT_DOUBLE_EQ(step(-1), 9.84 + 0.06 * 1.2);
  EXPECT_DOUBLE_EQ(step(0), 9.912);
}

TEST(Rprop, LengthsStayWithinTheirBounds) {
  Parameter p(full({1}, 0.0, float64));
  optim::Rprop rprop(Parameters{p}, {.lr = 1, .min_step = 0.5, .max_step = 1.1});
  double before = 0;
  for (double g : {1.0, 1.0, 1.0}) {
    before = p.item();
    set_gradient(p, full({1}, g, float64));
    rprop.step();
  }
  EXPECT_DOUBLE_EQ(before - p.item(), 1.1);
  for (double g : {-1.0, -1.0, 1.0, 1.0}) {
    before = p.item();
    set_gradient(p, full({1}, g, float64));
    rprop.step();
  }
  EXPECT_DOUBLE_EQ(before - p.item(), 0.5);
}

TEST(Rprop, MaximisesAndRefusesOptionsOutOfRange) {
  Parameter p(zeros({1}));
  optim::Rprop rprop(Parameters{p}, {.lr = 0.25, .maximize = true});
  set_gradient(p, full({1}, 3));
  rprop.step();
  EXPECT_EQ(p.item(), 0.25);
  EXPECT_THROW(optim::Rprop(Parameters{p}, {.eta_minus = 1}), ArgumentError);
  EXPECT_THROW(optim::Rprop(Parameters{p}, {.eta_plus = 1}), ArgumentError);
  EXPECT_THROW(optim::Rprop(Parameters{p}, {.min_step = 1, .max_step = 0.5}), ArgumentError);
}

}  // namespace
}  // namespace gradus
