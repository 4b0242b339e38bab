#include "gradus/autograd.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

/// The average after the parameter had these values, one an update.
double after(optim::Average& average, Parameter& p, std::initializer_list<double> values) {
  for (double value : values) {
    copy_into(p, full({1}, value, float64));
    average.update();
  }
  return average.values()[0].item();
}

TEST(Average, SwaIsTheMean) {
  Parameter p = Parameter(full({1}, 100, float64));
  optim::Average swa = optim::swa({p});
  EXPECT_EQ(swa.values()[0].item(), 100);
  EXPECT_DOUBLE_EQ(after(swa, p, {1, 2, 6}), 3);
  EXPECT_EQ(swa.updates(), 3);
}

TEST(Average, EmaForgetsGeometrically) {
  Parameter p = Parameter(full({1}, 100, float64));
  optim::Average ema = optim::ema({p}, 0.75);
  EXPECT_DOUBLE_EQ(after(ema, p, {8, 4, 0}), (8 * 0.75 + 4 * 0.25) * 0.75);
  optim::Average warm = optim::ema({p}, 0.75, true);
  EXPECT_DOUBLE_EQ(after(warm, p, {8, 0}), 8 * 3.0 / 12);
}

TEST(Average, OwnShares) {
  Parameter p = Parameter(full({1}, 0, float64));
  optim::Average last({p}, [](std::int64_t) { return 1; });
  EXPECT_EQ(after(last, p, {3, 0.1}), 0.1);
  optim::Average wrong({p}, [](std::int64_t) { return 1.5; });
  EXPECT_THROW(wrong.update(), ArgumentError);
}

TEST(Average, IsSwappedInAndOut) {
  Parameter p = Parameter(full({2}, 1, float32)), q = Parameter(full({1}, 5, float64));
  optim::Average average = optim::swa({p, q});
  average.update();
  copy_into(p, full({2}, 3));
  average.update();
  {
    const optim::Average::Swapped in(average);
    EXPECT_TRUE(equal(detach(p), full({2}, 2)));
    EXPECT_TRUE(equal(average.values()[0], full({2}, 3)));
    EXPECT_TRUE(average.swapped());
    EXPECT_THROW(average.update(), ArgumentError);
    EXPECT_THROW(average.state(), ArgumentError);
  }
  EXPECT_TRUE(equal(detach(p), full({2}, 3)));
  EXPECT_TRUE(equal(average.values()[0], full({2}, 2)));
  EXPECT_EQ(q.item(), 5);
}

TEST(Average, RefusesWhatMakesNoSense) {
  EXPECT_THROW(optim::ema({}, 1), ArgumentError);
  EXPECT_THROW(optim::ema({}, -0.1), ArgumentError);
  EXPECT_THROW(optim::swa({Parameter()}), ArgumentError);
}

}  // namespace
}  // namespace gradus
