#pragma once

#include "gradus/train/rule.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

/// The babysitter's rules on measurements made by hand, on either side of each threshold.
namespace gradus::train::table {

using M = Measurements;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLn2 = std::numbers::ln2;

/// Changes measurements, given the rule's threshold t.
using Change = std::function<void(M& m, double t)>;
struct Named {
  std::string name;
  Change change;
};
struct Row {
  std::string rule;
  std::string layer = {};         // that it names
  Change fires;                   // of healthy(): it fires
  double value = kNaN;            // then, by the threshold; NaN: not compared
  std::vector<Named> still = {};  // each on top of `fires`: it fires
  std::vector<Named> quiet;       // each on top of `fires`: it does not
};

/// Of a training without a fault: two classes, three layers, fc1 relu fc2 tanh fc3. The weight of layer i is
/// parameter 2 (i - 1), its bias the next; activations are fc1, relu, fc2, tanh, fc3.
M healthy();

std::vector<Row> rows_of_inputs();
std::vector<Row> rows_of_data();
std::vector<Row> rows_of_start();
std::vector<Row> rows_of_ops();
std::vector<Row> rows_of_loss();
std::vector<Row> rows_of_steps();
std::vector<Row> rows_of_layers();
std::vector<Row> rows_of_use();
std::vector<Row> rows_of_gaps();
std::vector<Row> rows_of_epochs();

inline std::int64_t whole(double x) { return std::llround(x); }
inline void set_updates(M& m, std::size_t i, double update) {
  for (auto& sample : m.parameters[i].samples) sample.update = update;
}

}  // namespace gradus::train::table
