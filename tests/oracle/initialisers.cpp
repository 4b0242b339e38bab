#include "oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

// Initialisers draw other numbers than the reference does; what they have in common is the distribution.

namespace oracle {
namespace {

using namespace gradus;
using N = init::Nonlinearity;

constexpr std::int64_t kDraws = 1'000'000;

N nonlinearity(const std::string& name) {
  static const std::map<std::string, N> table{{"linear", N::linear},
                                              {"conv1d", N::linear},
                                              {"conv2d", N::linear},
                                              {"conv3d", N::linear},
                                              {"conv_transpose2d", N::linear},
                                              {"sigmoid", N::sigmoid},
                                              {"tanh", N::tanh},
                                              {"relu", N::relu},
                                              {"leaky_relu", N::leaky_relu},
                                              {"selu", N::selu}};
  return table.at(name);
}

struct Moments {
  double mean = 0, std = 0, kurtosis = 0, least = INFINITY, most = -INFINITY;
};

/// Of kDraws elements or a few more.
template <class Fill>
Moments moments(const Shape& shape, Fill fill) {
  Tensor w = empty(shape, float64);
  std::vector<double> all;
  while (static_cast<std::int64_t>(all.size()) < kDraws) {
    fill(w);
    all.insert(all.end(), w.data<double>(), w.data<double>() + w.numel());
  }
  Moments m;
  const auto n = static_cast<double>(all.size());
  for (const double x : all) {
    m.mean += x / n;
    m.least = std::min(m.least, x);
    m.most = std::max(m.most, x);
  }
  double second = 0, fourth = 0;
  for (const double x : all) {
    const double square = (x - m.mean) * (x - m.mean);
    second += square / n;
    fourth += square * square / n;
  }
  m.std = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

void fill(Tensor& w, const std::string& name, const Json& args) {
  if (name == "xavier_normal") {
    init::xavier_normal(w, args.at("gain"));
  } else if (name == "xavier_uniform") {
    init::xavier_uniform(w, args.at("gain"));
  } else if (name == "lecun_normal") {
    init::lecun_normal(w);
  } else if (name == "lecun_uniform") {
    init::lecun_uniform(w);
  } else {
    const init::HeOptions options{.fan = args.value("mode", "fan_in") == "fan_in" ? init::Fan::in : init::Fan::out,
                                  .nonlinearity = nonlinearity(args.value("nonlinearity", "leaky_relu")),
                                  .slope = args.value("a", 0.0)};
    if (name == "kaiming_normal")
      init::he_normal(w, options);
    else if (name == "kaiming_uniform")
      init::he_uniform(w, options);
    else
      throw Missing{name};
  }
}

}  // namespace

std::vector<std::string> initialiser_failures(const std::string& folder, int& ran) {
  std::ifstream file(folder + "/initialisers.json");
  if (!file) return {};
  const Json facts = Json::parse(file);
  std::vector<std::string> failures;
  std::string subject;
  const auto expect = [&](const char* what, double got, double want, double tolerance) {
    if (!(std::abs(got - want) <= tolerance))
      failures.push_back(fmt::format("{}: {}: expected {}, got {}", subject, what, want, got));
  };
  manual_seed(0);
  const double root = std::sqrt(static_cast<double>(kDraws));
  for (const Json& c : facts.at("gains")) {
    subject = "gain of " + c.at("nonlinearity").get<std::string>();
    const N n = nonlinearity(c.at("nonlinearity"));
    const double want = c.at("gain");
    const double got = c.at("param").is_null() ? init::gain(n) : init::gain(n, c.at("param"));
    expect("value", got, want, 1e-14);
    ++ran;
  }
  for (const Json& c : facts.at("initialisers")) {
    const std::string name = c.at("init");
    const Shape shape(c.at("shape").get<std::vector<std::int64_t>>());
    subject = fmt::format("{} {} {}", name, c.at("args").dump(), c.at("shape").dump());
    const Moments m = moments(shape, [&](Tensor& w) { fill(w, name, c.at("args")); });
    const double std = c.at("std");
    const bool bounded = c.contains("bound");
    // Five standard errors.
    expect("mean", m.mean, c.at("mean"), 5 * std / root);
    expect("std", m.std, std, 5 * std / root / std::sqrt(bounded ? 5 : 2));
    expect("kurtosis", m.kurtosis, bounded ? 1.8 : 3, bounded ? 0.01 : 5 * std::sqrt(24) / root);
    if (bounded) {
      const double bound = c.at("bound"), near = 20 * bound / static_cast<double>(kDraws);
      expect("largest", m.most, bound - near / 2, near / 2 + 1e-12);
      expect("least", m.least, near / 2 - bound, near / 2 + 1e-12);
    }
    ++ran;
  }
  for (const Json& c : facts.at("trunc_normal")) {
    subject = "truncated normal " + c.dump();
    const double low = c.at("a"), high = c.at("b"), std = c.at("result_std");
    const Moments m =
        moments({1000, 100}, [&](Tensor& w) { init::truncated_normal(w, c.at("mean"), c.at("std"), low, high); });
    expect("mean", m.mean, c.at("result_mean"), 5 * std / root);
    expect("std", m.std, std, 5 * std / root);
    if (m.least < low || m.most > high) failures.push_back(subject + ": beyond its bounds");
    ++ran;
  }
  return failures;
}

}  // namespace oracle
