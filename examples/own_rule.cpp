// A new op with a rule of its own.
#include <gradus/gradus.h>

#include <iostream>

using namespace gradus;

struct Dyad : Op {  // y[i,j] = a[i] b[j]
  static constexpr OpInfo info{.name = "dyad", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return matmul(unsqueeze(a, 1), unsqueeze(b, 0)); }
  Cotangents vjp(const Pullback& p) const { return {matmul(p.g, p.in(1)), matmul(transpose(p.g), p.in(0))}; }
};
inline const auto dyad = make_op<Dyad>();

int main() {
  const Tensor a = tensor({1.0, 2.0, 3.0}), b = tensor({4.0, -5.0});
  std::cout << dyad(a, b) << '\n';

  const Report first = gradcheck(dyad, {a, b}), second = gradgradcheck(dyad, {a, b});
  std::cout << first << second;
  return !(equal(dyad(a, b), tensor({{4.0, -5.0}, {8.0, -10.0}, {12.0, -15.0}})) && first.ok && second.ok);
}
