// refused: a module derives from nn::Module of itself: struct Net : nn::Module<Net>
#include "gradus/nn.h"
using namespace gradus;

struct A : nn::Module<A> {
  nn::Linear fc{2, 3};
  Tensor forward(const Tensor& x) { return fc(x); }
};
struct B : nn::Module<A> {
  nn::Linear fc{4, 5};
  Tensor forward(const Tensor& x) { return fc(x); }
};

void use(B& net) { nn::zero_grad(net); }
