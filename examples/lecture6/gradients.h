#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// How the gradient that reaches the first layer depends on the depth of the network.
namespace lecture6::gradients {

struct Options {
  std::vector<int> depths = {1, 2, 4, 6, 8, 10, 15, 20};  // hidden layers
  int width = 100;
  int rows = 100;
  int repeats = 5;  // networks of each depth
  std::uint64_t seed = 0;
};

struct Curve {
  std::string name;
  std::vector<int> depths;
  std::vector<double> norms;  // geometric means of the norm of the first layer's gradient
};

/// The factor by which one more layer changes the norm.
double factor_per_layer(const Curve& curve);

std::vector<Curve> run(const Options& options = {});
void show(const std::vector<Curve>& result, const std::string& folder);

}  // namespace lecture6::gradients
