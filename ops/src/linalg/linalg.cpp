#include "gradus/ops/linalg.h"

#include "family.h"
#include "step_kernels.h"

#include "gradus/kernels/gemm.h"
#include "gradus/kernels/sum.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <array>

namespace gradus {
namespace detail {
namespace {

/// A matrix as gemm takes it: stored rows at a distance `ld`, which are its columns if `transposed`.
struct Stored {
  std::int64_t ld;
  bool transposed, fits;
};
Stored stored(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  if ((columns <= 1 || column_stride == 1) && (rows <= 1 || row_stride >= std::max<std::int64_t>(columns, 1)))
    return {rows <= 1 ? std::max<std::int64_t>(columns, 1) : row_stride, false, true};
  if ((rows <= 1 || row_stride == 1) && (columns <= 1 || column_stride >= std::max<std::int64_t>(rows, 1)))
    return {columns <= 1 ? std::max<std::int64_t>(rows, 1) : column_stride, true, true};
  return {0, false, false};
}

std::int64_t size(const Tensor& x, int d) { return x.raw()->sizes()[d]; }
std::int64_t stride(const Tensor& x, int d) { return x.raw()->strides()[d]; }

// ---- one matrix ----------------------------------------------------------------------------------

/// A tensor with all but its last dimension as one; copied where strides do not allow that.
struct Matrix {
  Tensor tensor;
  std::int64_t rows, columns, ld;
  bool transposed;

  explicit Matrix(const Tensor& x) : tensor(x) {
    const int rank = x.rank();
    columns = size(x, rank - 1);
    rows = 1;
    for (int d = 0; d < rank - 1; ++d) rows *= size(x, d);
    ld = std::max<std::int64_t>(columns, 1);
    transposed = false;
    if (x.is_contiguous()) return;
    if (rank == 2) {
      const Stored s = stored(rows, columns, stride(x, 0), stride(x, 1));
      if (s.fits) {
        ld = s.ld;
        transposed = s.transposed;
        return;
      }
    }
    tensor = clone(x);
  }

  template <class T>
  const T* data() const {
    return tensor.data<T>();
  }
};

enum class Transpose : bool { no, yes };

/// c = op(a) op(b) + beta c, c dense.
template <class T>
void multiply(Transpose ta, const Matrix& a, Transpose tb, const Matrix& b, T beta, T* c) {
  const bool turn_a = ta == Transpose::yes, turn_b = tb == Transpose::yes;
  const std::int64_t m = turn_a ? a.columns : a.rows, k = turn_a ? a.rows : a.columns;
  const std::int64_t n = turn_b ? b.rows : b.columns;
  gemm<T>(turn_a != a.transposed,
          turn_b != b.transposed,
          m,
          n,
          k,
          T(1),
          a.data<T>(),
          a.ld,
          b.data<T>(),
          b.ld,
          beta,
          c,
          std::max<std::int64_t>(n, 1));
}

// ---- matmul --------------------------------------------------------------------------------------

/// The sizes of a product; leading dimensions broadcast.
struct Plan {
  std::int64_t m = 1, n = 1, k = 1, k_of_b = 1;
  Shape batch, result;

  Plan(const Tensor& a, const Tensor& b) {
    const int p = a.rank(), q = b.rank();
    k = size(a, p - 1);
    k_of_b = size(b, q >= 2 ? q - 2 : 0);
    if (p >= 2) m = size(a, p - 2);
    if (q >= 2) n = size(b, q - 1);
    if (p > 2 || q > 2) batch = broadcast_shapes(leading(a), leading(b), "matmul");
    result = batch;
    if (p >= 2) result.push_back(m);
    if (q >= 2) result.push_back(n);
  }

  static Shape leading(const Tensor& x) {
    return Shape(std::span<const std::int64_t>(x.raw()->sizes(), static_cast<std::size_t>(std::max(0, x.rank() - 2))));
  }
};

/// An operand with its leading dimensions, its matrices as gemm takes them.
struct Operand {
  Tensor tensor;
  Stored matrix;
  std::array<std::int64_t, kMaxRank> steps{};  // along the dimensions of the plan's batch

  Operand(const Tensor& x, bool left, const Shape& batch) : tensor(x) {
    matrix = layout(left);
    if (!matrix.fits) {
      tensor = clone(x);
      matrix = layout(left);
    }
    const int own = std::max(0, x.rank() - 2), skip = batch.rank() - own;
    for (int d = 0; d < own; ++d)
      if (size(tensor, d) != 1) steps[static_cast<std::size_t>(d) + static_cast<std::size_t>(skip)] = stride(tensor, d);
  }

 private:
  Stored layout(bool left) const {
    const int r = tensor.rank();
    if (r >= 2) return stored(size(tensor, r - 2), size(tensor, r - 1), stride(tensor, r - 2), stride(tensor, r - 1));
    const std::int64_t n = size(tensor, 0), step = stride(tensor, 0);
    return left ? stored(1, n, n, step) : stored(n, 1, step, 1);
  }
};

template <class T>
void multiply_batch(const Plan& plan, const Operand& a, const Operand& b, T* c) {
  const std::int64_t count = plan.batch.numel(), each = plan.m * plan.n;
  const T *p = a.tensor.data<T>(), *q = b.tensor.data<T>();
  parallel_for(count, 1 + 4 * kGrain / (1 + each * plan.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t rest = i, at_a = 0, at_b = 0;
      for (int d = plan.batch.rank() - 1; d >= 0; --d) {
        const std::int64_t index = rest % plan.batch[d];
        rest /= plan.batch[d];
        at_a += index * a.steps[static_cast<std::size_t>(d)];
        at_b += index * b.steps[static_cast<std::size_t>(d)];
      }
      gemm<T>(a.matrix.transposed,
              b.matrix.transposed,
              plan.m,
              plan.n,
              plan.k,
              T(1),
              p + at_a,
              a.matrix.ld,
              q + at_b,
              b.matrix.ld,
              T(0),
              c + i * each,
              std::max<std::int64_t>(plan.n, 1));
    }
  });
}

struct Matmul : Op {
  static constexpr OpInfo info{.name = "matmul", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  double flops(const OpShapes& s) const {
    const Shape &a = s.in[0], &b = s.in[1];
    const std::int64_t k = a.rank() > 0 ? a.back() : b.rank() > 0 ? b[std::max(0, b.rank() - 2)] : 0;
    return 2.0 * static_cast<double>(s.out[0].numel() * k);
  }

  static constexpr const StepKernel* step_kernel() { return product_kernel<Matmul, false>(); }
  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Plan plan(a, b);
    Tensor y = empty(plan.result, a.dtype());
    dispatch_floating(a.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      // One matrix on the right: the leading dimensions of a are rows like the others. (A vector there is
      // stored as a row.)
      if (b.rank() <= 2 && (a.rank() <= 2 || a.is_contiguous()))
        multiply<T>(Transpose::no, Matrix(a), b.rank() == 1 ? Transpose::yes : Transpose::no, Matrix(b), T(0), out);
      else
        multiply_batch(plan, Operand(a, true, plan.batch), Operand(b, false, plan.batch), out);
    });
    return y;
  }

  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    const int rank_a = p.needs(0) ? p.shape(0).rank() : p.in(0).rank();
    const int rank_b = p.needs(1) ? p.shape(1).rank() : p.in(1).rank();
    Tensor g = p.g;
    if (rank_a == 1) g = unsqueeze(g, rank_b == 1 ? -1 : -2);
    if (rank_b == 1) g = unsqueeze(g, -1);
    if (p.needs(0)) {
      const Tensor b = rank_b == 1 ? unsqueeze(p.in(1), -1) : p.in(1);
      result[0] = fit(matmul(g, transpose(b)), p.shape(0), -2);
    }
    if (p.needs(1)) {
      Tensor a = rank_a == 1 ? unsqueeze(p.in(0), 0) : p.in(0);
      if (rank_b <= 2 && rank_a > 2) {  // one product instead of a sum of many
        g = as_rows(g);
        a = as_rows(a);
      }
      result[1] = fit(matmul(transpose(a), g), p.shape(1), -1);
    }
    return result;
  }

 private:
  /// Summed over what was broadcast, and without the dimension that a vector was given.
  static Tensor fit(const Tensor& x, const Shape& shape, std::int64_t extra) {
    if (shape.rank() == 1) {
      const Tensor y = x.rank() > 2 ? sum_to(x, extra == -2 ? Shape{1, x.size(-1)} : Shape{x.size(-2), 1}) : x;
      return reshape(y, shape);
    }
    return x.shape() == shape ? x : sum_to(x, shape);
  }
  static Tensor as_rows(const Tensor& x) {
    const std::int64_t columns = x.size(-1);
    std::int64_t rows = 1;
    for (int d = 0; d < x.rank() - 1; ++d) rows *= x.size(d);
    return reshape(x, {rows, columns});
  }
  friend struct Linear;
};

// ---- linear --------------------------------------------------------------------------------------

struct Linear : Op {
  static constexpr OpInfo info{.name = "linear", .arity = 3, .saves = Saves::input0 | Saves::input1};
  double flops(const OpShapes& s) const {
    const std::int64_t k = s.in[0].rank() > 0 ? s.in[0].back() : s.in[1].rank() > 0 ? s.in[1].back() : 0;
    return static_cast<double>(s.out[0].numel()) * static_cast<double>(2 * k + s.in[2].rank());
  }

  static constexpr const StepKernel* step_kernel() { return product_kernel<Linear, true>(); }
  Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
    Shape shape = x.shape();
    const std::int64_t out = shape[shape.rank() - 1] = size(weight, 0);
    Tensor y = empty(shape, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      const Matrix a(x);
      T* values = y.mutable_data<T>();
      if (bias.defined()) {
        const Tensor dense = kernels::dense(bias);
        const T* b = dense.data<T>();
        for (std::int64_t i = 0; i < a.rows; ++i) std::copy_n(b, out, values + i * out);
      }
      multiply<T>(Transpose::no, a, Transpose::yes, Matrix(weight), bias.defined() ? T(1) : T(0), values);
    });
    return y;
  }

  Cotangents vjp(const Pullback& p) const { return is_recording() ? composed(p) : fused(p); }

 private:
  /// Without views and nodes; a small network's backward pass consists of little else.
  static Cotangents fused(const Pullback& p) {
    Cotangents result(3);
    const Matrix g(p.g);
    dispatch_floating(p.g.dtype(), [&]<class T>() {
      if (p.needs(0)) {
        result[0] = empty(p.shape(0), p.g.dtype());
        multiply<T>(Transpose::no, g, Transpose::no, Matrix(p.in(1)), T(0), result[0].mutable_data<T>());
      }
      if (p.needs(1)) {
        result[1] = empty(p.shape(1), p.g.dtype());
        multiply<T>(Transpose::yes, g, Transpose::no, Matrix(p.in(0)), T(0), result[1].mutable_data<T>());
      }
      if (p.needs(2)) {
        result[2] = empty(p.shape(2), p.g.dtype());
        const Tensor dense = kernels::dense(g.tensor);
        kernels::sum_columns(g.rows, g.columns, dense.data<T>(), result[2].mutable_data<T>());
      }
    });
    return result;
  }

  static Cotangents composed(const Pullback& p) {
    Cotangents result(3);
    const Tensor g = Matmul::as_rows(p.g);
    if (p.needs(0)) result[0] = matmul(p.g, p.in(1));
    if (p.needs(1)) result[1] = matmul(transpose(g), Matmul::as_rows(p.in(0)));
    if (p.needs(2)) result[2] = sum(g, 0);
    return result;
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor matmul(Arg a, const Tensor& b) {
  check_floating("matmul", a);
  check_same_dtype("matmul", a, b);
  if (a->rank() == 0 || b.rank() == 0)
    fail<ShapeError>(
        "matmul",
        fmt::format("expected tensors of rank >= 1, got {} and {}", to_string(a->shape()), to_string(b.shape())),
        a.site);
  const std::int64_t k = size(a, a->rank() - 1), other = size(b, b.rank() >= 2 ? b.rank() - 2 : 0);
  if (k != other)
    fail<ShapeError>("matmul",
                     fmt::format("expected inner sizes that agree, got {} and {} ({} and {})",
                                 to_string(a->shape()),
                                 to_string(b.shape()),
                                 k,
                                 other),
                     a.site);
  for (int d = 3; d <= std::min(a->rank(), b.rank()); ++d) {
    const std::int64_t p = size(a, a->rank() - d), q = size(b, b.rank() - d);
    if (p != q && p != 1 && q != 1)
      fail<ShapeError>("matmul",
                       fmt::format("expected leading dimensions that broadcast together, got {} and {}",
                                   to_string(a->shape()),
                                   to_string(b.shape())),
                       a.site);
  }
  return apply(Matmul{}, a, b);
}

Tensor linear(Arg x, const Tensor& weight, const Tensor& bias) {
  check_floating("linear", x);
  check_same_dtype("linear", x, weight);
  if (weight.rank() != 2)
    fail<ShapeError>("linear", fmt::format("expected weight [out, in], got {}", to_string(weight.shape())), x.site);
  const std::int64_t in = size(weight, 1), out = size(weight, 0);
  if (x->rank() == 0 || size(x, x->rank() - 1) != in)
    fail<ShapeError>("linear", fmt::format("expected input [*, {}], got {}", in, to_string(x->shape())), x.site);
  if (bias.defined()) {
    check_same_dtype("linear", x, bias);
    if (bias.rank() != 1 || size(bias, 0) != out)
      fail<ShapeError>("linear", fmt::format("expected bias [{}], got {}", out, to_string(bias.shape())), x.site);
  }
  return apply(Linear{}, x, weight, bias);
}

namespace detail {

static std::vector<Example> matmul_examples() {
  const auto call = [](std::span<const Tensor> in) { return matmul(in[0], in[1]); };
  const auto sizes = [&](const char* label, const Shape& a, const Shape& b) {
    return Example{label, {{a}, {b}}, call};
  };
  return {
      sizes("matrices", {3, 4}, {4, 2}),
      sizes("vectors", {4}, {4}),
      sizes("matrix and vector", {3, 4}, {4}),
      sizes("vector and matrix", {4}, {4, 2}),
      sizes("batches", {2, 3, 4}, {2, 4, 2}),
      sizes("batch and matrix", {2, 3, 4}, {4, 2}),
      sizes("matrix and batch", {3, 4}, {2, 4, 2}),
      sizes("batches that broadcast", {2, 1, 2, 3}, {3, 3, 2}),
      sizes("batch and vector", {2, 3, 4}, {4}),
      sizes("vector and batch", {4}, {2, 4, 3}),
      sizes("inner size 0", {3, 0}, {0, 2}),
      sizes("no rows", {0, 3}, {3, 2}),
      sizes("no batch", {0, 2, 3}, {3, 2}),
      {"transposed views",
       {{{4, 3}}, {{2, 4}}},
       [](std::span<const Tensor> in) { return matmul(transpose(in[0]), transpose(in[1])); }},
      {"with itself", {{{3, 3}}}, [](std::span<const Tensor> in) { return matmul(in[0], in[0]); }},
  };
}

static std::vector<Example> linear_examples() {
  const auto affine = [](std::span<const Tensor> in) { return linear(in[0], in[1], in[2]); };
  return {
      {"matrix", {{{3, 4}}, {{2, 4}}, {{2}}}, affine},
      {"vector", {{{4}}, {{2, 4}}, {{2}}}, affine},
      {"sequence", {{{2, 3, 4}}, {{2, 4}}, {{2}}}, affine},
      {"no rows", {{{0, 4}}, {{2, 4}}, {{2}}}, affine},
      {"input size 0", {{{3, 0}}, {{2, 0}}, {{2}}}, affine},
      {"one", {{{1, 1}}, {{1, 1}}, {{1}}}, affine},
      {"no bias", {{{3, 4}}, {{2, 4}}}, [](std::span<const Tensor> in) { return linear(in[0], in[1]); }},
      {"transposed views",
       {{{4, 3}}, {{4, 2}}, {{2}}},
       [](std::span<const Tensor> in) { return linear(transpose(in[0]), transpose(in[1]), in[2]); }},
  };
}

std::span<const OpEntry> linalg_ops() {
  static const OpEntry table[] = {{"matmul", &op_class<Matmul>, {"A B", "G Bᵀ, Aᵀ G"}, matmul_examples},
                                  {"linear", &op_class<Linear>, {"x Wᵀ + b", "G W, Gᵀ x, Σ G"}, linear_examples}};
  return table;
}

}  // namespace detail
}  // namespace gradus
