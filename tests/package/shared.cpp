// A program built with hidden visibility: types are the same on both sides of the shared libraries.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus;

namespace {

inline const auto swish = elementwise("swish", [](auto x) { return x * sigmoid(x); });

int failures = 0;

void expect(bool ok, const char* what) {
  if (!ok) std::printf("failed: %s\n", what);
  failures += !ok;
}

struct Scale : nn::Module<Scale> {
  Parameter factor{tensor({3.0f})};
  Tensor forward(const Tensor& x) { return factor * x; }
};

}  // namespace

int main() {
  nn::Sequential net{nn::Linear{4, 3}, nn::BatchNorm{3}, swish, Scale{}};
  const Tensor x = uniform({8, 4}, -1, 1);
  net(x);
  nn::eval(net);
  const nn::Sequential folded = nn::fold(net);
  expect(folded.size() == 3, "nn::fold folds a normalisation into the layer before it");
  expect(all_close(folded.forward(x), net(x), 1e-4, 1e-5), "and gives the same values");
  expect(net[0].get_if<nn::Linear>() != nullptr, "get_if finds a layer");
  expect(net[0].get_if<nn::BatchNorm>() == nullptr, "get_if tells layers apart");
  expect(net[3].get_if<Scale>() != nullptr, "get_if finds a layer of the program's own");

  backward(sum(net(x)));
  expect(gradient(parameters(net)[0]).defined(), "gradients arrive");

  data::Pipeline pipeline{data::Standardize()};
  expect(pipeline.step<data::Standardize>(0) != nullptr, "a pipeline finds its step");

  try {
    matmul(zeros({2, 3}), zeros({2, 3}));
    expect(false, "a wrong shape is refused");
  } catch (const ShapeError&) {
  }
  return failures != 0;
}
