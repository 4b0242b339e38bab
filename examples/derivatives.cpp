// Derivatives as functions.
#include <gradus/gradus.h>

#include <iostream>

using namespace gradus::prelude;

int main() {
  const auto f = [](const Tensor& x) { return sum(pow(x, 3)); };
  const Tensor x = tensor({1.0, 2.0, -1.5}), v = tensor({1.0, 0.0, 2.0});

  const Tensor g = grad(f)(x);
  const Tensor h = hessian(f)(x);
  const Tensor hv = hvp(f, x, v);
  const auto [y, dy] = jvp(f, x, v);
  const gradus::Report r = gradcheck(f, x);
  std::cout << "f(x) = " << y << ", along v " << dy << "\ngradient\n"
            << g << "\nHessian\n"
            << h << "\nHessian times v\n"
            << hv << '\n'
            << r;

  const bool right = all_close(g, 3 * x * x) && all_close(hv, 6 * x * v) && all_close(matmul(h, v), hv) &&
                     all_close(dy, sum(g * v)) && r.ok;
  return !right;
}
