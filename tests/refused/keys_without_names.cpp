// refused: a map of modules has keys that can be names: text, whole numbers or enumerators
#include "gradus/nn.h"

#include <map>
#include <utility>
using namespace gradus;

struct Net : nn::Module<Net> {
  std::map<std::pair<int, int>, nn::Linear> layers;
  Tensor forward(const Tensor& x) { return x; }
};

void use(Net& net) { nn::zero_grad(net); }
