// Each property of the op suite has to find the op that violates it, and to pass a right one.

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/integer.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/testing/op_suite.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace gradus {
namespace {

using op_suite::Property;
using op_suite::Subject;
using Inputs = std::span<const Tensor>;

// ---- ops that violate one property ---------------------------------------------------------------

struct Square : Op {
  static constexpr OpInfo info{.name = "square_here", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return x * x; }
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(0) * 2.0}; }
};

struct OffByALittle : Square {
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(0) * 2.002}; }
};

struct FirstOrderOnly : Square {
  Cotangents vjp(const Pullback& p) const { return {p.g * detach(p.in(0)) * 2.0}; }
};

/// x^3 right to second order: its rule uses a square that is right to first order.
struct SecondOrderOnly : Op {
  static constexpr OpInfo info{.name = "cube_here", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return x * x * x; }
  Cotangents vjp(const Pullback& p) const { return {p.g * apply(FirstOrderOnly{}, p.in(0)) * 3.0}; }
};

struct NotLinearInG : Square {
  Cotangents vjp(const Pullback& p) const { return {where(p.g > 0, p.g, p.g * 1.5) * p.in(0) * 2.0}; }
};

/// Differentiates by inputs of which one may be made from the other: total derivatives, not partial ones.
struct TotalInItsRule : Op {
  static constexpr OpInfo info{.name = "total_in_its_rule", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  Cotangents vjp(const Pullback& p) const {
    const bool further = is_recording();
    const RecordingGuard on(true);
    Cotangents result(2);
    for (int i = 0; i < 2; ++i)
      if (p.needs(i)) result[i] = grad(p.in(0) * p.in(1), p.in(i), p.g, {.create_graph = further});
    return result;
  }
};

struct NotLinear : Square {
  static constexpr OpInfo info{.name = "not_linear", .saves = Saves::input0, .linearity = Linearity::linear};
};

struct NotBilinear : Op {
  static constexpr OpInfo info{
      .name = "not_bilinear", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * a * b; }
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(0) * p.in(1) * 2.0, p.g * p.in(0) * p.in(0)}; }
};

struct LosesDigits : Square {
  Tensor forward(const Tensor& x) const { return x * x + 3e5 - 3e5; }
};

/// Wrong at -0 in float32 alone, as 1 - erf is where a sign decides.
struct MindsTheSignOfZero : Square {
  Tensor forward(const Tensor& x) const {
    return x.dtype() == float64 ? x * x : x * x + to(1.0 / x < -1e30, x.dtype()) * 2.0;
  }
};

/// y = 1 / (1 + x^2) by a rule that multiplies 0 by infinity far out.
struct Witch : Op {
  static constexpr OpInfo info{.name = "witch_here", .saves = Saves::input0 | Saves::output};
  Tensor forward(const Tensor& x) const { return 1.0 / (x * x + 1.0); }
  Cotangents vjp(const Pullback& p) const { return {p.g * p.out() * p.out() * p.in(0) * -2.0}; }
};

/// x^2 whose second derivative is no number at 0.
struct SquareByLogarithm : Square {
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    return {p.g * where(x == 0.0, 0.0, exp(log(abs(x))) * sign(x)) * 2.0};
  }
};

/// The length of (x, 1), whose square overflows in float32.
struct LengthBySquares : Op {
  static constexpr OpInfo info{.name = "length_here", .saves = Saves::input0 | Saves::output};
  Tensor forward(const Tensor& x) const { return hypot(x, ones_like(x)); }
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(0) / sqrt(p.in(0) * p.in(0) + 1.0)}; }
};

/// Rounds whole numbers of int64 as if they were fractions.
struct HalvesWholeNumbers : Square {
  Tensor forward(const Tensor& x) const { return x.dtype() == int64 ? floor_divide(x, 2) * x * 2.0 : x * x; }
};

struct AlwaysFloat32 : Square {
  Tensor forward(const Tensor& x) const { return to(x * x, float64); }
  Cotangents vjp(const Pullback& p) const { return {to(p.g, p.dtype()) * p.in(0) * 2.0}; }
};

/// Leaves out what is behind the last whole pack of 16.
struct ForgetsTheTail : Square {
  Tensor forward(const Tensor& x) const {
    Tensor y = clone(x * x);
    if (x.numel() >= 16)
      dispatch_floating(x.dtype(), [&]<class T>() {
        T* data = y.mutable_data<T>();
        for (std::int64_t i = x.numel() / 16 * 16; i < x.numel(); ++i) data[i] = 0;
      });
    return y;
  }
};

struct IgnoresStrides : Square {
  Tensor forward(const Tensor& x) const {
    Tensor y = empty(x.shape(), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      const T* in = x.data<T>();
      T* out = y.mutable_data<T>();
      for (std::int64_t i = 0; i < x.numel(); ++i) out[i] = in[i] * in[i];
    });
    return y;
  }
};

struct IgnoresStridesOfG : Square {
  Cotangents vjp(const Pullback& p) const {
    return {view_as(p.g, p.g.shape(), contiguous_strides(p.g.shape())) * p.in(0) * 2.0};
  }
};

struct Product : Op {
  static constexpr OpInfo info{.name = "product_here", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(1), p.g * p.in(0)}; }
};

struct NeedsTheFirst : Product {
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(1), p.needs(0) ? p.g * p.in(0) : Tensor()}; }
};

struct SavesTooMuch : Op {
  static constexpr OpInfo info{.name = "saves_too_much", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Cotangents vjp(const Pullback& p) const { return {p.g * 2.0}; }
};

struct RemembersPasses : Square {
  static inline int passes = 0;
  Cotangents vjp(const Pullback& p) const { return {p.g * p.in(0) * (++passes % 2 == 0 ? 2.0 : 2.001)}; }
};

struct AddsTooMuch : Square {
  Tensor add_to(const Pullback& p, const Tensor& sum) const { return sum + p.g * p.in(0) * 2.001; }
};

struct KeepsStateOutside : Square {
  static inline double factor = 1;
  Tensor forward(const Tensor& x) const {
    factor = factor == 1 ? 1.5 : 1;
    return x * x * factor;
  }
};

struct HidesAttributes : Op {
  static constexpr OpInfo info{.name = "hides_attributes"};
  double factor = 3;
  Tensor forward(const Tensor& x) const { return x * factor; }
  Cotangents vjp(const Pullback& p) const { return {p.g * factor}; }
};

struct Leaks : Square {
  static inline std::vector<Tensor> kept{};
  Tensor forward(const Tensor& x) const {
    kept.push_back(x * x);
    return clone(kept.back());
  }
};

struct WritesToItsInput : Square {
  Tensor forward(const Tensor& x) const {
    Tensor same = x;
    Tensor y = x * x;
    dispatch_floating(x.dtype(), [&]<class T>() {
      if (x.numel() > 0) *same.mutable_data<T>() += T(0);
    });
    return y;
  }
};

struct Sign : Op {
  static constexpr OpInfo info{.name = "sign_here", .differentiable = false};
  Tensor forward(const Tensor& x) const { return to(x > 0, x.dtype()) * 2.0 - 1.0; }
};

// ---- the table -----------------------------------------------------------------------------------

template <class O>
Subject subject_of(bool elementwise = true, std::vector<Sample> inputs = {}) {
  if (inputs.empty()) inputs.assign(static_cast<std::size_t>(O::info.arity), Sample{{2, 3}, domain(-2, 2)});
  Subject s = op_suite::subjects(O::info.name, make_op<O>(), inputs)[0];
  s.example.elementwise = elementwise;
  return s;
}

/// As if it were of all_ops().
template <class O>
Subject of_the_library() {
  Subject s = subject_of<O>();
  s.library = true;
  return s;
}

Subject calling(const char* name,
                std::vector<Sample> inputs,
                std::function<Tensor(Inputs)> f,
                bool differentiable = true) {
  return {name, nullptr, {"", std::move(inputs), std::move(f), true, differentiable}};
}

/// sum of p log p, 0 where p is 0, guarded on the way there alone.
Subject hides_infinity() {
  Subject s = calling(
      "entropy", {{{3}, domain(0, 1)}}, [](Inputs in) { return sum(where(in[0] == 0.0, 0.0, in[0] * log(in[0]))); });
  s.example.elementwise = false;
  return s;
}

struct Violation {
  const char* property;
  Subject subject;
};

std::vector<Violation> violations() {
  const Sample two{{2, 3}, domain(0.5, 2)};
  std::vector<Violation> v{
      {"gradient", subject_of<OffByALittle>()},
      {"second_order", subject_of<FirstOrderOnly>()},
      {"third_order", subject_of<SecondOrderOnly>()},
      {"forward_mode", subject_of<NotLinearInG>()},
      {"arguments", subject_of<TotalInItsRule>(false)},
      {"equal_values",
       calling("leaves_terms_out",
               {{{3, 3}, {}, Sample::Kind::spectrum}},
               [](Inputs in) {
                 const Tensor a = matmul(transpose(in[0]), in[0]) + eye(3, -1, in[0].dtype());
                 const auto [w, q] = eigh(a, {.basis_free = true});
                 return matmul(q * unsqueeze(1.0 / sqrt(w), -2), transpose(q));
               })},
      {"linearity", subject_of<NotLinear>()},
      {"linearity", subject_of<NotBilinear>(false)},
      {"float32", subject_of<LosesDigits>()},
      {"float32", subject_of<AlwaysFloat32>()},
      {"borders", subject_of<MindsTheSignOfZero>()},
      {"borders", subject_of<Witch>()},
      {"borders", subject_of<SquareByLogarithm>()},
      {"borders", of_the_library<LengthBySquares>()},
      {"borders", hides_infinity()},
      {"integers", subject_of<HalvesWholeNumbers>()},
      {"broadcasting",
       calling("takes_the_first", {two, two}, [](Inputs in) { return in[0] * reshape(in[1], in[0].shape()); })},
      {"broadcasting",
       calling("wrong_gradient",
               {two, two},
               [](Inputs in) { return in[1].numel() == 1 ? in[0] * detach(in[1]) : in[0] * in[1]; })},
      {"sizes", subject_of<ForgetsTheTail>()},
      {"sizes", calling("not_elementwise", {two}, [](Inputs in) { return in[0] / sum(in[0]); })},
      {"sizes", calling("flattens", {two}, [](Inputs in) { return reshape(in[0], {in[0].numel()}) * 1.0; })},
      {"strides", subject_of<IgnoresStrides>()},
      {"strides", subject_of<IgnoresStridesOfG>()},
      {"subsets", subject_of<NeedsTheFirst>(false)},
      {"subsets",
       calling("always_a_leaf",
               {two},
               [](Inputs in) {
                 const Tensor y = in[0] * 1.0;
                 return requires_grad(y) ? y : leaf(y);
               })},
      {"saved", subject_of<SavesTooMuch>()},
      {"twice", subject_of<RemembersPasses>()},
      {"sums", subject_of<AddsTooMuch>()},
      {"replay", subject_of<KeepsStateOutside>()},
      {"tape", subject_of<HidesAttributes>()},
      {"memory", subject_of<Leaks>()},
      {"purity", subject_of<WritesToItsInput>()},
      {"purity", subject_of<KeepsStateOutside>()},
      {"wrong_inputs",
       calling("throws",
               {two, two},
               [](Inputs in) -> Tensor {
                 if (in[0].shape() != in[1].shape()) throw std::runtime_error("shapes");
                 return in[0] * in[1];
               })},
      {"wrong_inputs", calling("takes_any", {two, two}, [](Inputs in) { return in[0] * sum(in[1]); })},
      {"wrong_inputs",
       calling("no_range",
               {two, {{2}, domain(0, 3), Sample::Kind::index}},
               [](Inputs in) { return in[0] + to(sum(in[1]), in[0].dtype()); })},
      {"not_differentiable",
       calling(
           "it_is", {two}, [](Inputs in) { return in[0] * 2.0; }, false)},
      {},
  };
  v.back().property = "tape";  // as if the library used an op that is not in all_ops()
  v.back().subject = subject_of<Square>();
  v.back().subject.op = nullptr;
  v.back().subject.library = true;
  return v;
}

std::vector<Subject> right_ones() {
  std::vector<Subject> all{subject_of<Square>(), subject_of<Product>(false), subject_of<Sign>(false)};
  const auto add = [&](std::vector<Subject> more) { all.insert(all.end(), more.begin(), more.end()); };
  add(op_suite::subjects("f", elementwise("f", [](auto x) { return x * tanh(log1p(exp(x))); }), domain(-5, 5)));
  add(op_suite::subjects(
      "g", elementwise("g", [](auto x, auto y) { return x * y / (x + y); }), domain(0.5, 2), domain(1, 3)));
  add(op_suite::subjects(
      "matmul", [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, Sample{{2, 3}}, Sample{{3, 4}}));
  // Lambdas whose parts overflow on the way to a limit, and one with a power of two variables.
  add(op_suite::subjects("h", elementwise("h", [](auto x) { return 1.0 / (1.0 + exp(-x)); }), domain(-200, 200)));
  add(op_suite::subjects("w", elementwise("w", [](auto x) { return 1.0 / (1.0 + x * x); }), domain(-2, 2)));
  add(op_suite::subjects(
      "power", elementwise("power", [](auto x, auto y) { return pow(x, y); }), domain(0, 2), domain(1, 3)));
  return all;
}

TEST(Properties, EachFindsItsViolation) {
  std::map<std::string, int> found;
  for (const Violation& v : violations())
    for (const Property& p : op_suite::properties()) {
      if (p.name != std::string(v.property)) continue;
      const auto failures = op_suite::failures(p, v.subject);
      EXPECT_FALSE(failures.empty()) << v.property << " accepts " << v.subject.name;
      ++found[v.property];
    }
  for (const Property& p : op_suite::properties())
    EXPECT_GT(found[p.name], 0) << "no violation shows that " << p.name << " can fail";
}

TEST(Properties, RightOpsPassAll) {
  for (const Subject& s : right_ones())
    for (const std::string& f : op_suite::failures(s)) ADD_FAILURE() << s.name << ": " << f;
}

}  // namespace
}  // namespace gradus
