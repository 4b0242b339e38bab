// What holds for every layer, in a table of all.

#include "layer_rows.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus {
namespace {

class EveryLayer : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override { manual_seed(5); }
};

std::vector<Tensor> wide(const std::vector<Tensor>& xs) {
  std::vector<Tensor> all;
  for (const Tensor& x : xs) all.push_back(is_floating(x.dtype()) ? cast(x, float64) : x);
  return all;
}

/// Puts tensors in the place of the parameters, in the order of declaration.
struct Replace final : nn::Visitor {
  std::span<const Tensor> given;
  explicit Replace(std::span<const Tensor> xs) : given(xs) {}
  void parameter(std::string_view, Parameter& p) override {
    static_cast<Tensor&>(p) = given.front();
    given = given.subspan(1);
  }
};

TEST_P(EveryLayer, BeginsWithWeightsOfBothSigns) {
  const Row& r = GetParam();
  if (r.name.starts_with("LayerNorm")) return;  // weights of 1
  for (const Parameter& p : nn::detail::parameters(r.make().module))
    if (p.rank() >= 2 && p.numel() > 8) {
      EXPECT_LT(min(p).item(), 0);
      EXPECT_GT(max(p).item(), 0);
    }
}

TEST_P(EveryLayer, DerivativesOfBothOrdersAgreeWithDifferences) {
  const Row& r = GetParam();
  Layer layer = r.make();
  nn::detail::convert(layer.module, float64);
  const std::vector<Tensor> inputs = wide(r.inputs);
  std::vector<Tensor> at;
  for (std::size_t i = 0; i < inputs.size() - (r.fixed_target ? 1 : 0); ++i)
    if (is_floating(inputs[i].dtype())) at.push_back(inputs[i]);
  const std::size_t varied = at.size();
  for (const Parameter& p : nn::detail::parameters(layer.module)) at.push_back(clone(detach(p)));
  const auto f = [&](std::span<const Tensor> xs) {
    manual_seed(7);  // dropout takes the same away each time
    Layer copy = layer.copy();
    Replace replace(xs.subspan(varied));
    copy.module.visit(replace);
    std::vector<Tensor> given;
    std::size_t next = 0;
    for (const Tensor& x : inputs) given.push_back(is_floating(x.dtype()) && next < varied ? xs[next++] : x);
    return copy.call(given);
  };
  for (bool training : {true, false}) {
    if (training && !r.exact_in_training) continue;
    nn::detail::set_training(layer.module, training);
    for (const Report& report :
         {gradcheck(f, at, {.entries = 512}), gradgradcheck(f, at, {.rtol = 1e-5, .entries = 0})})
      EXPECT_TRUE(report) << report;
  }
}

TEST_P(EveryLayer, IsDescribedAndItsParametersHaveNames) {
  const Layer layer = GetParam().make();
  EXPECT_FALSE(layer.module.describe().empty());
  EXPECT_NE(nn::detail::spell(layer.module).find(layer.module.type_name()), std::string::npos);
  std::set<std::string> names;
  const auto named = nn::detail::named_parameters(layer.module);
  for (const auto& p : named) {
    EXPECT_FALSE(p.name.empty());
    EXPECT_TRUE(requires_grad(p.parameter)) << p.name;
    names.insert(p.name);
  }
  EXPECT_EQ(names.size(), named.size());
  EXPECT_EQ(named.size(), nn::detail::parameters(layer.module).size());
}

TEST_P(EveryLayer, ComesBackFromAFile) {
  const Row& r = GetParam();
  Layer a = r.make(), b = r.make();
  a.call(r.inputs);  // moves running statistics
  const std::string path =
      std::filesystem::temp_directory_path() / ("gradus_layer_" + std::to_string(::getpid()) + ".safetensors");
  nn::detail::save(a.module, path);
  nn::detail::load(b.module, path);
  std::filesystem::remove(path);
  nn::detail::set_training(a.module, false);
  nn::detail::set_training(b.module, false);
  EXPECT_TRUE(equal(a.call(r.inputs), b.call(r.inputs)));
}

TEST_P(EveryLayer, EvaluationChangesNothing) {
  const Row& r = GetParam();
  Layer layer = r.make();
  nn::detail::set_training(layer.module, false);
  for (const auto& m : nn::detail::named_modules(layer.module))
    EXPECT_NE(m.module.has_training_mode(), m.module.is_training()) << m.name;
  std::vector<Tensor> before;
  for (const Buffer& b : nn::detail::buffers(layer.module)) before.push_back(clone(b));
  EXPECT_TRUE(equal(layer.call(r.inputs), layer.call(r.inputs)));
  const auto after = nn::detail::buffers(layer.module);
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(equal(after[i], before[i]));
  nn::detail::set_training(layer.module, true);
  for (const auto& m : nn::detail::named_modules(layer.module)) EXPECT_TRUE(m.module.is_training());
}

TEST_P(EveryLayer, ComputesInFloat64Too) {
  const Row& r = GetParam();
  Layer layer = r.make();
  nn::detail::set_training(layer.module, false);
  const Tensor y = layer.call(r.inputs);
  EXPECT_EQ(y.dtype(), float32);
  nn::detail::convert(layer.module, float64);
  const Tensor z = layer.call(wide(r.inputs));
  EXPECT_EQ(z.dtype(), float64);
  EXPECT_TRUE(all_close(cast(y, float64), z, 1e-4, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Table, EveryLayer, testing::ValuesIn(layer_rows()), [](const auto& at) {
  std::string name;
  for (char c : at.param.name)
    if (std::isalnum(static_cast<unsigned char>(c))) name += c;
  return std::to_string(at.index) + name;
});

}  // namespace
}  // namespace gradus
