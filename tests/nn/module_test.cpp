#include "gradus/nn/module.h"

#include "small_models.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/node.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

using namespace small;

// ---- parameters and buffers ---------------------------------------------------------------------

TEST(Parameter, IsALeaf) {
  const Parameter p = full({2}, 3);
  EXPECT_TRUE(is_leaf(p));
  const Parameter shared = p;
  EXPECT_TRUE(shared.is_same(p));
  const Tensor existing = leaf(ones({2}));
  EXPECT_TRUE(Parameter(existing).is_same(existing));
  EXPECT_FALSE(Parameter().defined());
  EXPECT_FALSE(Parameter(Tensor()).defined());
  EXPECT_THROW(Parameter(zeros({2}, int64)), DTypeError);
}

TEST(Parameter, LeavesTheTensorItIsMadeFromAlone) {
  const Tensor plain = ones({2});
  const Parameter p = plain;
  EXPECT_FALSE(requires_grad(plain));
  EXPECT_EQ(p.data<float>(), plain.data<float>());
  const Parameter q = p * 2;
  EXPECT_TRUE(is_leaf(q));
  EXPECT_FALSE(requires_grad(Buffer(p * 2)));
  EXPECT_FALSE(requires_grad(Buffer(p)));
  EXPECT_TRUE(requires_grad(p));
}

// ---- names --------------------------------------------------------------------------------------

TEST(Module, IsAnEmptyBase) {
  EXPECT_EQ(sizeof(Scale), sizeof(Tensor));
  EXPECT_EQ(sizeof(Net), 2 * sizeof(Affine) + sizeof(Scale) + sizeof(Noise));
}

TEST(Module, NamesParameters) {
  EXPECT_EQ(names(Net()), "fc1.weight fc1.bias fc2.weight fc2.bias scale.alpha ");
  EXPECT_EQ(names(Affine(2, 3, false)), "weight ");
  EXPECT_EQ(names(Noise()), "");
  const Net net;
  EXPECT_EQ(parameters(net).size(), 5);
  EXPECT_TRUE(parameters(net)[4].is_same(net.scale.alpha));
  EXPECT_EQ(parameter_count(net), 4 * 8 + 8 + 8 * 2 + 2 + 1);
}

TEST(Module, NamesBuffers) {
  struct Holder : Module<Holder> {
    Statistics stats;
    Buffer own = ones({1});
  } holder;
  std::string all;
  for (const auto& [name, b] : named_buffers(holder)) all += name + ' ';
  EXPECT_EQ(all, "stats.mean stats.steps own ");
  EXPECT_EQ(buffers(holder).size(), 3);
  EXPECT_EQ(names(holder), "");
}

struct Tree : Module<Tree> {
  Scale here;
  std::vector<Tree> children;
};
struct Weights {  // not a module
  Parameter w = ones({2});
  int n = 3;
};
struct Everything : Module<Everything> {
  std::vector<Affine> several{{1, 1, false}, {1, 1, false}};
  std::array<Scale, 2> two;
  Scale c_array[2];
  std::optional<Scale> none, some = Scale();
  std::unique_ptr<Scale> owned = std::make_unique<Scale>(), nothing;
  std::shared_ptr<Scale> shared = std::make_shared<Scale>();
  std::tuple<int, Scale> tuple;
  std::pair<Scale, std::string> pair;
  std::map<std::string, Scale> map{{"left", {}}, {"right", {}}};
  std::map<int, Scale> numbered{{7, {}}};
  std::vector<std::unique_ptr<Scale>> owners;
  std::vector<Parameter> list{ones({1}), ones({1})};
  AnyModule any = Scale(), empty;
  std::vector<AnyModule> anything{Scale(), [](const Tensor& x) { return x; }, std::make_shared<Scale>()};
  Sequential body{Scale(), Noise(), Sequential{Scale()}};
  Weights plain;
  Tree tree{{}, {}, std::vector<Tree>(1)};
  Parameter undefined;
  // Passed over.
  Tensor tensor = ones({3});
  std::vector<Tensor> tensors{ones({3})};
  std::function<Tensor(const Tensor&)> function = [](const Tensor& x) { return x; };
  std::string text = "text";
  std::vector<int> sizes{1, 2};
  Scale* raw = nullptr;
  int matrix[2][3]{};
};

TEST(Module, FindsParametersEverywhere) {
  Everything all{};
  all.owners.push_back(std::make_unique<Scale>());
  all.owners.push_back(nullptr);
  EXPECT_EQ(names(all),
            "several.0.weight several.1.weight two.0.alpha two.1.alpha c_array.0.alpha c_array.1.alpha "
            "some.alpha owned.alpha shared.alpha tuple.1.alpha pair.0.alpha map.left.alpha "
            "map.right.alpha "
            "numbered.7.alpha owners.0.alpha list.0 list.1 any.alpha anything.0.alpha anything.2.alpha "
            "body.0.alpha body.2.0.alpha plain.w tree.here.alpha tree.children.0.here.alpha ");
}

TEST(Module, WalksThroughContainersOfModules) {
  EXPECT_EQ(names(std::vector<Scale>(2)), "0.alpha 1.alpha ");
  EXPECT_EQ(names(std::make_unique<Scale>()), "alpha ");
  EXPECT_EQ(names(AnyModule(Scale())), "alpha ");
  EXPECT_EQ(names(Weights()), "w ");
}

TEST(Module, ListsTiedWeightsOnce) {
  struct Tied : Module<Tied> {
    Scale encoder, decoder = encoder;
    std::shared_ptr<Scale> one = std::make_shared<Scale>(), other = one;
  } tied;
  EXPECT_EQ(names(tied), "encoder.alpha one.alpha ");
  EXPECT_EQ(named_modules(tied).size(), 4);
}

TEST(Module, NamesModules) {
  const Net net;
  std::string all;
  for (const auto& [name, module] : named_modules(net)) all += name + '=' + module.describe() + ", ";
  EXPECT_EQ(all, "=Net, fc1=Affine 4 → 8, fc2=Affine 8 → 2, scale=Scale, noise=Noise, ");
  EXPECT_EQ(named_modules(net)[1].module.get_if<Affine>(), &net.fc1);
  EXPECT_EQ(named_modules(net)[1].module.get_if<Scale>(), nullptr);
}

// ---- what walks do ------------------------------------------------------------------------------

TEST(Module, TrainAndEval) {
  struct Modes : Module<Modes> {
    Noise noise;
    std::vector<AnyModule> list{Noise(), Statistics()};
    std::unique_ptr<Noise> owned = std::make_unique<Noise>();
  } modes;
  nn::eval(modes);
  EXPECT_FALSE(modes.noise.training);
  EXPECT_FALSE(modes.list[0].get_if<Noise>()->training);
  EXPECT_FALSE(modes.list[1].get_if<Statistics>()->in_training);
  EXPECT_FALSE(modes.owned->training);
  nn::train(modes);
  EXPECT_TRUE(modes.noise.training);
  EXPECT_TRUE(modes.list[1].get_if<Statistics>()->in_training);
  nn::train(modes, false);
  EXPECT_FALSE(modes.noise.training);
}

TEST(Module, ConvertsInPlace) {
  struct Both : Module<Both> {
    Scale scale;
    Parameter frozen = ones({2, 3});
    Statistics stats;
  } model;
  set_requires_grad(model.frozen, false);
  const Parameter held = model.scale.alpha;
  const Tensor y = sum(model.scale(ones({1})) * held);
  set_gradient(model.scale.alpha, full({1}, 2));
  to(model, float64);
  EXPECT_TRUE(held.is_same(model.scale.alpha));
  EXPECT_EQ(held.dtype(), float64);
  EXPECT_EQ(held.item(), 0.25);
  EXPECT_TRUE(is_leaf(held));
  EXPECT_EQ(gradient(held).dtype(), float64);
  EXPECT_EQ(gradient(held).item(), 2);
  EXPECT_EQ(model.frozen.dtype(), float64);
  EXPECT_FALSE(requires_grad(model.frozen));
  EXPECT_EQ(model.stats.mean.dtype(), float64);
  EXPECT_EQ(model.stats.steps.dtype(), int64);
  EXPECT_THROW(backward(y), GradientError);  // it saved what has changed since
  backward(sum(model.scale(ones({1}, float64))));
  EXPECT_EQ(gradient(held).item(), 3);
  EXPECT_THROW(to(model, int64), DTypeError);
  EXPECT_EQ(held.dtype(), float64);
}

TEST(Module, ForgetsGradients) {
  Net net;
  set_requires_grad(net.scale.alpha, false);
  backward(sum(net(ones({1, 4}))));
  EXPECT_TRUE(gradient(net.fc1.weight).defined());
  zero_grad(net);
  EXPECT_FALSE(gradient(net.fc1.weight).defined());
}

TEST(Module, LabelsParameters) {
  Net net;
  label_parameters(net);
  EXPECT_EQ(static_cast<Leaf*>(node_of(net.fc1.weight))->label, "net.fc1.weight");
  to(net, float64);
  EXPECT_EQ(static_cast<Leaf*>(node_of(net.fc1.weight))->label, "net.fc1.weight");
}

TEST(Module, CopiesShareParametersAndClonesDoNot) {
  struct Model : Module<Model> {
    Scale a;
    Scale tied = a;
    AnyModule any = Noise();
    std::shared_ptr<Scale> shared = std::make_shared<Scale>();
    Statistics stats;
    Parameter frozen = ones({1});
    Parameter frozen_too = frozen;
  } model;
  set_requires_grad(model.frozen, false);
  Model copy = model;
  EXPECT_TRUE(copy.a.alpha.is_same(model.a.alpha));
  nn::eval(copy);
  EXPECT_FALSE(copy.any.get_if<Noise>()->training);
  EXPECT_TRUE(model.any.get_if<Noise>()->training);

  Model other = clone(model);
  EXPECT_NE(other.a.alpha.data<float>(), model.a.alpha.data<float>());
  EXPECT_TRUE(equal(other.a.alpha, model.a.alpha));
  EXPECT_TRUE(is_leaf(other.a.alpha));
  EXPECT_TRUE(other.tied.alpha.is_same(other.a.alpha));
  EXPECT_NE(other.stats.mean.data<float>(), model.stats.mean.data<float>());
  EXPECT_NE(other.shared, model.shared);
  EXPECT_FALSE(other.shared->alpha.is_same(model.shared->alpha));
  EXPECT_TRUE(other.frozen_too.is_same(other.frozen));
  EXPECT_FALSE(requires_grad(other.frozen));
}

TEST(Module, ClonesShareNoModuleHeldByPointer) {
  const auto held = std::make_shared<Scale>();
  Sequential net{held, held};
  const Tensor before = held->alpha;
  Sequential other = clone(net);
  EXPECT_TRUE(held->alpha.is_same(before));
  EXPECT_FALSE(parameters(other)[0].is_same(before));
  EXPECT_FALSE(clone(held)->alpha.is_same(before));
  EXPECT_FALSE(parameters(clone(net[0]))[0].is_same(before));
  EXPECT_TRUE(held->alpha.is_same(before));
}

TEST(Module, Prints) {
  struct Model : Module<Model> {
    std::vector<Affine> blocks{{100, 100}, {100, 10, false}};
    AnyModule act = nn::fn([](const Tensor& x) { return x; }, "identity");
    Sequential body{Scale(), Noise()};
    Weights weights;
    struct Options {
      double rate = 3;
      std::vector<Weights> none;
    } options;
  };
  EXPECT_EQ(to_string(Model()),
            "Model                       11,103\n"
            "  blocks                    11,100\n"
            "    0: Affine 100 → 100     10,100\n"
            "    1: Affine 100 → 10       1,000\n"
            "  act: identity\n"
            "  body: Sequential               1\n"
            "    0: Scale                     1\n"
            "      alpha: Parameter [1]\n"
            "    1: Noise\n"
            "  weights: Weights               2\n"
            "    w: Parameter [2]\n");
}

// ---- parameters left out ------------------------------------------------------------------------

TEST(Unreachable, ReportsWhatTheModelDoesNotHold) {
  struct Leaky : Module<Leaky> {
    Affine fc{4, 2};
    std::function<Tensor(const Tensor&)> hidden = [scale = Scale()](const Tensor& x) mutable { return scale(x); };
    Tensor forward(const Tensor& x) { return hidden(fc(x)); }
  } leaky;
  const auto left_out = unreachable_parameters(leaky, sum(leaky(ones({3, 4}))));
  ASSERT_EQ(left_out.size(), 1);
  EXPECT_EQ(left_out[0].shape, Shape{1});
  EXPECT_EQ(left_out[0].scope, "leaky.scale");
  EXPECT_EQ(to_string(left_out[0]),
            "a parameter [1] used by " + left_out[0].op +
                " in leaky.scale at small_models.h:" + std::to_string(Scale::kLine));

  Net net;
  EXPECT_TRUE(unreachable_parameters(net, sum(net(ones({3, 4})))).empty());
  EXPECT_TRUE(unreachable_parameters(net, ones({1})).empty());
}

}  // namespace
}  // namespace gradus::nn
