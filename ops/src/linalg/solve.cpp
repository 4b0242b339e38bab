// The part of the decompose family that solves equations, and determinants.

#include "linalg/factors.h"
#include "linalg/matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus {
namespace detail {

Tensor symmetric_power(Arg a, double exponent);  // in spectral.cpp

System system_of(const char* op, Arg a, const Tensor& b) {
  check_matrix(op, a);
  check_same_dtype(op, a, b);
  const bool vector = b.rank() == 1;
  if (b.rank() == 0 || b.shape()[vector ? 0 : b.rank() - 2] != a->shape()[a->rank() - 2])
    fail<ShapeError>(
        op,
        fmt::format("expected [*, {0}, k] or [{0}], got {1}", a->shape()[a->rank() - 2], to_string(b.shape())),
        a.site);
  const Tensor right = vector ? unsqueeze(b, 1) : b;
  Shape shape = broadcast_shapes(batch_shape(a), batch_shape(right), op, a.site), other = shape;
  for (int d = 2; d > 0; --d) {
    shape.push_back(a->shape()[a->rank() - d]);
    other.push_back(right.shape()[right.rank() - d]);
  }
  return {broadcast_to(a, shape), broadcast_to(right, other), vector};
}

namespace {

/// x with a number [*] for each matrix made one of [*, 1, 1].
Tensor per_matrix(const Tensor& x) { return unsqueeze(unsqueeze(x, -1), -1); }

// ---- determinants --------------------------------------------------------------------------------

/// The determinants of x without one row and one column, with their signs: [*, n, n].
Tensor cofactors(const Tensor& x) {
  const std::int64_t n = x.size(-1);
  if (n == 1) return ones_like(x);
  // Row i of `others` is 0 … n-1 without i.
  std::vector<std::int64_t> others;
  std::vector<double> signs;
  for (std::int64_t i = 0; i < n; ++i) {
    signs.push_back(i % 2 == 0 ? 1 : -1);
    for (std::int64_t j = 0; j < n; ++j)
      if (j != i) others.push_back(j);
  }
  const Tensor columns = from_vector(others), sign = cast(from_vector(signs), x.dtype());
  std::vector<Tensor> result;
  for (std::int64_t i = 0; i < n; ++i) {
    const Tensor rows = index_select(x, -2, view_as(columns, {n - 1}, {1}, i * (n - 1)));
    const Tensor minors = unflatten(index_select(rows, -1, columns), -1, {n, n - 1});
    const Tensor one = det(movedim(minors, -2, -3)) * sign;
    result.push_back(i % 2 == 0 ? one : -one);
  }
  return stack(result, -2);
}

struct Det : Op {
  static constexpr OpInfo info{.name = "det", .saves = Saves::input0 | Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    Tensor y = ones(batch_shape(x), x.dtype());
    LuTensors place(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      const auto at = place.views<T>();
      T* out = y.mutable_data<T>();
      a.each([&](std::int64_t i) {
        Lu<T> lu = at(i);
        lu.factor(a.at<T>(i));
        out[i] = lu.sign() * lu.pivots().prod();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0), y = p.out();
    for (const double d : y.to_vector())
      if (d == 0) return {per_matrix(p.g) * cofactors(x)};
    return {per_matrix(p.g * y) * transpose(inverse(x))};
  }
};

struct Slogdet : Op {
  static constexpr OpInfo info{.name = "slogdet", .saves = Saves::input0};
  /// The logarithm, and the sign.
  Tensors forward(const Tensor& x) const {
    const Matrices a(x);
    Tensor log = zeros(batch_shape(x), x.dtype()), sign = ones(batch_shape(x), x.dtype());
    LuTensors place(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      const auto at = place.views<T>();
      T *logs = log.mutable_data<T>(), *signs = sign.mutable_data<T>();
      a.each([&](std::int64_t i) {
        Lu<T> lu = at(i);
        lu.factor(a.at<T>(i));
        const auto pivots = lu.pivots();
        T s = lu.sign();
        for (std::int64_t k = 0; k < a.rows; ++k)
          s = pivots[k] == 0 ? T(0) : pivots[k] < 0 ? -s : pivots[k] > 0 ? s : pivots[k];
        signs[i] = s;
        logs[i] = pivots.abs().log().sum();
        return true;
      });
    });
    return {log, sign};
  }
  Cotangents vjp(const Pullback& p) const { return {per_matrix(p.g) * transpose(inverse(p.in(0)))}; }
};

// ---- equations -----------------------------------------------------------------------------------

struct Inverse : Op {
  static constexpr OpInfo info{.name = "inverse", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    Tensor y = empty(x.shape(), x.dtype());
    LuTensors place(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      const auto at = place.views<T>();
      T* out = y.mutable_data<T>();
      const auto each = [&](std::int64_t i) {
        Lu<T> lu = at(i);
        if (!lu.factor(a.at<T>(i))) return false;
        MatrixOut<T> result = a.in(out, i);
        result.setIdentity();
        solve_lu<T>(lu.factors.data(), lu.order, false, result);
        return true;
      };
      check_regular(info.name, a, a.each(each));
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor turned = transpose(p.out());
    return {-matmul(turned, matmul(p.g, turned))};
  }
};

/// A^-T g, by the factors of A.
Tensor solve_transposed(const Tensor& factors, const Tensor& order, const Tensor& g) {
  const Matrices lu(factors), b(g);
  const Tensor orders = contiguous(order);
  Tensor y = clone(b.tensor);
  dispatch_floating(g.dtype(), [&]<class T>() {
    T* out = y.mutable_data<T>();
    const std::int64_t* const all = orders.data<std::int64_t>();
    lu.each([&](std::int64_t i) {
      solve_lu<T>(lu.at<T>(i).data(), all + i * lu.rows, true, b.in(out, i));
      return true;
    });
  });
  return y;
}

struct Solve : Op {
  static constexpr OpInfo info{.name = "solve", .arity = 2, .saves = Saves::input0 | Saves::output | Saves::extras};
  /// Y, and the factors of A.
  Tensors forward(const Tensor& x, const Tensor& right) const {
    const Matrices a(x), b(right);
    Tensor y = clone(b.tensor);
    LuTensors place(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      const auto at = place.views<T>();
      T* out = y.mutable_data<T>();
      const auto each = [&](std::int64_t i) {
        Lu<T> lu = at(i);
        if (!lu.factor(a.at<T>(i))) return false;
        solve_lu<T>(lu.factors.data(), lu.order, false, b.in(out, i));
        return true;
      };
      check_regular(info.name, a, a.each(each));
    });
    return {y, place.factors, place.order};
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor right = is_recording() ? solve(transpose(p.in(0)), p.g) : solve_transposed(p.out(1), p.out(2), p.g);
    Cotangents result(2);
    if (p.needs(0)) result[0] = -matmul(right, transpose(p.out()));
    if (p.needs(1)) result[1] = right;
    return result;
  }
};

struct TriangularSolve : Op {
  static constexpr OpInfo info{.name = "triangular_solve", .arity = 2, .saves = Saves::input0 | Saves::output};
  Triangular form;
  Tensors forward(const Tensor& x, const Tensor& right) const {
    const Matrices a(x), b(right);
    Tensor y = clone(b.tensor);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      const auto each = [&](std::int64_t i) {
        const auto matrix = a.at<T>(i);
        if (!form.unit && (matrix.diagonal().array() == T(0)).any()) return false;
        solve_triangular<T>(matrix, form, b.in(out, i));
        return true;
      };
      check_regular(info.name, a, a.each(each));
    });
    return {y};
  }
  Cotangents vjp(const Pullback& p) const {
    Triangular turned = form;
    turned.transpose = !form.transpose;
    const Tensor right = triangular_solve(p.in(0), p.g, turned);
    Cotangents result(2);
    if (p.needs(0)) {
      const Tensor y = p.out();
      const Tensor full = -(form.transpose ? matmul(y, transpose(right)) : matmul(right, transpose(y)));
      result[0] = form.upper ? triu(full, form.unit) : tril(full, form.unit ? -1 : 0);
    }
    if (p.needs(1)) result[1] = right;
    return result;
  }
  template <class V>
  void visit(V&& v) const {
    v("upper", form.upper);
    v("transpose", form.transpose);
    v("unit", form.unit);
  }
};

template <class O>
Tensor solved(const O& op, Arg a, const Tensor& b) {
  const SitePin pin(a.site);
  check_square(O::info.name, a);
  const System s = system_of(O::info.name, a, b);
  const Tensor y = apply(op, Arg(s.a, a.site), s.b)[0];
  return s.vector ? squeeze(y, -1) : y;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor det(Arg x) {
  check_square("det", x);
  return apply(Det{}, x);
}

SlogdetResult slogdet(Arg x) {
  check_square("slogdet", x);
  const Tensors y = apply(Slogdet{}, x);
  return {y[1], y[0]};
}

Tensor logdet(Arg x) {
  const SitePin pin(x.site);
  check_square("logdet", x);
  const SlogdetResult r = slogdet(x);
  return r.logabsdet + log(r.sign);
}

Tensor inverse(Arg x) {
  check_square("inverse", x);
  return apply(Inverse{}, x);
}

Tensor matrix_power(Arg x, std::int64_t exponent) {
  const SitePin pin(x.site);
  check_square("matrix_power", x);
  if (exponent == 0) return clone(broadcast_to(eye(x->size(-1), -1, x->dtype()), x->shape()));
  const auto size = static_cast<std::uint64_t>(exponent);
  Tensor power = exponent < 0 ? inverse(x) : x.tensor, result;
  for (std::uint64_t rest = exponent < 0 ? 0 - size : size;; power = matmul(power, power)) {
    if ((rest & 1) != 0) result = result.defined() ? matmul(result, power) : power;
    if ((rest >>= 1) == 0) return result;
  }
}

Tensor matrix_power(Arg x, double exponent) {
  check_square("matrix_power", x);
  if (exponent == std::trunc(exponent) && std::abs(exponent) < 0x1p63)
    return matrix_power(x, static_cast<std::int64_t>(exponent));
  return symmetric_power(x, exponent);
}

Tensor solve(Arg a, const Tensor& b) { return solved(Solve{}, a, b); }

Tensor triangular_solve(Arg a, const Tensor& b, const Triangular& form) {
  return solved(TriangularSolve{{}, form}, a, b);
}

namespace detail {

std::vector<OpEntry> solve_examples();  // in examples/solve.cpp

std::span<const OpEntry> solve_ops() {
  static const auto table = typed<Det, Slogdet, Inverse, Solve, TriangularSolve>(solve_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus
