#include "gradus/nn/module.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/node.h"
#include "gradus/graph/scope.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
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

/// A layer as a library would have it: a constructor, and ops that bear the caller's line.
class Affine : public Module<Affine> {
 public:
  Affine(std::int64_t in, std::int64_t out, bool bias = true)
      : weight(full({out, in}, 0.5)), bias_(bias ? Parameter(zeros({out})) : Parameter()) {}
  Tensor forward(Arg x) { return linear(x, weight, bias_); }
  auto fields() { return nn::fields("weight", weight, "bias", bias_); }
  std::string describe() const {
    return std::to_string(weight.size(1)) + " → " + std::to_string(weight.size(0));
  }

  Parameter weight;

 private:
  Parameter bias_;
};

struct Scale : Module<Scale> {
  Parameter alpha = full({1}, 0.25);
  static constexpr std::uint32_t kLine = __LINE__ + 1;
  Tensor forward(const Tensor& x) { return alpha * x; }
};

struct Noise : Module<Noise> {
  double p = 0.5;
  bool training = true;
  Tensor forward(const Tensor& x) { return training ? x * p : x; }
};

struct Statistics : Module<Statistics> {
  Buffer mean = zeros({4});
  Buffer steps = zeros({}, int64);
  bool in_training = true;
  void train(bool on) { in_training = on; }
  Tensor forward(const Tensor& x) { return x - mean; }
};

struct Net : Module<Net> {
  Affine fc1{4, 8}, fc2{8, 2};
  Scale scale;
  Noise noise;
  static constexpr std::uint32_t kLine = __LINE__ + 1;
  Tensor forward(const Tensor& x) { return fc2(noise(scale(fc1(x)))); }
};

template <class M>
std::string names(const M& model) {
  std::string all;
  for (const auto& [name, p] : named_parameters(model)) all += name + ' ';
  return all;
}

CallSite line_of(const Tensor& x) { return node_of(x)->site(); }
std::string scope_of(const Tensor& x) { return node_of(x)->scope()->path(); }
std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

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
  std::vector<AnyModule> anything{
      Scale(), [](const Tensor& x) { return x; }, std::make_shared<Scale>()};
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
  EXPECT_EQ(
      names(all),
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
  for (const auto& [name, module] : named_modules(net))
    all += name + '=' + module.describe() + ", ";
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

// ---- calls --------------------------------------------------------------------------------------

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
  EXPECT_EQ(message([&] {
              net(ones({1, 3}));
            }),
            "linear: expected input [*, 4], got [1, 3]\n"
            "  in net.fc1 (Affine 4 → 8) at module_test.cpp:" +
                std::to_string(Net::kLine));
}

TEST(Call, DescribesTheModelThatRuns) {
  for (int width : {5, 6}) {
    struct Wide : Module<Wide> {
      Affine fc;
      Tensor forward(const Tensor& x) { return fc(x); }
    } model{{}, Affine(width, 2)};
    EXPECT_NE(message([&] {
                model(ones({1, 3}));
              }).find("Affine " + std::to_string(width) + " → 2"),
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
    std::pair<Tensor, int> forward(const Tensor& x, const Tensor& y, int k = 3) const {
      return {x * y * w, k};
    }
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

// ---- any module ---------------------------------------------------------------------------------

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

// ---- parameters left out ------------------------------------------------------------------------

TEST(Unreachable, ReportsWhatTheModelDoesNotHold) {
  struct Leaky : Module<Leaky> {
    Affine fc{4, 2};
    std::function<Tensor(const Tensor&)> hidden = [scale = Scale()](const Tensor& x) mutable {
      return scale(x);
    };
    Tensor forward(const Tensor& x) { return hidden(fc(x)); }
  } leaky;
  const auto left_out = unreachable_parameters(leaky, sum(leaky(ones({3, 4}))));
  ASSERT_EQ(left_out.size(), 1);
  EXPECT_EQ(left_out[0].shape, Shape{1});
  EXPECT_EQ(left_out[0].scope, "leaky.scale");
  EXPECT_EQ(to_string(left_out[0]),
            "a parameter [1] used by " + left_out[0].op +
                " in leaky.scale at module_test.cpp:" + std::to_string(Scale::kLine));

  Net net;
  EXPECT_TRUE(unreachable_parameters(net, sum(net(ones({3, 4})))).empty());
  EXPECT_TRUE(unreachable_parameters(net, ones({1})).empty());
}

}  // namespace
}  // namespace gradus::nn
