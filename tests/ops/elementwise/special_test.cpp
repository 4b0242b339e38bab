// Inverses of erf and sigmoid, and the gamma family, beside values to 20 digits (mpmath).

#include "expect.h"

#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/scan.h>

#include <functional>
#include <utility>

namespace gradus {
namespace {

using Pairs = std::vector<std::pair<double, double>>;

/// How many units in the last place of T the value is off. Inputs that T rounds are left out.
template <class T>
double worst(const Pairs& pairs, const std::function<Tensor(const Tensor&)>& f) {
  double most = 0;
  for (const auto& [x, want] : pairs) {
    const auto in = static_cast<T>(x);
    const auto nearest = static_cast<T>(want);
    if (static_cast<double>(in) != x || !std::isfinite(nearest)) continue;
    const auto got = f(values({x}, dtype_of<T>)).template item<T>();
    const T place = std::nextafter(std::abs(nearest), std::numeric_limits<T>::infinity()) - std::abs(nearest);
    const double off = std::abs(static_cast<double>(got) - want) / static_cast<double>(place);
    EXPECT_LT(off, 20) << "at " << x << ": " << got << ", not " << want;
    most = std::max(most, off);
  }
  return most;
}

TEST(Special, InverseErrorFunction) {
  const Pairs pairs{{1e-300, 8.8622692545275803586e-301},
                    {1e-09, 8.8622692545275806908e-10},
                    {9.094947017729282e-13, 8.0601869326779525513e-13},
                    {0.1, 0.088855990494257691974},
                    {0.25, 0.22531205501217810473},
                    {0.5, 0.47693627620446987338},
                    {0.75, 0.81341984759761854169},
                    {0.9, 1.1630871536766741628},
                    {0.96875, 1.523019401996956111},
                    {0.99, 1.8213863677184494559},
                    {0.9999990463256836, 3.4655050258033307173},
                    {0.999999, 3.4589107372754987775},
                    {0.9999999999999999, 5.8635847487551679272},
                    {-0.3, -0.27246271472675434502},
                    {-0.625, -0.62730734778855896105},
                    {-0.95, -1.3859038243496776766}};
  const auto f = [](const Tensor& x) { return erfinv(x); };
  EXPECT_LE(worst<float>(pairs, f), 3);
  EXPECT_LE(worst<double>(pairs, f), 3);
  for (const DType dtype : {float32, float64})
    expect_tensor(erfinv(values({-1, 1, -0.0, 0.0, 1.5, -kInfinity, kNaN}, dtype)),
                  dtype,
                  {7},
                  {-kInfinity, kInfinity, -0.0, 0, kNaN, kNaN, kNaN});
  const Tensor x = linspace(-0.999, 0.999, 2001, float64);
  EXPECT_TRUE(all_close(erf(erfinv(x)), x, 1e-14, 1e-16));
}

TEST(Special, Logit) {
  const Pairs pairs{{1e-300, -690.77552789821370518},
                    {1e-09, -20.723265835946411093},
                    {9.094947017729282e-13, -27.725887222396902882},
                    {0.1, -2.1972245773362193211},
                    {0.25, -1.0986122886681096914},
                    {0.4375, -0.25131442828090607769},
                    {0.499999, -3.9999999998983113865e-6},
                    {0.5000001, 3.9999999978946299421e-7},
                    {0.625, 0.51082562376599068321},
                    {0.75, 1.0986122886681096914},
                    {0.9, 2.1972245773362196295},
                    {0.999999, 13.815509557935018411},
                    {0.9999999999999999, 36.736800569677101288}};
  const auto f = [](const Tensor& x) { return logit(x); };
  EXPECT_LE(worst<float>(pairs, f), 3);
  EXPECT_LE(worst<double>(pairs, f), 3);
  for (const DType dtype : {float32, float64}) {
    expect_tensor(logit(values({0, 0.5, 1, -0.1, 1.1}, dtype)), dtype, {5}, {-kInfinity, 0, kInfinity, kNaN, kNaN});
    expect_tensor(logit(values({0, 1, 0.5}, dtype), 0.25), dtype, {3}, {-std::log(3), std::log(3), 0}, 2e-7);
  }
  expect_error<ArgumentError>("logit", "expected eps in 0..0.5, got 0.6", [] { logit(values({0.5}), 0.6); });
}

TEST(Special, LogarithmOfGamma) {
  const Pairs pairs{{1e-300, 690.77552789821370518},
                    {1e-09, 20.72326583636919543},
                    {9.094947017729282e-13, 27.725887222397287402},
                    {0.1, 2.252712651734205902},
                    {0.5, 0.57236494292470008707},
                    {1.5, -0.12078223763524522235},
                    {2.5, 0.28468287047291915963},
                    {3.7, 1.4280723266653881292},
                    {10.0, 12.801827480081469611},
                    {32.75, 80.688603510529034752},
                    {171.5, 709.14316303092824227},
                    {1000000.0, 12815504.56914761166},
                    {1e+300, 6.8977552789821374147e+302},
                    {-0.5, 1.2655121234846453965},
                    {-1.5, 0.86004701537648101451},
                    {-2.75, 0.0044878975359557733115},
                    {-10.3, -14.457515440024208334}};
  const auto f = [](const Tensor& x) { return lgamma(x); };
  EXPECT_LE(worst<float>(pairs, f), 1);
  EXPECT_LE(worst<double>(pairs, f), 5);
  for (const DType dtype : {float32, float64})
    expect_tensor(lgamma(values({1, 2, 0, -3, kInfinity, -kInfinity, kNaN}, dtype)),
                  dtype,
                  {7},
                  {0, 0, kInfinity, kInfinity, kInfinity, kInfinity, kNaN});
}

TEST(Special, Digamma) {
  const Pairs pairs{{1e-300, -9.9999999999999997494e+299},
                    {1e-09, -1000000000.577215601},
                    {9.094947017729282e-13, -1099511627776.5772157},
                    {0.1, -10.423754940411076232},
                    {0.5, -1.9635100260214234794},
                    {0.9375, -0.68500067449569777006},
                    {1.0, -0.57721566490153286061},
                    {1.25, -0.22745353337626540809},
                    {1.4375, -0.023613544005297899142},
                    {1.4616321449683622, -9.2412655217294275168e-17},
                    {1.5, 0.036489973978576520559},
                    {1.96875, 0.40243027626744042992},
                    {2.0, 0.42278433509846713939},
                    {3.7, 1.1671535393615114409},
                    {6.25, 1.7504535268837360284},
                    {10.0, 2.2517525890667211076},
                    {1000000.0, 13.815510057964190771},
                    {1e+300, 690.77552789821370526},
                    {-0.25, 2.9141391202135278304},
                    {-1.5, 0.70315664064524318723},
                    {-2.75, -1.9590552649779970098},
                    {-10.3, 4.6624034935820870175}};
  const auto f = [](const Tensor& x) { return digamma(x); };
  EXPECT_LE(worst<float>(pairs, f), 1);
  EXPECT_LE(worst<double>(pairs, f), 8);
  for (const DType dtype : {float32, float64})
    expect_tensor(digamma(values({0.0, -0.0, -1, kInfinity, -kInfinity, kNaN}, dtype)),
                  dtype,
                  {6},
                  {-kInfinity, kInfinity, kNaN, kInfinity, kNaN, kNaN});
}

TEST(Special, Polygamma) {
  const std::pair<int, Pairs> orders[] = {{1,
                                           {{1e-09, 999999999999999877.08},
                                            {0.1, 101.4332991507927477},
                                            {0.5, 4.9348022005446793094},
                                            {1.0, 1.6449340668482264365},
                                            {2.0, 0.64493406684822643647},
                                            {3.7, 0.31003785767003830216},
                                            {10.0, 0.10516633568168574612},
                                            {1000000.0, 1.0000005000001666667e-6},
                                            {-0.25, 18.541879647671606498},
                                            {-1.5, 9.3792466449891237539},
                                            {-10.3, 14.98688706572263782}}},
                                          {2,
                                           {{0.1, -2001.8614573783436732},
                                            {0.5, -16.828796644234319996},
                                            {1.0, -2.4041138063191885708},
                                            {2.0, -0.4041138063191885708},
                                            {3.7, -0.095395308728554033483},
                                            {10.0, -0.011049834970802067462},
                                            {1000000.0, -1.0000010000005e-12},
                                            {-0.25, 122.69736678366236037}}},
                                          {4,
                                           {{0.1, -2400015.6072031951988},
                                            {1.0, -24.886266123440878232},
                                            {3.75, -0.049957849016555110714},
                                            {10.0, -0.0007299311682352866345},
                                            {-1.25, 24481.063714184582527}}}};
  for (const auto& [n, pairs] : orders) {
    SCOPED_TRACE(n);
    const auto f = [order = n](const Tensor& x) { return polygamma(order, x); };
    EXPECT_LE(worst<float>(pairs, f), 1);
    EXPECT_LE(worst<double>(pairs, f), 16);
  }
  for (const DType dtype : {float32, float64}) {
    expect_tensor(polygamma(1, values({0, -2, kInfinity}, dtype)), dtype, {3}, {kInfinity, kInfinity, 0});
    expect_tensor(polygamma(2, values({0.0, -0.0, -2}, dtype)), dtype, {3}, {-kInfinity, kInfinity, kNaN});
  }
  expect_error<ArgumentError>("polygamma", "expected n in 0..100, got -1", [] { polygamma(-1, values({1})); });
}

TEST(Special, SumsWithoutNaN) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(values({1, kNaN, -4, kInfinity}, dtype));
    expect_tensor(nansum(x), dtype, {}, {kInfinity});
    const Tensor y = nansum(leaf(values({1, kNaN, -4}, dtype)));
    expect_tensor(y, dtype, {}, {-3});
    expect_tensor(nansum(values({kNaN}, dtype)), dtype, {}, {0});
  }
  expect_tensor(nansum(tensor({1, 2})), int64, {}, {3});
}

TEST(Special, ExtremesSoFar) {
  const Tensor x = values({1, 3, 2, 3, kNaN, 9, kNaN});
  const Extremum most = cummax(x, 0), least = cummin(x, 0);
  expect_tensor(most.values, float64, {7}, {1, 3, 3, 3, kNaN, kNaN, kNaN});
  expect_tensor(most.indices, int64, {7}, {0, 1, 1, 3, 4, 4, 6});
  expect_tensor(least.values, float64, {7}, {1, 1, 1, 1, kNaN, kNaN, kNaN});
  expect_tensor(least.indices, int64, {7}, {0, 0, 0, 0, 4, 4, 6});
  const Extremum columns = cummin(tensor({{5, 1}, {4, 2}, {6, 0}}), 0);
  expect_tensor(columns.values, int64, {3, 2}, {5, 1, 4, 1, 4, 0});
  expect_tensor(columns.indices, int64, {3, 2}, {0, 0, 1, 0, 1, 2});
  expect_error<DTypeError>("cummax", "expected a tensor of numbers, got bool", [] { cummax(tensor({true}), 0); });
}

}  // namespace
}  // namespace gradus
