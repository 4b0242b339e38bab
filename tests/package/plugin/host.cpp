// Loads the plugin and takes its model apart, by the types of this side.
#include <gradus/gradus.h>

#include <dlfcn.h>

#include <cstdio>
#include <memory>

using namespace gradus;

namespace {

int failures = 0;

void expect(bool ok, const char* what) {
  if (!ok) std::printf("failed: %s\n", what);
  failures += !ok;
}

}  // namespace

int main(int, char** arguments) {
  void* plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  const auto make_model = reinterpret_cast<nn::Sequential* (*)()>(dlsym(plugin, "make_model"));
  const auto slope_of_cube = reinterpret_cast<double (*)(double)>(dlsym(plugin, "slope_of_cube"));

  const std::unique_ptr<nn::Sequential> net(make_model());
  expect((*net)[0].get_if<nn::Linear>() != nullptr, "get_if finds a layer of the plugin's");
  expect((*net)[0].get_if<nn::BatchNorm>() == nullptr, "get_if tells layers apart");
  const Tensor x = uniform({8, 4}, -1, 1);
  (*net)(x);
  nn::eval(*net);
  const nn::Sequential folded = nn::fold(*net);
  expect(folded.size() == 2, "nn::fold folds the plugin's model");
  expect(all_close(folded.forward(x), (*net)(x), 1e-4, 1e-5), "and gives the same values");
  expect(is_leaf(parameters(*net)[0]), "the plugin's parameters are leaves");
  expect(slope_of_cube(2) == 12, "the plugin has gradients of its own");
  return failures != 0;
}
