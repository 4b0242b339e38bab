#include <gradus/kernels/elementary.h>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <vector>

namespace gradus::kernels {
namespace {

/// One function: of a number, of a register, exact, and how many units in the last place it may be off.
template <class T>
struct Row {
  const char* name;
  T (*number)(T);
  elementary::Vector<T> (*vector)(elementary::Vector<T>);
  long double (*exact)(long double);
  double ulp;
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
      GRADUS_ROW(tanh, 3, std::tanh(x)),
      GRADUS_ROW(sigmoid, 3, x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x))),
      GRADUS_ROW(softplus, 2.5, std::fmax(x, 0.L) + std::log1p(std::exp(-std::fabs(x)))),
      GRADUS_ROW_OF(
          "normal.cdf", elementary::normal(x).cdf, 5, std::erfc(-x * std::numbers::sqrt2_v<long double> / 2) / 2),
      GRADUS_ROW_OF("normal.density", elementary::normal(x).density, 2.5, normal_density(x))};
  if constexpr (std::is_same_v<T, float>) all.push_back(GRADUS_ROW(erf, 1.5, std::erf(x)));
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

}  // namespace
}  // namespace gradus::kernels
