#include "small_models.h"

#include "gradus/nn/sequential.h"
#include "gradus/ops/arithmetic.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

using namespace small;

TEST(Call, NamesScopes) {
  struct Block : Module<Block> {
    Affine fc{4, 4};
    Tensor forward(const Tensor& x) { return fc(x) * 2; }
  };
  struct DeepNet : Module<DeepNet> {
    Block block;
    std::vector<Block> blocks{2};
    Sequential body{Affine(4, 4), nn::fn([](Arg x) { return x * 3; }, "triple")};
    std::unique_ptr<Scale> scale = std::make_unique<Scale>();
    Tensor forward(const Tensor& x, std::vector<std::string>& scopes) {
      const auto note = [&](const Tensor& y) {
        scopes.push_back(scope_of(y));
        return y;
      };
      Tensor y = note(block(x));
      y = note(blocks[1](y));
      y = note(blocks[0].fc(y));
      y = note(body(y));
      y = note((*scale)(y));
      Scale elsewhere;
      y = note(elsewhere(y));
      return note(y * 2);
    }
  } net;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> scopes;
    net(ones({1, 4}), scopes);
    EXPECT_EQ(scopes,
              (std::vector<std::string>{"deep_net.block",
                                        "deep_net.blocks.1",
                                        "deep_net.blocks.0.fc",
                                        "deep_net.body.1",
                                        "deep_net.scale",
                                        "deep_net.scale",
                                        "deep_net"}));
  }
  EXPECT_EQ(graph::Scope::current(), nullptr);
}

// So many that they are looked for in an index, in a model and in another that has two of it.
TEST(Call, NamesEachOfManyLayers) {
  constexpr std::size_t kLayers = 200;
  struct Many : Module<Many> {
    std::vector<Affine> layers;
    Affine last{1, 1};
    std::vector<std::string> scopes;
    Tensor forward(Tensor x) {
      scopes.clear();
      for (Affine& layer : layers) scopes.push_back(scope_of(x = layer(x)));
      scopes.push_back(scope_of(x = last(x)));
      return x;
    }
  };
  struct Two : Module<Two> {
    std::vector<Many> parts{Many{}, Many{}};
    Tensor forward(const Tensor& x) { return parts[1](parts[0](x)); }
  } net;
  for (Many& part : net.parts)
    for (std::size_t i = 0; i < kLayers; ++i) part.layers.emplace_back(1, 1);
  for (int round = 0; round < 2; ++round) {
    net(ones({1, 1}));
    for (std::size_t part = 0; part < 2; ++part) {
      const std::string path = "two.parts." + std::to_string(part);
      ASSERT_EQ(net.parts[part].scopes.size(), kLayers + 1);
      for (std::size_t i = 0; i < kLayers; ++i)
        EXPECT_EQ(net.parts[part].scopes[i], path + ".layers." + std::to_string(i));
      EXPECT_EQ(net.parts[part].scopes[kLayers], path + ".last");
    }
    for (Many& part : net.parts) part.layers.erase(part.layers.begin()), part.layers.emplace_back(1, 1);
  }
}

TEST(Call, NamesMovedLayersAnew) {
  std::vector<std::string> scopes;
  Sequential body{Affine(4, 4), Affine(4, 4)};
  body(ones({1, 4}));
  Sequential shorter{body[1]};
  EXPECT_EQ(scope_of(shorter(ones({1, 4}))), "sequential.0");
}

TEST(Call, LayersBearTheLineTheyAreCalledOn) {
  static constexpr std::uint32_t line = __LINE__ + 5;
  struct Model : Module<Model> {
    Affine fc{4, 4};
    Sequential body{Affine(4, 4), Scale()};
    Tensor forward(const Tensor& x) {
      const Tensor y = fc(x), z = body(y);
      EXPECT_EQ(line_of(y).line, line);
      EXPECT_EQ(line_of(z).line, Scale::kLine);  // written with tensors: its ops bear their own
      return z * 2;
    }
  } model;
  const Tensor y = model(ones({1, 4}));
  EXPECT_EQ(line_of(y).line, line + 3);
  constexpr std::uint32_t here = __LINE__ + 1;
  const Tensor z = Sequential{Affine(4, 4)}(y);
  EXPECT_EQ(line_of(z).line, here);
  EXPECT_STREQ(line_of(z).file, __FILE__);
}

TEST(Call, ErrorsNameLayerAndLine) {
  Net net;
  EXPECT_EQ(message_of([&] { net(ones({1, 3})); }),
            "linear: expected input [*, 4], got [1, 3]\n"
            "  in net.fc1 (Affine 4 → 8) at small_models.h:" +
                std::to_string(Net::kLine));
}

TEST(Call, DescribesTheModelThatRuns) {
  for (int width : {5, 6}) {
    struct Wide : Module<Wide> {
      Affine fc;
      Tensor forward(const Tensor& x) { return fc(x); }
    } model{{}, Affine(width, 2)};
    EXPECT_NE(message_of([&] { model(ones({1, 3})); }).find("Affine " + std::to_string(width) + " → 2"),
              std::string::npos);
  }
}

TEST(Call, RestoresAfterErrors) {
  Net net;
  EXPECT_THROW(net(ones({1, 3})), ShapeError);
  EXPECT_EQ(graph::Scope::current(), nullptr);
  EXPECT_EQ(scope_of(net(ones({1, 4}))), "net.fc2");
}

TEST(Call, TakesAnyArguments) {
  struct Pair : Module<Pair> {
    Parameter w = ones({1});
    std::pair<Tensor, int> forward(const Tensor& x, const Tensor& y, int k = 3) const { return {x * y * w, k}; }
  };
  const Pair pair;
  const auto [y, k] = pair(ones({1}), ones({1}), 4);
  EXPECT_EQ(k, 4);
  EXPECT_EQ(scope_of(y), "pair");

  struct List : Module<List> {
    Parameter w = ones({1});
    Tensor forward(const std::vector<Tensor>& xs) { return xs[0] * w; }
  } list;
  EXPECT_EQ(scope_of(list(std::vector<Tensor>{ones({1})})), "list");
}

TEST(Call, PassesAParameter) {
  Scale scale;
  const Parameter x = ones({1});
  EXPECT_EQ(scale(x).item(), 0.25);
}

}  // namespace
}  // namespace gradus::nn
