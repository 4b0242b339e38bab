#include "numbers.h"

#include <gradus/kernels/lapack.h>

#include <algorithm>
#include <limits>

namespace gradus::kernels {
namespace {

template <class T>
struct Lapack : testing::Test {
  void SetUp() override {
    if (!has_lapack(1)) GTEST_SKIP() << "OpenBLAS is not installed";
  }
  static double tolerance() { return 2e3 * std::numeric_limits<T>::epsilon(); }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Lapack, Types);

/// op(a) op(b) of row-major matrices; op(a) is [m, k].
template <class T>
Numbers product(const std::vector<T>& a, bool ta, const std::vector<T>& b, bool tb, std::int64_t m, std::int64_t k) {
  const std::int64_t n = static_cast<std::int64_t>(b.size()) / k;
  Numbers c(at(m * n));
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < k; ++l)
        c[at(i * n + j)] += static_cast<double>(a[at(ta ? l * m + i : i * k + l)]) * b[at(tb ? j * k + l : l * n + j)];
  return c;
}

Numbers identity(std::int64_t n, double value = 1) {
  Numbers x(at(n * n));
  for (std::int64_t i = 0; i < n; ++i) x[at(i * (n + 1))] = value;
  return x;
}

Numbers sum(Numbers a, const Numbers& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

TYPED_TEST(Lapack, LuIsAProductOfTriangles) {
  using T = TypeParam;
  for (const std::int64_t n : {1, 7, 70}) {
    const std::vector<T> a = as<T>(draw(n * n, 1));
    std::vector<T> lower = a;
    std::vector<std::int64_t> order(at(n));
    lapack_lu(n, lower.data(), order.data());
    std::vector<T> upper = as<T>(identity(n)), columns(at(n * n));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        if (j > i) upper[at(i * n + j)] = std::exchange(lower[at(i * n + j)], T(0));
        columns[at(i * n + j)] = a[at(i * n + order[at(j)])];
      }
    expect_near(as<T>(product(lower, false, upper, false, n, n)),
                Numbers(columns.begin(), columns.end()),
                10 * this->tolerance());
  }
}

TYPED_TEST(Lapack, CholeskyReadsAndWritesTheLowerTriangle) {
  using T = TypeParam;
  constexpr std::int64_t n = 40;
  const std::vector<T> root = as<T>(draw(n * n, 1));
  const std::vector<T> a = as<T>(sum(product(root, false, root, true, n, n), identity(n, 5)));
  std::vector<T> l = a;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i + 1; j < n; ++j) l[at(i * n + j)] = T(0);
  ASSERT_TRUE(lapack_cholesky(n, l.data()));
  EXPECT_EQ(l[1], T(0));
  expect_near(as<T>(product(l, false, l, true, n, n)), Numbers(a.begin(), a.end()), 50 * this->tolerance());
  l[at(3 * n + 3)] = T(-1);
  EXPECT_FALSE(lapack_cholesky(n, l.data()));
}

TYPED_TEST(Lapack, TriangularReadsOneHalf) {
  using T = TypeParam;
  constexpr std::int64_t n = 37, k = 4;
  const Numbers small = draw(n * n, 1);
  std::vector<T> all(small.begin(), small.end());
  for (T& v : all) v /= T(n);
  for (std::int64_t i = 0; i < n; ++i) all[at(i * (n + 1))] += T(2);
  const std::vector<T> b = as<T>(draw(n * k, 2));
  for (const bool upper : {false, true}) {
    for (const bool unit : {false, true}) {
      std::vector<T> half = all;
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < n; ++j)
          half[at(i * n + j)] = i == j             ? (unit ? T(1) : all[at(i * n + j)])
                                : (i < j) == upper ? all[at(i * n + j)]
                                                   : T(0);
      for (const bool transpose : {false, true}) {
        std::vector<T> x = b;
        lapack_triangular_solve(upper ? Triangle::upper : Triangle::lower, transpose, unit, n, k, all.data(), x.data());
        expect_near(as<T>(product(half, transpose, x, false, n, n)), Numbers(b.begin(), b.end()), this->tolerance());
      }
    }
  }
}

TYPED_TEST(Lapack, Svd) {
  using T = TypeParam;
  for (const auto& [m, n] : {std::pair{1, 1}, {20, 20}, {31, 17}, {17, 31}}) {
    const std::int64_t k = std::min(m, n);
    const std::vector<T> a = as<T>(draw(m * n, 1));
    std::vector<T> copy = a, u(at(m * k)), values(at(k)), vt(at(k * n));
    ASSERT_TRUE(lapack_svd(m, n, copy.data(), u.data(), values.data(), vt.data()));
    EXPECT_TRUE(std::is_sorted(values.rbegin(), values.rend()));
    expect_near(as<T>(product(u, true, u, false, k, m)), identity(k), this->tolerance());
    expect_near(as<T>(product(vt, false, vt, true, k, n)), identity(k), this->tolerance());
    std::vector<T> scaled = vt;
    for (std::int64_t i = 0; i < k * n; ++i) scaled[at(i)] *= values[at(i / n)];
    expect_near(as<T>(product(u, false, scaled, false, m, k)), Numbers(a.begin(), a.end()), 10 * this->tolerance());
  }
}

TYPED_TEST(Lapack, EighReadsTheLowerTriangle) {
  using T = TypeParam;
  constexpr std::int64_t n = 33;
  std::vector<T> a = as<T>(draw(n * n, 1)), values(at(n));
  std::vector<T> rows = a;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i + 1; j < n; ++j) a[at(i * n + j)] = a[at(j * n + i)];
  ASSERT_TRUE(lapack_eigh(n, rows.data(), values.data()));
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  std::vector<T> scaled = rows;
  for (std::int64_t i = 0; i < n * n; ++i) scaled[at(i)] *= values[at(i / n)];
  expect_near(as<T>(product(rows, true, scaled, false, n, n)), Numbers(a.begin(), a.end()), 20 * this->tolerance());
}

TEST(LapackFound, NotForSizesBeyondItsIntegers) { EXPECT_FALSE(has_lapack(1 << 20)); }

}  // namespace
}  // namespace gradus::kernels
