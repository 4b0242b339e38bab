// The same in one call: progress, the best weights, a record of the run.
#include <gradus/gradus.h>

#include <cstdio>

using namespace gradus::prelude;

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 64}, fc2{64, 64}, fc3{64, 3};
  Tensor forward(const Tensor& x) { return fc3(relu(fc2(relu(fc1(x))))); }
};

int main() {
  manual_seed(1);
  Net net;
  const auto data = data::split(data::spiral({.points = 300}), {.stratified = true});
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  const auto run = gradus::train::fit(net, data, {.epochs = 20, .optimizer = adam, .out = "spiral-run"});

  std::printf("test accuracy %.3f with the weights of epoch %d; see %s\n",
              run.test.accuracy,
              run.best_epoch,
              run.folder.c_str());
  return run.test.accuracy < 0.9;
}
