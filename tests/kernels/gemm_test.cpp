#include <gradus/kernels/gemm.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>
#include <gradus/tensor/tensor.h>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus::kernels {
namespace {

struct Size {
  std::int64_t m, n, k;
};
const std::vector<Size> kSizes{
    {1, 1, 1},
    {1, 16, 2},
    {1, 16, 16},
    {16, 1, 16},
    {16, 2, 1},
    {5, 3, 4},
    {7, 9, 0},
    {4, 17, 8},
    {19, 31, 1},
    {91, 130, 1},
    {33, 17, 65},
    {64, 64, 64},
    {1, 70, 130},
    {129, 1, 67},
    {130, 140, 70},
};
const std::array kBackends{
    GemmBackend::automatic, GemmBackend::loops, GemmBackend::eigen, GemmBackend::dnnl, GemmBackend::openblas};

/// These settings, while it lives.
struct Threads {
  int before = num_threads();
  Threads(int n, bool deterministic) {
    set_num_threads(n);
    set_deterministic(deterministic);
  }
  ~Threads() {
    set_num_threads(before);
    set_deterministic(false);
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
};

/// A matrix with unused columns, whose transposition is stored where asked.
template <class T>
struct Stored {
  Tensor values;
  std::int64_t ld;
  bool transposed;

  Stored(std::int64_t rows, std::int64_t columns, bool turned, Generator& generator)
      : ld((turned ? rows : columns) + 3), transposed(turned) {
    values = normal({turned ? columns : rows, ld}, 0, 1, dtype_of<T>, generator);
  }
  const T* data() const { return values.data<T>(); }
  double at(std::int64_t i, std::int64_t j) const {
    return static_cast<double>(data()[transposed ? j * ld + i : i * ld + j]);
  }
};

template <class T>
void compare_backends(double tolerance) {
  Generator generator(1);
  for (const auto [m, n, k] : kSizes) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        const Stored<T> a(m, k, ta, generator), b(k, n, tb, generator);
        const Stored<T> old(m, n, false, generator);
        std::vector<double> product;
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (std::int64_t l = 0; l < k; ++l) sum += a.at(i, l) * b.at(l, j);
            product.push_back(sum);
          }
        }
        for (const double beta : {0.0, 1.0, -0.5}) {
          for (const GemmBackend backend : kBackends) {
            if (!has_gemm_backend<T>(backend)) continue;
            Tensor result = clone(old.values);
            T* c = result.mutable_data<T>();
            if (beta == 0)
              for (std::int64_t i = 0; i < m; ++i)
                for (std::int64_t j = 0; j < n; ++j) c[i * old.ld + j] = std::numeric_limits<T>::quiet_NaN();
            gemm<T>(ta, tb, m, n, k, T(2), a.data(), a.ld, b.data(), b.ld, T(beta), c, old.ld, backend);
            double error = 0;
            for (std::int64_t i = 0; i < m; ++i) {
              for (std::int64_t j = 0; j < old.ld; ++j) {
                double want = old.at(i, j);
                if (j < n) want = want * beta + 2 * product[static_cast<std::size_t>(i * n + j)];
                const double off = std::abs(static_cast<double>(c[i * old.ld + j]) - want);
                error = off <= error ? error : off;  // NaN stays
              }
            }
            EXPECT_LE(error, tolerance) << m << "x" << n << "x" << k << (ta ? " T" : " N") << (tb ? "T" : "N")
                                        << " beta " << beta << " backend " << static_cast<int>(backend);
          }
        }
      }
    }
  }
}

TEST(Gemm, BackendsAgreeInFloat64) { compare_backends<double>(1e-12); }
TEST(Gemm, BackendsAgreeInFloat32) { compare_backends<float>(2e-4); }

TEST(Gemm, BackendsAgreeOnSeveralThreads) {
  const Threads three(3, false);
  compare_backends<double>(1e-12);
  compare_backends<float>(2e-4);
}

/// A product of each back end, large enough to be divided.
template <class T>
std::vector<std::vector<T>> products() {
  constexpr std::int64_t m = 150, n = 515, k = 256;
  Generator generator(2);
  const Stored<T> a(m, k, false, generator), b(k, n, false, generator);
  std::vector<std::vector<T>> all;
  for (const GemmBackend backend : kBackends) {
    if (!has_gemm_backend<T>(backend) || backend == GemmBackend::loops) continue;
    std::vector<T>& c = all.emplace_back(static_cast<std::size_t>(m * n));
    gemm<T>(false, false, m, n, k, T(1), a.data(), a.ld, b.data(), b.ld, T(0), c.data(), n, backend);
  }
  return all;
}

template <class T>
void expect_same_bits_on_any_threads() {
  std::vector<std::vector<T>> one, three;
  {
    const Threads threads(1, true);
    one = products<T>();
  }
  {
    const Threads threads(3, true);
    three = products<T>();
  }
  EXPECT_EQ(one, three);
}

TEST(Gemm, DeterministicResultsDoNotDependOnTheThreads) {
  expect_same_bits_on_any_threads<float>();
  expect_same_bits_on_any_threads<double>();
}

TEST(Gemm, OnlyLibrariesMayBeMissing) {
  for (const GemmBackend backend : {GemmBackend::automatic, GemmBackend::loops, GemmBackend::eigen}) {
    EXPECT_TRUE(has_gemm_backend<float>(backend));
    EXPECT_TRUE(has_gemm_backend<double>(backend));
  }
  EXPECT_FALSE(has_gemm_backend<double>(GemmBackend::dnnl));
  EXPECT_EQ(has_gemm_backend<float>(GemmBackend::openblas), has_gemm_backend<double>(GemmBackend::openblas));
}

}  // namespace
}  // namespace gradus::kernels
