#include "gradus/ops/compare.h"

#include "family.h"

#include "gradus/kernels/select.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus {
namespace detail {
namespace {

// ---- comparison ----------------------------------------------------------------------------------

template <class Relation>
Tensor compare_elements(const Tensor& a, const Tensor& b) {
  return dispatch(a.dtype(), [&]<class T>() { return map<T, bool>(a, b, Relation{}); });
}

/// One of the six. Those that are another with its operands exchanged use its loops.
template <class R, bool exchanged, bool of_order>
struct Comparison {
  static constexpr bool orders = of_order;
  static Tensor run(const Tensor& a, const Tensor& b) {
    return exchanged ? compare_elements<R>(b, a) : compare_elements<R>(a, b);
  }
};
// clang-format off
struct EqualTo : Comparison<std::equal_to<>, false, false> {
  static constexpr const char *name = "equal_to", *scalar_name = "equal_to_scalar";
};
struct NotEqualTo : Comparison<std::not_equal_to<>, false, false> {
  static constexpr const char *name = "not_equal_to", *scalar_name = "not_equal_to_scalar";
};
struct Less : Comparison<std::less<>, false, true> {
  static constexpr const char *name = "less", *scalar_name = "less_scalar";
};
struct LessEqual : Comparison<std::less_equal<>, false, true> {
  static constexpr const char *name = "less_equal", *scalar_name = "less_equal_scalar";
};
struct Greater : Comparison<std::less<>, true, true> {
  static constexpr const char *name = "greater", *scalar_name = "greater_scalar";
};
struct GreaterEqual : Comparison<std::less_equal<>, true, true> {
  static constexpr const char *name = "greater_equal", *scalar_name = "greater_equal_scalar";
};
// clang-format on

template <class C>
struct Compare : Op {
  static constexpr OpInfo info{.name = C::name, .arity = 2, .differentiable = false};
  Tensor forward(const Tensor& a, const Tensor& b) const { return C::run(a, b); }
};

template <class C>
struct CompareScalar : Op {
  static constexpr OpInfo info{.name = C::scalar_name, .differentiable = false};
  double value = 0;

  Tensor forward(const Tensor& x) const {
    // Integers stay integers beside a number that is one, and bools are 0 or 1.
    const bool exact =
        is_floating(x.dtype()) || (x.dtype() == int64 && value == std::trunc(value) && std::fabs(value) < 0x1p63);
    const Tensor numbers = exact ? x : cast(x, float64);
    const Shape shape = x.shape();
    Shape strides = shape;
    std::fill(strides.begin(), strides.end(), 0);
    return C::run(numbers, view_as(scalar(value, numbers.dtype()), shape, strides));
  }
  template <class V>
  void visit(V&& v) const {
    v("value", value);
  }
};

// ---- where ---------------------------------------------------------------------------------------

struct Where : Op {
  static constexpr OpInfo info{.name = "where", .arity = 3, .saves = Saves::input0};

  Tensor forward(const Tensor& condition, const Tensor& a, const Tensor& b) const {
    return kernels::select(condition, a, b);
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor condition = p.in(0);
    return {Tensor(),
            p.needs(1) ? where(condition, p.g, 0.0) : Tensor(),
            p.needs(2) ? where(condition, 0.0, p.g) : Tensor()};
  }
};

// ---- checks --------------------------------------------------------------------------------------

template <class C>
Tensor compare(Arg a, const Tensor& b) {
  if (C::orders && promote(a->dtype(), b.dtype()) == boolean)
    fail<DTypeError>(C::name, "expected tensors of numbers, got bool", a.site);
  return apply_matched<Compare<C>>(a, b);
}

template <class C>
Tensor compare(Arg a, double b) {
  if (C::orders && a->dtype() == boolean) fail<DTypeError>(C::name, "expected a tensor of numbers, got bool", a.site);
  CompareScalar<C> op;
  op.value = b;
  return apply(op, a);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor equal_to(Arg a, const Tensor& b) { return compare<EqualTo>(a, b); }
Tensor equal_to(Arg a, double b) { return compare<EqualTo>(a, b); }
Tensor not_equal_to(Arg a, const Tensor& b) { return compare<NotEqualTo>(a, b); }
Tensor not_equal_to(Arg a, double b) { return compare<NotEqualTo>(a, b); }
Tensor less(Arg a, const Tensor& b) { return compare<Less>(a, b); }
Tensor less(Arg a, double b) { return compare<Less>(a, b); }
Tensor less_equal(Arg a, const Tensor& b) { return compare<LessEqual>(a, b); }
Tensor less_equal(Arg a, double b) { return compare<LessEqual>(a, b); }
Tensor greater(Arg a, const Tensor& b) { return compare<Greater>(a, b); }
Tensor greater(Arg a, double b) { return compare<Greater>(a, b); }
Tensor greater_equal(Arg a, const Tensor& b) { return compare<GreaterEqual>(a, b); }
Tensor greater_equal(Arg a, double b) { return compare<GreaterEqual>(a, b); }

Tensor where(Arg condition, const Tensor& a, const Tensor& b) {
  if (condition->dtype() != boolean)
    fail<DTypeError>(
        "where", fmt::format("expected a bool condition, got {}", to_string(condition->dtype())), condition.site);
  const SitePin pin(condition.site);
  const DType dtype = promote(a.dtype(), b.dtype());
  const Shape shape = broadcast_shapes(condition->shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  const auto fit = [&](const Tensor& x) { return x.shape() == shape ? x : broadcast_to(x, shape); };
  return apply(Where{},
               Arg(fit(condition), condition.site),
               fit(a.dtype() == dtype ? a : to(a, dtype)),
               fit(b.dtype() == dtype ? b : to(b, dtype)));
}
Tensor where(Arg condition, const Tensor& a, double b) {
  return where(condition, a, scalar(check_scalar("where", Arg(a, condition.site), b), a.dtype()));
}
Tensor where(Arg condition, double a, const Tensor& b) {
  return where(condition, scalar(check_scalar("where", Arg(b, condition.site), a), b.dtype()), b);
}

namespace detail {

template <class C, BinaryFunction function, Tensor (*scalar_function)(Arg, double)>
static std::array<OpEntry, 2> entries(Formula formula, Formula scalar_formula) {
  return {binary_entry<Compare<C>, function>(formula),
          {C::scalar_name, &op_class<CompareScalar<C>>, scalar_formula, [] {
             return std::vector<Example>{
                 {"0.5", {{}}, [](std::span<const Tensor> in) { return scalar_function(in[0], 0.5); }, true, false}};
           }}};
}

static std::vector<Example> where_examples() {
  const Sample condition{.kind = Sample::Kind::flag};
  return {
      {"two tensors", {condition, {}, {}}, [](std::span<const Tensor> in) { return where(in[0], in[1], in[2]); }, true},
      {"a number second", {condition, {}}, [](std::span<const Tensor> in) { return where(in[0], in[1], 0.5); }, true},
      {"a number first", {condition, {}}, [](std::span<const Tensor> in) { return where(in[0], -0.5, in[1]); }, true}};
}

std::span<const OpEntry> compare_ops() {
  static const std::vector<OpEntry> table = [] {
    std::vector<OpEntry> all;
    for (const auto& pair : {entries<EqualTo, equal_to, equal_to>({"a = b"}, {"x = c"}),
                             entries<NotEqualTo, not_equal_to, not_equal_to>({"a ≠ b"}, {"x ≠ c"}),
                             entries<Less, less, less>({"a < b"}, {"x < c"}),
                             entries<LessEqual, less_equal, less_equal>({"a ≤ b"}, {"x ≤ c"}),
                             entries<Greater, greater, greater>({"a > b"}, {"x > c"}),
                             entries<GreaterEqual, greater_equal, greater_equal>({"a ≥ b"}, {"x ≥ c"})})
      all.insert(all.end(), pair.begin(), pair.end());
    all.push_back(
        {"where", &op_class<Where>, {"a where the condition holds, else b", "g [c], g [not c]"}, where_examples});
    return all;
  }();
  return table;
}

}  // namespace detail
}  // namespace gradus
