#include "gradus/ops/decompose.h"

#include "linalg/factors.h"
#include "linalg/matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>

namespace gradus {
namespace detail {
namespace {

// ---- cholesky ------------------------------------------------------------------------------------

struct Cholesky : Op {
  static constexpr OpInfo info{.name = "cholesky", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    Tensor y = empty(x.shape(), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      const std::int64_t n = a.rows;
      const std::int64_t bad = a.each([&](std::int64_t i) { return factor_cholesky<T>(a.at<T>(i), a.in(out, i)); });
      if (bad < 0) return;
      std::int64_t order = 1;
      const auto definite = [&] {
        const EigenMatrix<T> corner = a.at<T>(bad).topLeftCorner(order, order);
        return Eigen::LLT<EigenMatrix<T>>(corner).info() == Eigen::Success;
      };
      while (order < n && definite()) ++order;
      fail<ArgumentError>(info.name,
                          fmt::format("expected a positive definite matrix, got one whose leading "
                                      "minor of order {} is not{}",
                                      order,
                                      a.place(bad)));
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out(), inner = matmul(transpose(y), tril(p.g));
    const Tensor half = 0.5 * (tril(inner) + tril(inner, -1));  // tril, its diagonal halved
    const Triangular turned{.transpose = true};
    // y^-T half y^-1, made symmetric
    const Tensor left = triangular_solve(y, half, turned);
    const Tensor both = transpose(triangular_solve(y, transpose(left), turned));
    return {0.5 * (both + transpose(both))};
  }
};

// ---- qr ------------------------------------------------------------------------------------------

/// q^T and r side by side.
struct Qr : Op {
  static constexpr OpInfo info{.name = "qr", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    const std::int64_t m = a.rows, n = a.columns, k = std::min(m, n);
    Tensor y = packed(x, k, m + n);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      a.each([&](std::int64_t i) {
        const Eigen::HouseholderQR<EigenMatrix<T>> factors(a.at<T>(i));
        MatrixOut<T> both(out + i * k * (m + n), k, m + n);
        EigenMatrix<T> q = EigenMatrix<T>::Identity(m, k);
        q.applyOnTheLeft(factors.householderQ());
        both.leftCols(m) = q.transpose();
        both.rightCols(n) = factors.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    const std::int64_t k = y.size(-2), n = p.shape().back(), m = y.size(-1) - n;
    const Tensor q = transpose(part(y, 0, m)), r = part(y, m, n);
    Tensor gq = transpose(part(p.g, 0, m));
    const Tensor gr = triu(part(p.g, m, n));
    const Tensor square = part(r, 0, k), g_square = part(gr, 0, k);
    if (n > k) {  // the other columns are q times r's
      const Tensor rest = part(r, k, n - k), g_rest = part(gr, k, n - k);
      gq = gq + matmul(matmul(q, rest), transpose(g_rest));
      return {concat({first_columns(q, square, gq, g_square), matmul(q, g_rest)}, -1)};
    }
    return {first_columns(q, square, gq, g_square)};
  }

 private:
  /// (gq + q m) r^-T with the lower half of r gr^T - gq^T q for both halves of m.
  static Tensor first_columns(const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr) {
    const Tensor m = matmul(r, transpose(gr)) - matmul(transpose(gq), q);
    const Tensor sum = gq + matmul(q, tril(m) + transpose(tril(m, -1)));
    return transpose(triangular_solve(r, transpose(sum), {.upper = true}));
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor cholesky(Arg x) {
  check_square("cholesky", x);
  return apply(Cholesky{}, x);
}

QrResult qr(Arg x) {
  const SitePin pin(x.site);
  check_matrix("qr", x);
  const std::int64_t m = x->size(-2), n = x->size(-1);
  const Tensor y = apply(Qr{}, x);
  return {transpose(part(y, 0, m)), part(y, m, n)};
}

Tensor lstsq(Arg a, const Tensor& b) {
  const SitePin pin(a.site);
  const System s = system_of("lstsq", a, b);
  const bool tall = s.a.size(-2) >= s.a.size(-1);
  const QrResult f = qr(tall ? s.a : transpose(s.a));
  const Tensor y = tall ? triangular_solve(f.r, matmul(transpose(f.q), s.b), {.upper = true})
                        : matmul(f.q, triangular_solve(f.r, s.b, {.upper = true, .transpose = true}));
  return s.vector ? squeeze(y, -1) : y;
}

namespace detail {

std::span<const OpEntry> decompose_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const auto definite = [](const Tensor& x) { return matmul(far_apart(x), transpose(far_apart(x))); };
  static const Sample square{{3, 3}, domain(-0.5, 0.5)}, tall{{4, 2}, domain(-0.5, 0.5)},
      wide{{2, 3}, domain(-0.5, 0.5)}, batch{{2, 2, 2}, domain(-0.5, 0.5)};
  static const OpEntry table[] = {
      {"cholesky",
       &op_class<Cholesky>,
       {"the lower L with L Lᵀ = A",
        "L⁻ᵀ Φ(Lᵀ G) L⁻¹, symmetrised; Φ halves the diagonal of the lower triangle (Murray 2016)"},
       [] {
         const auto call = [](In in) { return cholesky(definite(in[0])); };
         return Examples{{"matrix", {square}, call}, {"batch", {batch}, call}, {"empty", {{{0, 0}}}, call}};
       }},
      {"qr",
       &op_class<Qr>,
       {"Q R = A, R upper", "Walter and Lehmann 2018"},
       [] {
         const auto q = [](In in) { return qr(far_apart(in[0])).q; };
         const auto r = [](In in) { return qr(far_apart(in[0])).r; };
         const auto both = [](In in) {
           const QrResult f = qr(far_apart(in[0]));
           return matmul(sin(f.q), cos(f.r));
         };
         return Examples{{"q", {square}, q},
                         {"r", {square}, r},
                         {"q, tall", {tall}, q},
                         {"r, tall", {tall}, r},
                         {"both, wide", {wide}, both},
                         {"both, batch", {batch}, both}};
       }},
      {"lstsq",
       nullptr,
       {"the X with the least |A X - B|", "through qr"},
       [] {
         const auto call = [](In in) { return lstsq(far_apart(in[0]), in[1]); };
         return Examples{
             {"tall", {tall, {{4, 3}}}, call}, {"wide", {wide, {{2}}}, call}, {"batch", {batch, {{2, 1}}}, call}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
