#include "gradus/nn/sequential.h"

#include "small_models.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/lambda.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

using namespace small;

Tensor twice(Arg x) { return x * 2; }

TEST(AnyModule, HoldsModulesFunctionsAndPointers) {
  const auto value = [](const AnyModule& m) { return m(ones({1})).item(); };
  EXPECT_EQ(value(Scale()), 0.25);
  EXPECT_EQ(value(twice), 2);
  EXPECT_EQ(value(&twice), 2);
  EXPECT_EQ(value([](const Tensor& x) { return x * 3; }), 3);
  EXPECT_EQ(value([](auto x) { return x * 4; }), 4);
  EXPECT_EQ(value(std::function<Tensor(const Tensor&)>(twice)), 2);
  EXPECT_EQ(value(std::make_unique<Scale>()), 0.25);
  EXPECT_EQ(value(nn::fn(twice, "twice")), 2);
  EXPECT_EQ(value(Sequential{twice, twice}), 4);
  int calls = 0;
  AnyModule counter = [calls](const Tensor& x) mutable { return x * ++calls; };
  value(counter);
  EXPECT_EQ(value(counter), 2);
  EXPECT_FALSE((std::is_constructible_v<AnyModule, int>));
  EXPECT_FALSE((std::is_constructible_v<AnyModule, Tensor>));
  EXPECT_FALSE((std::is_constructible_v<AnyModule, Scale*>));
  EXPECT_FALSE((std::is_constructible_v<AnyModule, std::string>));
}

TEST(AnyModule, CopiesAreApart) {
  AnyModule a = Noise();
  AnyModule b = a;
  a.get_if<Noise>()->p = 0.125;
  EXPECT_EQ(b.get_if<Noise>()->p, 0.5);
  const auto shared = std::make_shared<Noise>();
  AnyModule c = shared, d = c;
  shared->p = 0.125;
  EXPECT_EQ(d.get_if<Noise>()->p, 0.125);
  AnyModule only = std::make_unique<Noise>();
  EXPECT_THROW(AnyModule{only}, ArgumentError);
  AnyModule moved = std::move(only);
  EXPECT_TRUE(moved);
  struct Owner : Module<Owner> {
    std::vector<std::unique_ptr<Scale>> scales;
    Tensor forward(const Tensor& x) { return x; }
  };
  AnyModule owner = Owner();
  EXPECT_THROW(AnyModule{owner}, ArgumentError);
  EXPECT_EQ(names(std::make_shared<Owner>()), "");
}

TEST(AnyModule, KnowsTheNamesOfOps) {
  const auto swish = elementwise("swish", [](auto x) { return x * 2; });
  EXPECT_EQ(AnyModule(swish).held().describe(), "swish");
  EXPECT_EQ(AnyModule(twice).held().describe(), "function");
  EXPECT_EQ(nn::fn(twice, "twice").held().describe(), "twice");
}

TEST(AnyModule, EmptyOnesSaySo) {
  const AnyModule empty;
  EXPECT_FALSE(empty);
  EXPECT_THROW(empty(ones({1})), ArgumentError);
  EXPECT_THROW(empty.held(), ArgumentError);
  EXPECT_THROW(AnyModule(std::unique_ptr<Scale>()), ArgumentError);
  EXPECT_THROW(parameters(empty), ArgumentError);
  EXPECT_THROW(parameters(std::unique_ptr<Scale>()), ArgumentError);
}

// ---- sequential ---------------------------------------------------------------------------------

TEST(Sequential, CompileTimeAndRunTime) {
  Sequential fixed{Affine(4, 3), twice, [](const Tensor& x) { return x + 1; }, Affine(3, 2)};
  EXPECT_EQ(names(fixed), "0.weight 0.bias 3.weight 3.bias ");
  EXPECT_EQ(fixed(ones({1, 4})).to_vector(), (std::vector<double>{7.5, 7.5}));
}

TEST(Sequential, GrowsAndCopies) {
  Sequential net;
  EXPECT_EQ(net(full({1}, 3)).item(), 3);
  net.push_back(twice);
  net.push_back(Scale());
  EXPECT_EQ(net.size(), 2);
  EXPECT_EQ(net(full({1}, 3)).item(), 1.5);
  Sequential copy = net;
  EXPECT_EQ(copy.size(), 2);
  EXPECT_TRUE(copy[1].get_if<Scale>()->alpha.is_same(net[1].get_if<Scale>()->alpha));
  copy.push_back(twice);
  EXPECT_EQ(net.size(), 2);
  EXPECT_THROW(net[2], IndexError);
  const Sequential listed(std::vector<AnyModule>{twice, twice});
  EXPECT_EQ(listed(ones({1})).item(), 4);
}

}  // namespace
}  // namespace gradus::nn
