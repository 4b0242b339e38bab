#include "gradus/nn/model_text.h"

#include "gradus/graph/recording.h"
#include "gradus/nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace gradus::nn {
namespace {

std::vector<std::string> types(const Sequential& net) {
  std::vector<std::string> names;
  for (const AnyModule& module : net) names.emplace_back(module.held().type_name());
  return names;
}

std::string refusal(const std::string& text, const Shape& input = {4}) {
  try {
    model_from_text(text, input);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ModelText, MakesTheLayersInOrder) {
  const Sequential net = model_from_text("fc 512, bn, relu,fc 10", {1, 28, 28});
  EXPECT_EQ(types(net), (std::vector<std::string>{"Flatten", "Linear", "BatchNorm", "ReLU", "Linear"}));
  EXPECT_EQ(parameter_count(net), 784 * 512 + 512 + 2 * 512 + 512 * 10 + 10);
}

TEST(ModelText, EveryWordMakesALayerThatRuns) {
  ASSERT_GE(model_words().size(), 12u);
  for (const ModelWord& word : model_words()) {
    std::string text = word.usage;
    for (const auto& [placeholder, number] :
         {std::pair{"N", "6"}, {"P", "0.5"}, {"[K]", "3"}, {"[S]", "0.2"}, {"[A]", "0.7"}, {"G", "3"}})
      if (const std::size_t at = text.find(placeholder); at != std::string::npos)
        text.replace(at, std::string_view(placeholder).size(), number);
    Sequential net = model_from_text(text, {6, 12, 12});
    EXPECT_EQ(net(uniform({4, 6, 12, 12})).size(0), 4) << text;
    EXPECT_FALSE(word.about.empty()) << text;
  }
}

TEST(ModelText, OptionalNumbersAreUsed) {
  Sequential net = model_from_text("leaky_relu 0.2, elu 0.5, leaky_relu", {3});
  EXPECT_EQ(net[0].get_if<LeakyReLU>()->negative_slope, 0.2);
  EXPECT_EQ(net[1].get_if<ELU>()->alpha, 0.5);
  EXPECT_EQ(net[2].get_if<LeakyReLU>()->negative_slope, 0.01);
}

TEST(ModelText, SizesFollowThroughMaxoutAndFlatten) {
  Sequential net = model_from_text("flatten, fc 12, maxout 3, bn, fc 5", {2, 3});
  EXPECT_EQ(net(zeros({7, 2, 3})).shape(), (Shape{7, 5}));
  EXPECT_EQ(types(net)[0], "Flatten");
  EXPECT_EQ(types(net)[1], "Linear");
}

TEST(ModelText, ImagesGoThroughConvolutionsAndPools) {
  Sequential net = model_from_text("conv 8 5, bn, relu, pool, conv 16, avg_pool 3, fc 10", {3, 32, 32});
  EXPECT_EQ(net(zeros({2, 3, 32, 32})).shape(), (Shape{2, 10}));
  EXPECT_EQ(parameter_count(net), 8 * 3 * 25 + 8 + 16 + 16 * 8 * 9 + 16 + 10 * 16 * 25 + 10);
  EXPECT_EQ(model_from_text("conv 4, global_pool, fc 2", {1, 5, 7})(zeros({3, 1, 5, 7})).shape(), (Shape{3, 2}));
  EXPECT_EQ(refusal("fc 4, conv 3"), "model: expected rows of images [C, H, W] for 'conv 3', got [4] at position 7");
  EXPECT_EQ(refusal("conv 3 3 3"), "model: expected 'conv N [K]', got 'conv 3 3 3' at position 1");
  EXPECT_EQ(refusal("pool 9"),
            "model: expected rows of images [C, H, W] of at least 9 by 9 for 'pool 9', got [4] at "
            "position 1");
}

TEST(ModelText, BatchNormTakesTheFirstDimensionOfARow) {
  Sequential net = model_from_text("bn, relu, fc 2", {3, 4, 4});
  EXPECT_EQ(net(uniform({5, 3, 4, 4})).shape(), (Shape{5, 2}));
}

TEST(ModelText, NormsAndUpsamplingFollowTheRow) {
  Sequential net = model_from_text("conv 8, group_norm 4, gelu, upsample 3, layer_norm, fc 2", {3, 4, 5});
  EXPECT_EQ(net(uniform({5, 3, 4, 5})).shape(), (Shape{5, 2}));
  EXPECT_EQ(parameter_count(net), 8 * 3 * 9 + 8 + 16 + 2 * 8 * 12 * 15 + 2 * 8 * 12 * 15 + 2);
  EXPECT_EQ(refusal("group_norm 3"),
            "model: expected rows of a first size that 3 divides for 'group_norm 3', got [4] at "
            "position 1");
  EXPECT_EQ(refusal("upsample"), "model: expected rows of images [C, H, W] for 'upsample', got [4] at position 1");
}

double deviation(const Tensor& x) {
  double squares = 0;
  for (const double v : x.to_vector()) squares += v * v;
  return std::sqrt(squares / static_cast<double>(x.numel()));
}

TEST(ModelText, WeightsSuitWhatFollowsThem) {
  Generator generator(3);
  const Sequential net = model_from_text("fc 400, bn, relu, fc 400, tanh, fc 400", {400}, generator);
  const auto list = named_parameters(net);
  const auto find = [&](const std::string& name) -> Tensor {
    for (const auto& named : list)
      if (named.name == name) return named.parameter;
    return {};
  };
  EXPECT_NEAR(deviation(find("0.weight")), std::sqrt(2.0) / 20, 0.001);
  EXPECT_NEAR(deviation(find("3.weight")), 5.0 / 3 / 20, 0.001);
  EXPECT_NEAR(deviation(find("5.weight")), 1.0 / 20, 0.001);
  EXPECT_EQ(deviation(find("3.bias")), 0);
}

TEST(ModelText, TwoLayersWithoutABendBetweenThemAreBothDrawn) {
  const Sequential net = model_from_text("fc 300, fc 300, relu", {300});
  const auto list = named_parameters(net);
  EXPECT_NEAR(deviation(list[0].parameter), 1 / std::sqrt(300.0), 0.002);
  EXPECT_NEAR(deviation(list[2].parameter), std::sqrt(2.0 / 300), 0.002);
}

TEST(ModelText, TheGeneratorDecidesTheWeights) {
  const auto weights = [](std::uint64_t seed) {
    Generator generator(seed);
    return parameters(model_from_text("fc 5, relu, fc 2", {4}, generator));
  };
  const auto a = weights(1), b = weights(1), c = weights(2);
  EXPECT_TRUE(equal(a[0], b[0]) && equal(a[2], b[2]));
  EXPECT_FALSE(equal(a[0], c[0]));
  EXPECT_FALSE(equal(a[2], c[2]));
}

/// The message for a text that is refused.
TEST(ModelText, MistakesAreNamedWithTheirPlace) {
  EXPECT_EQ(refusal("fc 3, rleu"), "model: expected a layer, got 'rleu' (did you mean 'relu'?) at position 7");
  EXPECT_EQ(refusal("ReLU"), "model: expected a layer, got 'ReLU' (did you mean 'relu'?) at position 1");
  EXPECT_NE(refusal("convolution 3").find("got 'convolution' (known are fc, conv, "), std::string::npos);
  EXPECT_EQ(refusal("relu, fc"), "model: expected 'fc N', got 'fc' at position 7");
  EXPECT_EQ(refusal("fc 3 4"), "model: expected 'fc N', got 'fc 3 4' at position 1");
  EXPECT_EQ(refusal("bn 3"), "model: expected 'bn', got 'bn 3' at position 1");
  for (const char* bad : {"x", "0", "-3", "2.5", "1e40", "nan", "99999999999"})
    EXPECT_NE(refusal(std::string("fc ") + bad).find("for 'fc N', got 'fc "), std::string::npos) << bad;
  EXPECT_EQ(refusal("dropout 1"),
            "model: expected a probability in [0, 1) for 'dropout P', got 'dropout 1' at position 1");
  EXPECT_EQ(refusal("leaky_relu x"), "model: expected a number for 'leaky_relu [S]', got 'leaky_relu x' at position 1");
  EXPECT_EQ(refusal("maxout 3"), "model: expected rows of a size that 3 divides for 'maxout 3', got [4] at position 1");
  for (const char* empty : {"", " ", "fc 3,", ",fc 3", "fc 3,, relu"})
    EXPECT_NE(refusal(empty).find("expected a layer at position "), std::string::npos) << empty;
  EXPECT_EQ(refusal("fc 3,, relu"), "model: expected a layer at position 6 of 'fc 3,, relu', got none");
  EXPECT_NE(refusal("fc 1000000000", {1000000}).find("fits in memory"), std::string::npos);
}

}  // namespace
}  // namespace gradus::nn
