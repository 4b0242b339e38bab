// Checks that cannot fail are worth nothing: every op of the table is given wrong rules, each of which must be
// rejected, while the same construction with the right rule must be accepted.

#include "gradus/autograd/gradcheck.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"
#include "gradus/testing/op_suite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace gradus {
namespace {

using op_suite::Property;
using op_suite::Subject;
using Inputs = std::span<const Tensor>;

// ---- every op of the table, with its rule spoilt -------------------------------------------------

enum class Fault {
  none,            // the twin that must be accepted
  scaled,          // 0.1 % too large
  negated,         // of the wrong sign
  missing_entry,   // one entry is not there
  missing_input,   // an input's cotangent is not there
  reversed,        // entries in the wrong order
  constant_saved,  // right, but its derivative with respect to the inputs is lost
  constant_g,      // right, but its derivative with respect to the cotangent is lost
  scaled_second,   // right, but its own derivative is 0.1 % too large
};
constexpr Fault kFirstOrder[] = {
    Fault::scaled, Fault::negated, Fault::missing_entry, Fault::missing_input, Fault::reversed};
constexpr Fault kSecondOrder[] = {Fault::constant_saved, Fault::constant_g, Fault::scaled_second};
constexpr const char* kFaultNames[] = {"none",
                                       "scaled",
                                       "negated",
                                       "missing_entry",
                                       "missing_input",
                                       "reversed",
                                       "constant_saved",
                                       "constant_g",
                                       "scaled_second"};

double largest(const Tensor& x) {
  double size = 0;
  for (double v : x.to_vector()) size = std::max(size, std::abs(v));
  return size;
}

/// How much a fault changed at most, relative to what was right: a rule that gives zeros can't be scaled.
double effect = 0;

void note(const Tensor& right, const Tensor& wrong) {
  const double size = largest(right);
  if (size > 0) effect = std::max(effect, largest(no_grad([&] { return right - wrong; })) / size);
}

/// An op made of any call, with the rule that automatic differentiation gives, or that rule spoilt.
struct Spoilt : Op {
  static constexpr OpInfo info{.name = "spoilt", .arity = kVariadic, .saves = Saves::inputs};
  const Subject* subject = nullptr;
  Fault fault = Fault::none;

  Tensor forward(Inputs inputs) const { return clone(call(inputs)); }

  Cotangents vjp(const Pullback& p) const {
    const bool recording = is_recording();
    const RecordingGuard on(true);
    std::vector<Tensor> at, real;
    std::vector<int> which;
    const bool linked = recording && fault != Fault::constant_saved;
    for (int i = 0; i < p.arity(); ++i) {
      at.push_back(!p.needs(i) || linked ? p.in(i) : leaf(detach(p.in(i))));
      if (!p.needs(i)) continue;
      which.push_back(i);
      real.push_back(at.back());
    }
    const Tensor y = call(at), g = fault == Fault::constant_g ? detach(p.g) : p.g;
    std::vector<Tensor> right;
    if (requires_grad(y))
      right = grad(y, real, g, {.create_graph = recording});
    else
      for (const Tensor& x : real) right.push_back(zeros_like(x));
    if (recording) note_second(right, real);
    Cotangents result(at.size());
    for (std::size_t k = 0; k < real.size(); ++k) {
      const bool last = k > 0 && k + 1 == real.size();
      result[which[k]] = spoil(right[k], last);
      if (!recording) note(right[k], result[which[k]]);
    }
    return result;
  }

 private:
  Tensor call(Inputs inputs) const {
    manual_seed(1);
    return subject->example.call(inputs);
  }

  Tensor spoil(const Tensor& g, bool last) const {
    if (fault == Fault::scaled) return g * 1.001;
    if (fault == Fault::negated) return -g;
    if (fault == Fault::missing_input && last) return g * 0.0;
    if (fault == Fault::scaled_second && requires_grad(g)) return detach(g) + (g - detach(g)) * 1.001;
    if (fault == Fault::missing_entry && g.numel() > 0) {
      const std::vector<double> values = g.to_vector();
      const auto less = [](double a, double b) { return std::abs(a) < std::abs(b); };
      Tensor mask = ones_like(g);
      mask.mutable_data<double>()[std::max_element(values.begin(), values.end(), less) - values.begin()] = 0;
      return g * mask;
    }
    if (fault == Fault::reversed) {
      Shape axes;
      for (int d = 0; d < g.rank(); ++d) axes.push_back(d);
      return flip(g, axes);
    }
    return g;
  }

  /// Second derivatives can be wrong where there are any.
  void note_second(const std::vector<Tensor>& right, const std::vector<Tensor>& real) const {
    for (const Tensor& g : right) {
      if (fault == Fault::constant_g || fault == Fault::scaled_second) effect = std::max(effect, largest(g));
      if (fault != Fault::constant_saved || !requires_grad(g)) continue;
      Generator random(7);
      const Tensor d = uniform(g.shape(), 0.5, 1, g.dtype(), random);
      for (const Tensor& h : grad(g, real, d, {.retain_graph = true}))
        effect = std::max(effect, largest(h) > 1e-9 ? 1.0 : 0.0);
    }
  }
};

/// The sentences of one property about a subject.
std::vector<std::string> failures(const char* property, const Subject& subject) {
  for (const Property& p : op_suite::properties())
    if (p.name == std::string(property)) return op_suite::failures(p, subject);
  ADD_FAILURE() << "no property " << property;
  return {};
}

bool is_differentiable(const Subject& s) {
  const auto real = [](const Sample& x) { return x.takes_gradient(); };
  return s.example.differentiable && (s.op == nullptr || s.op->info.differentiable) &&
         std::any_of(s.example.inputs.begin(), s.example.inputs.end(), real);
}

Subject spoilt(const Subject& subject, Fault fault) {
  Spoilt op;
  op.subject = &subject;
  op.fault = fault;
  Subject result = subject;
  result.op = &op_class<Spoilt>;
  result.example.call = [op](Inputs in) { return apply_list(op, in, CallSite::here()); };
  return result;
}

class WrongRules : public testing::TestWithParam<std::size_t> {};

TEST_P(WrongRules, AreRejected) {
  const OpEntry& entry = all_ops()[GetParam()];
  std::map<Fault, int> rejected;
  bool any = false;
  for (const Subject& subject : op_suite::subjects(entry)) {
    if (!is_differentiable(subject)) continue;
    const std::string label = subject.name + " " + subject.example.label;
    for (const char* property : {"gradient", "second_order"})
      for (const std::string& f : failures(property, spoilt(subject, Fault::none)))
        ADD_FAILURE() << label << ": the right rule is rejected: " << f;
    const auto attempt = [&](Fault fault, const char* property) {
      const char* name = kFaultNames[static_cast<int>(fault)];
      effect = 0;
      const bool ok = failures(property, spoilt(subject, fault)).empty();
      if (effect < 1e-4) return;  // nothing is wrong with it here
      EXPECT_FALSE(ok) << label << ": a rule that is " << name << " is accepted by " << property;
      ++rejected[fault];
    };
    for (Fault fault : kFirstOrder) attempt(fault, "gradient");
    for (Fault fault : kSecondOrder) {
      EXPECT_TRUE(failures("gradient", spoilt(subject, fault)).empty()) << label << ": the fault shows at first order";
      attempt(fault, "second_order");
    }
    any = any || rejected[Fault::scaled] > 0;
  }
  for (const auto& [fault, n] : rejected) RecordProperty(kFaultNames[static_cast<int>(fault)], n);
  if (any) {
    EXPECT_GT(rejected[Fault::constant_g], 0);
    EXPECT_GT(rejected[Fault::scaled_second], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, WrongRules, testing::Range(std::size_t{0}, all_ops().size()), [](const auto& instance) {
  return std::string(all_ops()[instance.param].name);
});

// ---- mistakes as they are made -------------------------------------------------------------------

Tensor drawn(const Shape& shape, double low = 0.5, double high = 2) {
  Generator random(3);
  return uniform(shape, low, high, float64, random);
}

/// An op whose rule is chosen where it is used.
template <int Arity, Tensor (*value)(Inputs)>
struct Written : Op {
  static constexpr OpInfo info{.name = "written", .arity = kVariadic, .saves = Saves::inputs | Saves::output};
  Cotangents (*rule)(const Pullback&) = nullptr;
  Tensor forward(Inputs in) const { return value(in); }
  Cotangents vjp(const Pullback& p) const { return rule(p); }
};
template <int Arity, Tensor (*value)(Inputs)>
auto written(Cotangents (*rule)(const Pullback&)) {
  return [rule](Inputs in) {
    Written<Arity, value> op;
    op.rule = rule;
    return apply_list(op, in, CallSite::here());
  };
}

struct Mistake {
  const char* name;
  std::function<Tensor(Inputs)> right, wrong;
  std::vector<Tensor> inputs;
  bool second_only = false;
};

Tensor product(Inputs in) { return in[0] * in[1]; }
Tensor matrix_product(Inputs in) { return matmul(in[0], in[1]); }
Tensor logistic(Inputs in) { return sigmoid(in[0]); }
Tensor fourth_power(Inputs in) { return pow(in[0], 4); }
Tensor quotient(Inputs in) { return in[0] / in[1]; }
Tensor total(Inputs in) { return sum(in[0], {0}); }
Tensor soft(Inputs in) {
  const Tensor e = exp(in[0]);
  return e / sum(e, {-1}, true);
}

std::vector<Mistake> mistakes() {
  using C = Cotangents;
  using P = Pullback;
  return {
      {"mul without the second term",
       written<2, product>([](const P& p) { return C{p.g * p.in(1), p.g * p.in(0)}; }),
       written<2, product>([](const P& p) { return C{p.g * p.in(1), zeros_like(p.g)}; }),
       {drawn({2, 3}), drawn({2, 3}, -1, 1)}},
      {"mul with an undefined cotangent for an input that matters",
       written<2, product>([](const P& p) { return C{p.g * p.in(1), p.g * p.in(0)}; }),
       written<2, product>([](const P& p) { return C{Tensor(), p.g * p.in(0)}; }),
       {drawn({2, 3}), drawn({2, 3}, -1, 1)}},
      {"mul with the factors exchanged",
       written<2, product>([](const P& p) { return C{p.g * p.in(1), p.g * p.in(0)}; }),
       written<2, product>([](const P& p) { return C{p.g * p.in(0), p.g * p.in(1)}; }),
       {drawn({2, 3}), drawn({2, 3}, -1, 1)}},
      {"matmul with the transpose left out",
       written<2, matrix_product>(
           [](const P& p) { return C{matmul(p.g, transpose(p.in(1))), matmul(transpose(p.in(0)), p.g)}; }),
       written<2, matrix_product>([](const P& p) { return C{matmul(p.g, p.in(1)), matmul(transpose(p.in(0)), p.g)}; }),
       {drawn({3, 3}), drawn({3, 3}, -1, 1)}},
      {"matmul with a transposed result",
       written<2, matrix_product>(
           [](const P& p) { return C{matmul(p.g, transpose(p.in(1))), matmul(transpose(p.in(0)), p.g)}; }),
       written<2, matrix_product>(
           [](const P& p) { return C{matmul(p.g, transpose(p.in(1))), transpose(matmul(transpose(p.in(0)), p.g))}; }),
       {drawn({3, 3}), drawn({3, 3}, -1, 1)}},
      {"sigmoid with y (1 + y)",
       written<1, logistic>([](const P& p) { return C{p.g * p.out() * (1.0 - p.out())}; }),
       written<1, logistic>([](const P& p) { return C{p.g * p.out() * (1.0 + p.out())}; }),
       {drawn({2, 3}, -2, 2)}},
      {"sigmoid that saves its input where it needs its result",
       written<1, logistic>([](const P& p) { return C{p.g * p.out() * (1.0 - p.out())}; }),
       written<1, logistic>([](const P& p) { return C{p.g * p.in(0) * (1.0 - p.in(0))}; }),
       {drawn({2, 3}, -2, 2)}},
      {"sigmoid right at first order only",
       written<1, logistic>([](const P& p) { return C{p.g * p.out() * (1.0 - p.out())}; }),
       written<1, logistic>([](const P& p) { return C{p.g * p.out() * (1.0 - detach(p.out()))}; }),
       {drawn({2, 3}, -2, 2)},
       true},
      {"x^4 with a constant that is slightly off",
       written<1, fourth_power>([](const P& p) { return C{p.g * pow(p.in(0), 3) * 4.0}; }),
       written<1, fourth_power>([](const P& p) { return C{p.g * pow(p.in(0), 3) * 4.004}; }),
       {drawn({5})}},
      {"x^4 with the wrong exponent",
       written<1, fourth_power>([](const P& p) { return C{p.g * pow(p.in(0), 3) * 4.0}; }),
       written<1, fourth_power>([](const P& p) { return C{p.g * pow(p.in(0), 3.001) * 4.0}; }),
       {drawn({5})}},
      {"x^4 right at first order only",
       written<1, fourth_power>([](const P& p) { return C{p.g * pow(p.in(0), 3) * 4.0}; }),
       written<1, fourth_power>([](const P& p) { return C{p.g * p.in(0) * pow(detach(p.in(0)), 2) * 4.0}; }),
       {drawn({5})},
       true},
      {"div with a forgotten sign",
       written<2, quotient>([](const P& p) { return C{p.g / p.in(1), -(p.g * p.out() / p.in(1))}; }),
       written<2, quotient>([](const P& p) { return C{p.g / p.in(1), p.g * p.out() / p.in(1)}; }),
       {drawn({4}), drawn({4})}},
      {"sum along the wrong axis",
       written<1, total>([](const P& p) { return C{broadcast_to(unsqueeze(p.g, 0), {3, 3})}; }),
       written<1, total>([](const P& p) { return C{broadcast_to(unsqueeze(p.g, 1), {3, 3})}; }),
       {drawn({3, 3})}},
      {"softmax without the coupling term",
       written<1, soft>([](const P& p) { return C{p.out() * (p.g - sum(p.g * p.out(), {-1}, true))}; }),
       written<1, soft>([](const P& p) { return C{p.out() * p.g}; }),
       {drawn({2, 4})}},
      {"softmax with the coupling term over the wrong axis",
       written<1, soft>([](const P& p) { return C{p.out() * (p.g - sum(p.g * p.out(), {-1}, true))}; }),
       written<1, soft>([](const P& p) { return C{p.out() * (p.g - sum(p.g * p.out(), {0}, true))}; }),
       {drawn({2, 4})}},
  };
}

TEST(Mistakes, AreRejectedAndTheirRightTwinsAccepted) {
  for (const Mistake& m : mistakes()) {
    SCOPED_TRACE(m.name);
    const Report right = gradcheck(m.right, m.inputs), right_second = gradgradcheck(m.right, m.inputs);
    EXPECT_TRUE(right) << right;
    EXPECT_TRUE(right_second) << right_second;
    const Report wrong = gradcheck(m.wrong, m.inputs);
    EXPECT_EQ(wrong.ok, m.second_only) << wrong;
    EXPECT_FALSE(gradgradcheck(m.wrong, m.inputs) && m.second_only);
  }
}

/// Everything from 1 % to 0.0005 % is found, for every size of the derivative.
TEST(Mistakes, AreFoundDownToTheToleranceAtEveryScale) {
  for (double scale : {1e-8, 1e-3, 1.0, 1e5})
    for (double off : {1e-2, 1e-3, 1e-4, 1e-5, 5e-6}) {
      const auto f = [=](double factor) {
        return [=](const Tensor& x) {
          const Tensor y = sin(x) * scale;
          return detach(y) + (y - detach(y)) * factor;
        };
      };
      const Tensor x = drawn({3});
      EXPECT_TRUE(gradcheck(f(1.0), x)) << scale;
      EXPECT_FALSE(gradcheck(f(1.0 + off), x)) << scale << " " << off;
      EXPECT_FALSE(gradcheck(f(1.0 - off), x)) << scale << " " << off;
    }
}

}  // namespace
}  // namespace gradus
