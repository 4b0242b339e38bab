// The suite finds functions whose derivative is silently wrong at equal eigenvalues, in users' ops too.

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/ops/spectral.h>
#include <gradus/testing.h>

using gradus::Arg;
using gradus::Cotangents;
using gradus::Op;
using gradus::OpInfo;
using gradus::Pullback;
using gradus::Sample;
using gradus::Saves;
using gradus::Tensor;

namespace {

const Sample kMatrix{{3, 3}, {}, Sample::Kind::spectrum};

Tensor definite(const Tensor& x) { return matmul(transpose(x), x) + gradus::eye(x.size(-1), -1, x.dtype()); }
Tensor by_vectors(const Tensor& x, bool basis_free) {
  const auto [w, v] = gradus::eigh(definite(x), {.basis_free = basis_free});
  return matmul(v * unsqueeze(1.0 / sqrt(w), -2), transpose(v));
}
Tensor whitening(const Tensor& x) { return gradus::matrix_rsqrt(definite(x)); }

/// A user's own eigenvalues, whose rule is right but for the derivative of the vectors it uses.
struct OwnValues : Op {
  static constexpr OpInfo info{.name = "own_values", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return gradus::eigh(x).values; }
  Cotangents vjp(const Pullback& p) const {
    const Tensor v = gradus::eigh(p.in(0), {.basis_free = true}).vectors;
    return {matmul(v * unsqueeze(p.g, -2), transpose(v))};
  }
};
constexpr auto own_values = gradus::make_op<OwnValues>();

std::vector<std::string> failures(const std::vector<gradus::op_suite::Subject>& subjects) {
  for (const auto& property : gradus::op_suite::properties())
    if (property.name == std::string("equal_values")) return gradus::op_suite::failures(property, subjects.at(0));
  return {"no property equal_values"};
}

TEST(EqualValues, AreFoundWhereTermsAreLeftOut) {
  const auto wrong = [](const Tensor& x) { return by_vectors(x, true); };
  const auto found = failures(gradus::op_suite::subjects("wrong", wrong, kMatrix));
  ASSERT_FALSE(found.empty());
  EXPECT_NE(found[0].find("gradient: expected"), std::string::npos) << found[0];
}

TEST(EqualValues, AreFoundInTheSecondOrderAlone) {
  const auto wrong = [](const Tensor& x) { return sum(log(own_values(definite(x)))); };
  const auto found = failures(gradus::op_suite::subjects("wrong", wrong, kMatrix));
  ASSERT_FALSE(found.empty());
  EXPECT_NE(found[0].find("second order: expected"), std::string::npos) << found[0];
}

TEST(EqualValues, AnErrorIsAnAnswer) {
  const auto refused = [](const Tensor& x) { return by_vectors(x, false); };
  for (const std::string& f : failures(gradus::op_suite::subjects("refused", refused, kMatrix))) ADD_FAILURE() << f;
}

}  // namespace

GRADUS_TEST_OP(whitening, kMatrix);
