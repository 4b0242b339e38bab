// An elementwise lambda that spells an op gives the op's bits: both use one set of functions.

#include <gradus/ops/activation.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/lambda.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

struct Row {
  std::string name;
  std::function<Tensor(const Tensor&)> op, lambda;
};

#define GRADUS_ROW(f) {#f, [](const Tensor& x) { return f(x); }, elementwise(#f, [](auto x) { return f(x); })}
#define GRADUS_POWER(e) \
  {"x^" #e, [](const Tensor& x) { return pow(x, e); }, elementwise("power", [](auto x) { return pow(x, e); })}

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      GRADUS_ROW(exp),
      GRADUS_ROW(expm1),
      GRADUS_ROW(log),
      GRADUS_ROW(log1p),
      GRADUS_ROW(sqrt),
      GRADUS_ROW(square),
      GRADUS_ROW(reciprocal),
      GRADUS_ROW(abs),
      GRADUS_ROW(sign),
      GRADUS_ROW(sin),
      GRADUS_ROW(cos),
      GRADUS_ROW(tanh),
      GRADUS_ROW(sigmoid),
      {"softplus",  // (the op is linear beyond its threshold)
       [](const Tensor& x) { return softplus(x, 1, 1e9); },
       elementwise("softplus", [](auto x) { return softplus(x); })},
      GRADUS_ROW(erf),
      GRADUS_POWER(2),
      GRADUS_POWER(3),
      GRADUS_POWER(0.5),
      GRADUS_POWER(-1),
      GRADUS_POWER(-2.6),
      {"x^x", [](const Tensor& x) { return pow(x, x); }, elementwise("power", [](auto x) { return pow(x, x); })},
      {"1.3^x", [](const Tensor& x) { return pow(1.3, x); }, elementwise("power", [](auto x) { return pow(1.3, x); })},
      GRADUS_ROW(relu)};
  return all;
}

/// Of every size and either sign, with zeros, infinities and NaN; not a whole number of packs.
template <class T>
std::vector<T> arguments() {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  std::vector<T> x{0, T(-0.0), infinity, -infinity, std::numeric_limits<T>::quiet_NaN()};
  for (T size = 4 * std::numeric_limits<T>::denorm_min(); size < infinity; size *= T(1.37))
    for (T v : {size, -size}) x.push_back(v);
  for (int i = -4000; i <= 4000; ++i) x.push_back(T(i) / 37);
  return x;
}

template <class T>
void compare() {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const std::vector<T> x = arguments<T>();
  for (const Row& row : rows()) {
    const std::vector<T> a = row.op(from_vector(x)).template to_vector<T>(),
                         b = row.lambda(from_vector(x)).template to_vector<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
      ASSERT_EQ(std::bit_cast<Bits>(a[i]), std::bit_cast<Bits>(b[i]))
          << row.name << " of " << x[i] << ": the op gives " << a[i] << ", the lambda " << b[i];
    }
  }
}

TEST(Lambda, GivesTheOpsBitsInFloat32) { compare<float>(); }
TEST(Lambda, GivesTheOpsBitsInFloat64) { compare<double>(); }

}  // namespace
}  // namespace gradus
