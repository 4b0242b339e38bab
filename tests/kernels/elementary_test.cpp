#include <gradus/kernels/elementary.h>
#include <gradus/kernels/error_function.h>
#include <gradus/kernels/extremes.h>
#include <gradus/kernels/power.h>
#include <gradus/kernels/trigonometric.h>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

namespace gradus::kernels {
namespace {

/// One function: of a number, of a register, exact, how many units in the last place it may be off, and how far from 0
/// it is right.
template <class T>
struct Row {
  const char* name;
  T (*number)(T);
  elementary::Vector<T> (*vector)(elementary::Vector<T>);
  long double (*exact)(long double);
  double ulp;
  T near = std::numeric_limits<T>::infinity();
};

#define GRADUS_ROW_OF(name, value, ulp, expression)                                 \
  Row<T> {                                                                          \
    name, [](T x) { return value; }, [](elementary::Vector<T> x) { return value; }, \
        [](long double x) -> long double { return expression; }, ulp                \
  }
#define GRADUS_ROW(f, ulp, expression) GRADUS_ROW_OF(#f, elementary::f(x), ulp, expression)

/// The density of the standard normal distribution.
long double normal_density(long double x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<long double> / std::numbers::sqrt2_v<long double>;
}

template <class T>
std::vector<Row<T>> rows() {
  std::vector<Row<T>> all{
      GRADUS_ROW(exp, 1, std::exp(x)),
      GRADUS_ROW(expm1, 2.5, std::expm1(x)),
      GRADUS_ROW(log, 1.5, std::log(x)),
      GRADUS_ROW(log1p, 2.5, std::log1p(x)),
      GRADUS_ROW(exp2, 1, std::exp2(x)),
      GRADUS_ROW(log2, 2, std::log2(x)),
      GRADUS_ROW(log10, 2, std::log10(x)),
      GRADUS_ROW(sinh, 2.5, std::sinh(x)),
      GRADUS_ROW(cosh, 2, std::cosh(x)),
      GRADUS_ROW(tanh, 3, std::tanh(x)),
      GRADUS_ROW(asinh, 3, std::asinh(x)),
      GRADUS_ROW(acosh, 3, std::acosh(x)),
      GRADUS_ROW(atanh, 3, std::atanh(x)),
      GRADUS_ROW(asin, 2.5, std::asin(x)),
      GRADUS_ROW(acos, 1.5, std::acos(x)),
      GRADUS_ROW(atan, 2, std::atan(x)),
      GRADUS_ROW(erf, 1.5, std::erf(x)),
      GRADUS_ROW(erfc, sizeof(T) == 4 ? 1 : 4, std::erfc(x)),
      GRADUS_ROW(sigmoid, 3, x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x))),
      GRADUS_ROW(softplus, 2.5, std::fmax(x, 0.L) + std::log1p(std::exp(-std::fabs(x)))),
      GRADUS_ROW_OF(
          "normal.cdf", elementary::normal(x).cdf, 5, std::erfc(-x * std::numbers::sqrt2_v<long double> / 2) / 2),
      GRADUS_ROW_OF("normal.density", elementary::normal(x).density, 2.5, normal_density(x))};
  const auto near = [&](Row<T> row) {
    row.near = elementary::kNear<T>;
    all.push_back(row);
  };
  const bool floats = std::is_same_v<T, float>;
  near(GRADUS_ROW(sin, floats ? 1.5 : 1, std::sin(x)));
  near(GRADUS_ROW(cos, floats ? 1.5 : 1, std::cos(x)));
  near(GRADUS_ROW(tan, floats ? 3 : 2.5, std::tan(x)));
  return all;
}

/// Of every size and either sign, with zeros, infinities and NaN; a whole number of registers.
template <class T>
std::vector<T> arguments() {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  std::vector<T> x{0, T(-0.0), infinity, -infinity, std::numeric_limits<T>::quiet_NaN()};
  for (T size = 4 * std::numeric_limits<T>::denorm_min(); size < infinity; size *= T(1.13))
    for (T v : {size, -size}) x.push_back(v);
  for (int i = -8000; i <= 8000; ++i) x.push_back(T(i) / 11);
  for (int i = 1; i <= 17000; ++i) x.push_back(T(i * std::numbers::pi / 2));  // where sine or cosine nearly vanish
  while (x.size() % (sizeof(elementary::Vector<T>) / sizeof(T)) != 0) x.push_back(1);
  return x;
}

template <class T>
double units_off(T got, long double exact) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T nearest = static_cast<T>(exact);
  if (std::isnan(nearest)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : HUGE_VAL;
  const T size = std::fabs(nearest), next = std::nextafter(size, infinity);
  const T unit = std::isinf(next) ? size - std::nextafter(size, T(0)) : next - size;
  return static_cast<double>(std::fabs(got - exact) / unit);
}

template <class T>
void check() {
  using Bits = typename elementary::Format<T>::Bits;
  constexpr std::size_t width = sizeof(elementary::Vector<T>) / sizeof(T);
  const std::vector<T> x = arguments<T>();
  for (const Row<T>& row : rows<T>()) {
    std::vector<T> y(x.size());
    for (std::size_t i = 0; i < x.size(); i += width) {
      elementary::Vector<T> v;
      std::memcpy(&v, x.data() + i, sizeof v);
      v = row.vector(v);
      std::memcpy(y.data() + i, &v, sizeof v);
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!(std::fabs(x[i]) <= row.near) && !std::isinf(row.near)) continue;
      const T number = row.number(x[i]);
      ASSERT_LE(units_off(number, row.exact(x[i])), row.ulp) << row.name << " of " << x[i] << " gives " << number;
      if (std::isnan(number) && std::isnan(y[i])) continue;
      ASSERT_EQ(std::bit_cast<Bits>(number), std::bit_cast<Bits>(y[i]))
          << row.name << " of " << x[i] << ": " << number << ", in a register " << y[i];
    }
  }
}

TEST(Elementary, FloatsAreExactToTheirUnits) { check<float>(); }
TEST(Elementary, DoublesAreExactToTheirUnits) { check<double>(); }

/// Pairs of special numbers, and such that the power is neither 0 nor infinite.
template <class T>
std::vector<std::pair<T, T>> pairs() {
  using Limits = std::numeric_limits<T>;
  constexpr T infinity = Limits::infinity(), digits = T(std::uint64_t{1} << (Limits::digits - 1));
  const T sizes[] = {0,
                     Limits::denorm_min(),
                     Limits::min(),
                     T(0.5),
                     std::nextafter(T(1), T(0)),
                     1,
                     T(1.5),
                     2,
                     3,
                     4,
                     digits / 2 - T(0.5),
                     digits - 1,
                     digits,
                     digits + 1,
                     2 * digits - 1,
                     2 * digits,
                     Limits::max(),
                     infinity,
                     Limits::quiet_NaN()};
  std::vector<std::pair<T, T>> all;
  for (T a : sizes)
    for (T b : sizes)
      for (T x : {a, -a})
        for (T y : {b, -b}) all.emplace_back(x, y);
  const double most = 1.04 * Limits::max_exponent;
  for (int i = 1; i < 40000; ++i) {  // x from 2^-40 to 2^40 and closer to 1
    const double size = 40 * std::sin(i), x = std::exp2(i % 2 == 0 ? size : std::ldexp(size, -i % 25)),
                 y = std::cos(3 * i);
    all.emplace_back(T(x), T(most * y / std::log2(x)));
  }
  while (all.size() % (sizeof(elementary::Vector<T>) / sizeof(T)) != 0) all.emplace_back(T(1), T(1));
  return all;
}

template <class T>
void check_powers(double ulp) {
  using V = elementary::Vector<T>;
  using Bits = typename elementary::Format<T>::Bits;
  constexpr std::size_t width = sizeof(V) / sizeof(T);
  const std::vector<std::pair<T, T>> all = pairs<T>();
  for (std::size_t i = 0; i < all.size(); i += width) {
    V x, y;
    for (std::size_t j = 0; j < width; ++j) {
      x[j] = all[i + j].first;
      y[j] = all[i + j].second;
    }
    const V powers = elementary::pow(x, y);
    for (std::size_t j = 0; j < width; ++j) {
      const T base = x[j], exponent = y[j], power = elementary::pow(base, exponent), in_register = powers[j];
      const long double exact = std::pow(static_cast<long double>(base), static_cast<long double>(exponent));
      const auto what = testing::Message()
                        << base << "^" << exponent << " gives " << power << ", in a register " << in_register;
      ASSERT_LE(units_off(power, exact), ulp) << what;
      if (std::isnan(power) && std::isnan(in_register)) continue;
      ASSERT_EQ(std::signbit(power), std::signbit(exact)) << what;
      ASSERT_EQ(std::bit_cast<Bits>(power), std::bit_cast<Bits>(in_register)) << what;
    }
  }
}

TEST(Elementary, PowersOfFloatsAreExactToTheirUnits) { check_powers<float>(1); }
TEST(Elementary, PowersOfDoublesAreExactToTheirUnits) { check_powers<double>(1.5); }

/// By the definition, of numbers and in registers.
template <class T>
void check_extremes() {
  using V = elementary::Vector<T>;
  constexpr std::size_t width = sizeof(V) / sizeof(T);
  const auto same = [](T got, T want) {
    return std::isnan(want) ? std::isnan(got) : got == want && std::signbit(got) == std::signbit(want);
  };
  const std::vector<std::pair<T, T>> all = pairs<T>();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [a, b] = all[i];
    const bool first = a > b || (a == b && !std::signbit(a));
    const T nan = std::isnan(a) ? a : b;
    const T largest = std::isnan(nan) ? nan : first ? a : b, least = std::isnan(nan) ? nan : first ? b : a;
    V x = V{}, y = V{};
    x[i % width] = a;
    y[i % width] = b;
    const V larger = elementary::larger(x, y), smaller = elementary::smaller(x, y);
    ASSERT_TRUE(same(elementary::larger(a, b), largest) && same(larger[i % width], largest)) << a << " " << b;
    ASSERT_TRUE(same(elementary::smaller(a, b), least) && same(smaller[i % width], least)) << a << " " << b;
  }
}

TEST(Elementary, ExtremesOfFloats) { check_extremes<float>(); }
TEST(Elementary, ExtremesOfDoubles) { check_extremes<double>(); }

TEST(Elementary, LogarithmsOfPowersAreWhole) {
  for (double e = -1074; e < 1024; ++e) ASSERT_EQ(elementary::log2(std::exp2(e)), e);
  for (float e = -149; e < 128; ++e) ASSERT_EQ(elementary::log2(std::exp2(e)), e);
}

/// Rows of numbers of any size, some of them beyond kNear.
template <class T>
void check_rows() {
  struct Each {
    const char* name;
    void (*row)(T*, const T*, std::int64_t);
    long double (*exact)(long double);
    double ulp;
  };
  const bool floats = std::is_same_v<T, float>;
  const Each all[] = {{"sin", sin_row<T>, [](long double v) { return std::sin(v); }, floats ? 1.5 : 1},
                      {"cos", cos_row<T>, [](long double v) { return std::cos(v); }, floats ? 1.5 : 1},
                      {"tan", tan_row<T>, [](long double v) { return std::tan(v); }, floats ? 3 : 2.5}};
  const std::vector<T> x = arguments<T>();
  for (const Each& each : all) {
    std::vector<T> y(x.size());
    each.row(y.data(), x.data(), std::ssize(x) - 3);
    for (std::size_t i = 0; i < x.size() - 3; ++i) {
      ASSERT_LE(units_off(y[i], each.exact(x[i])), each.ulp) << each.name << " of " << x[i] << " gives " << y[i];
      ASSERT_TRUE(x[i] != 0 || std::signbit(y[i]) == std::signbit(each.exact(x[i]))) << each.name << " of " << x[i];
    }
    for (std::size_t i = x.size() - 3; i < x.size(); ++i) ASSERT_EQ(y[i], 0) << each.name << " went beyond its row";
  }
}

TEST(Elementary, RowsOfFloatsAreExactToTheirUnits) { check_rows<float>(); }
TEST(Elementary, RowsOfDoublesAreExactToTheirUnits) { check_rows<double>(); }

}  // namespace
}  // namespace gradus::kernels
