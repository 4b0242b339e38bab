#include "watch/numbers.h"

#include "gradus/autograd/backward.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/loss.h"
#include "gradus/tensor/random.h"
#include "gradus/train/babysitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace gradus::train {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

std::int64_t total(const Histogram& h) { return std::accumulate(h.counts.begin(), h.counts.end(), std::int64_t{0}); }

TEST(Histogram, CountsFiniteValues) {
  const Histogram h = histogram(tensor({0, kNan, 3, -kInf, 29.5, 30, kInf, 3.5}));
  EXPECT_EQ(h.low, 0);
  EXPECT_EQ(h.high, 30);
  std::vector<std::int64_t> wanted(30);
  wanted[0] = 1, wanted[3] = 2, wanted[29] = 2;
  EXPECT_EQ(h.counts, wanted);
}

TEST(Histogram, OfOneValueOrNoneOrTheLargest) {
  const Histogram same = histogram(full({7, 3}, -2));
  EXPECT_EQ(same.low, -2);
  EXPECT_EQ(same.high, -2);
  EXPECT_EQ(same.counts.at(0), 21);
  EXPECT_EQ(total(same), 21);
  EXPECT_TRUE(histogram(full({3}, kNan)).counts.empty());
  EXPECT_TRUE(histogram(zeros({0, 4})).counts.empty());
  const double most = std::numeric_limits<double>::max();
  const Histogram wide = histogram(from_vector(std::vector<double>{-most, 0, most}, {3}));
  EXPECT_EQ(wide.counts.at(0), 1);
  EXPECT_EQ(wide.counts.at(15), 1);
  EXPECT_EQ(wide.counts.at(29), 1);
}

/// Each column of a large matrix is looked at as often as any other.
TEST(Histogram, OfALargeTensorLooksAtEveryUnit) {
  constexpr std::int64_t kRows = 4096, kUnits = 60;
  std::vector<float> values(kRows * kUnits);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % kUnits);
  const Histogram h = histogram(from_vector(values, {kRows, kUnits}));
  EXPECT_LE(total(h), 65536);
  EXPECT_GT(total(h), 30000);
  EXPECT_EQ(h.low, 0);
  EXPECT_EQ(h.high, kUnits - 1);
  const auto [least, most] = std::minmax_element(h.counts.begin(), h.counts.end());
  EXPECT_LE(*most - *least, 2);
}

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 8}, fc2{8, 3};
  Tensor hidden;
  Tensor forward(const Tensor& x) {
    hidden = relu(fc1(x));
    return fc2(hidden);
  }
};

/// The steps of steps.jsonl with histograms; all of a line's activations have one, or none.
std::vector<std::int64_t> steps_with_histograms(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::int64_t> steps;
  const std::string part = "\"histogram\":{\"low\":";
  for (std::string line; std::getline(in, line);) {
    int found = 0;
    for (std::size_t at = 0; (at = line.find(part, at)) != std::string::npos; ++at) ++found;
    EXPECT_TRUE(found == 0 || found == 3) << line;
    if (found > 0) steps.push_back(std::stoll(line.substr(line.find("\"step\":") + 7)));
  }
  return steps;
}

// At every of 100 steps, then every fifth, a line is written; histograms are there when the step has grown by 1.3.
TEST(Histogram, OfActivationsOnFewSteps) {
  std::string name = (std::filesystem::temp_directory_path() / "gradus-histogram-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  Generator generator(1);
  const Tensor x = normal({50, 2}, 0, 1, float32, generator), y = zeros({50}, int64);
  Net net;
  Babysitter sitter(net, {.every = 1, .print = false, .folder = name, .heart_rows = 0});
  sitter.check({.train = {.inputs = x, .targets = y}});
  optim::Sgd sgd(nn::parameters(net));
  for (std::int64_t step = 1; step <= 200; ++step) {
    sgd.zero_grad();
    const Tensor loss = cross_entropy(net(x), y);
    backward(loss);
    sitter.after_backward(loss);
    for (const ActivationSeen& a : sitter.measurements().activations) {
      EXPECT_TRUE(step != 5 || a.histogram.counts.empty()) << a.op;
      if (step != 6) continue;
      EXPECT_EQ(total(a.histogram), a.op == "relu" || a.layer == "fc1" ? 400 : 150) << a.op;
      if (a.op != "relu") continue;
      const std::vector<double> values = net.hidden.to_vector();
      EXPECT_EQ(a.histogram.low, *std::min_element(values.begin(), values.end()));
      EXPECT_EQ(a.histogram.high, *std::max_element(values.begin(), values.end()));
    }
    sgd.step();
    sitter.after_step(sgd);
  }
  EXPECT_EQ(steps_with_histograms(std::filesystem::path(name) / "steps.jsonl"),
            (std::vector<std::int64_t>{1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34, 45, 59, 77, 105, 140, 185}));
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace gradus::train
