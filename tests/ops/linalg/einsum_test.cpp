#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/einsum.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

TEST(Einsum, IsWhatOtherOpsSay) {
  const Tensor a = draw({3, 4}, 1), b = draw({4, 2}, 1), s = draw({3, 3}, 1), v = draw({3}, 1);
  expect_near(einsum("ij,jk->ik", {a, b}), matmul(a, b));
  expect_near(einsum(" b a , c b ", {b, a}), transpose(matmul(a, b)));
  expect_near(einsum("Zb,ba", {transpose(b), transpose(a)}), matmul(transpose(b), transpose(a)));
  expect_near(einsum("ii", {s}), trace(s));
  expect_near(einsum("ii->i", {s}), diagonal(s));
  expect_near(einsum("i,i->", {v, v}), dot(v, v));
  expect_near(einsum("i,j", {v, v}), outer(v, v));
  expect_near(einsum("ij->j", {a}), sum(a, 0));
  expect_near(einsum("ij->ji", {a}), transpose(a));
  expect_near(einsum("ij,ij->i", {a, a}), sum(a * a, 1));
  expect_near(einsum("->", {scalar(2, float64)}), scalar(2, float64));
  expect_near(einsum(",i", {scalar(2, float64), v}), 2.0 * v);
}

TEST(Einsum, EllipsesAndSizesOf1Broadcast) {
  const Tensor a = draw({5, 1, 2, 3}, 1), b = draw({4, 3, 2}, 1);
  expect_near(einsum("...ij,...jk->...ik", {a, b}), matmul(a, b));
  expect_near(einsum("...ij,...jk", {a, b}), matmul(a, b));
  expect_near(einsum("i...j,j->...i", {transpose(b, 0, 1), draw({2}, 1)}), matmul(b, draw({2}, 1)));
  expect_near(einsum("...i->i", {b}), sum(b, {0, 1}));
  expect_near(einsum("ij,ij->ij", {draw({3, 1}, 1), draw({1, 4}, 1)}), draw({3, 1}, 1) * draw({1, 4}, 1));
}

TEST(Einsum, ManyOperands) {
  std::vector<Tensor> chain;
  std::string equation;
  Tensor product = eye(3, -1, float64);
  for (std::uint64_t i = 0; i < 12; ++i) {
    chain.push_back(draw({3, 3}, i));
    product = matmul(product, chain.back());
    if (i > 0) equation += ',';
    equation += static_cast<char>('a' + i);
    equation += static_cast<char>('b' + i);
  }
  expect_near(einsum(equation + "->am", chain), product, 1e-9);
  chain.resize(8);
  Tensor eight = chain[0];
  for (std::size_t i = 1; i < 8; ++i) eight = matmul(eight, chain[i]);
  expect_near(einsum("ab,bc,cd,de,ef,fg,gh,hi", chain), eight, 1e-10);
}

/// In any other order the vectors would make tensors that don't fit into memory.
TEST(Einsum, TakesTheCheapOrder) {
  const Tensor v = ones({100}, float64);
  expect_near(einsum("a,b,c,d,e,a,b,c,d,e->", {v, v, v, v, v, v, v, v, v, v}), scalar(1e10, float64));
  expect_near(einsum("a,b,c,d,a,b,c,d->", {v, v, v, v, v, v, v, v}), scalar(1e8, float64));
}

TEST(Einsum, NothingToSum) {
  expect_near(einsum("ij,jk->ik", {zeros({2, 0}, float64), zeros({0, 3}, float64)}), zeros({2, 3}, float64));
  EXPECT_EQ(einsum("ij,jk->ik", {zeros({0, 2}), zeros({2, 3})}).shape(), (Shape{0, 3}));
}

TEST(Einsum, ErrorsNameThePlace) {
  const Tensor a = ones({2, 3}), b = ones({4, 2});
  const auto refused = [&](std::string_view equation, const std::string& message) {
    expect_error<ArgumentError>("einsum", message, [&] { einsum(equation, {a, b}); });
  };
  refused("ij,j$->i", "expected a letter, ',', '->' or one '...', got '$' at place 4 in 'ij,j$->i'");
  refused("ij,jk->i,", "expected a letter or one '...', got ',' at place 8 in 'ij,jk->i,'");
  refused("ij", "expected as many operands as the equation has, got 2 in 'ij'");
  refused("ij,ki->jx", "expected indices of the operands in the result, got 'x' in 'ij,ki->jx'");
  refused("ij,ki->jj", "expected each index of the result once, got index 'j' again in 'ij,ki->jj'");
  expect_error<ShapeError>("einsum",
                           "expected one size of index 'j', got 3 in operand 0 and 4 in operand 1 in "
                           "'ij,jk->ik'",
                           [&] { einsum("ij,jk->ik", {a, b}); });
  expect_error<ShapeError>(
      "einsum", "expected 2 indices for operand 1 [4, 2], got 1 in 'ij,j'", [&] { einsum("ij,j", {a, b}); });
  expect_error<ArgumentError>("einsum", "expected operands, got none", [&] { einsum("", {}); });
  expect_error<DTypeError>("einsum", "expected tensors of one dtype, got float32 and float64", [&] {
    einsum("ij,ki", {a, ones({4, 2}, float64)});
  });
}

}  // namespace
}  // namespace gradus
