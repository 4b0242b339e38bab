// refused: the modules of a set have neither names nor an order that lasts
#include "gradus/nn.h"

#include <memory>
#include <set>
using namespace gradus;

struct Net : nn::Module<Net> {
  std::set<std::shared_ptr<nn::Linear>> layers;
  Tensor forward(const Tensor& x) { return x; }
};

void use(Net& net) { nn::zero_grad(net); }
