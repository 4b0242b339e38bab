// write .kernel instead of .kernel_size
#include <gradus/gradus.h>
using namespace gradus;

struct Net : nn::Module<Net> {
  nn::Conv2d conv{1, 2, {.kernel_size = {3, 5}, .padding = 1}};
  Tensor forward(const Tensor& x) { return conv(x); }
};
Tensor run(Net& net, const Tensor& x) { return net(x); }
