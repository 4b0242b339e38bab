#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace gradus {
namespace {

using Names = std::vector<std::string>;

struct Net : nn::Module<Net> {
  nn::Linear in{4, 8};
  nn::BatchNorm bn{8};
  nn::Linear head{8, 3};
  Tensor forward(const Tensor& x) { return head(bn(in(x))); }
};

/// `prefix` before each name.
std::map<std::string, Tensor> under(const std::string& prefix, const std::map<std::string, Tensor>& state) {
  std::map<std::string, Tensor> result;
  for (const auto& [name, x] : state) result[prefix + name] = x;
  return result;
}

TEST(LoadState, AWholeStateIsComplete) {
  Net from, to;
  const Tensor handle = to.head.weight;
  const nn::LoadReport report = nn::load_state(to, nn::state(from));
  EXPECT_TRUE(report.complete()) << to_string(report);
  EXPECT_EQ(report.placed.size(), nn::state(from).size());
  EXPECT_TRUE(equal(handle, from.head.weight));
}

TEST(LoadState, EveryTensorIsInOneList) {
  Net from, to;
  auto state = nn::state(from);
  state.erase("bn.num_batches_tracked");  // as files before PyTorch 0.4.1 are
  state["head.weight"] = zeros({10, 8});
  state["head.bias"] = zeros({3}, float64);
  state["aux.weight"] = zeros({2});
  const Tensor head = clone(to.head.weight), bias = clone(to.head.bias);
  const nn::LoadReport report = nn::load_state(to, state);
  EXPECT_FALSE(report.complete());
  EXPECT_EQ(report.missing, Names{"bn.num_batches_tracked"});
  EXPECT_EQ(report.unused, Names{"aux.weight"});
  EXPECT_EQ(report.placed,
            (Names{"in.weight", "in.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}));
  EXPECT_EQ(to_string(report),
            "6 placed\n"
            "head.weight: expected [3, 8] float32, got [10, 8] float32\n"
            "head.bias: expected [3] float32, got [3] float64\n"
            "bn.num_batches_tracked: not in the file\n"
            "aux.weight: not in the model");
  EXPECT_TRUE(equal(to.in.weight, from.in.weight));
  EXPECT_TRUE(equal(to.head.weight, head));
  EXPECT_TRUE(equal(to.head.bias, bias));
}

TEST(LoadState, ElementTypesAreConvertedWhereAsked) {
  Net from, to;
  nn::to(from, float64);
  EXPECT_FALSE(nn::load_state(to, nn::state(from)).complete());
  EXPECT_TRUE(nn::load_state(to, nn::state(from), {.convert = true}).complete());
  EXPECT_EQ(to.in.weight.dtype(), float32);
  EXPECT_TRUE(equal(to.in.weight, cast(from.in.weight, float32)));
}

TEST(LoadState, NamesBecomeThoseOfTheModel) {
  Net from, to;
  const auto wrapped = under("module.model.", nn::state(from));
  EXPECT_EQ(nn::load_state(to, wrapped).unused.size(), wrapped.size());
  EXPECT_FALSE(equal(to.in.weight, from.in.weight));
  // Each once and in order; a beginning that no name has changes nothing.
  EXPECT_TRUE(nn::load_state(to, wrapped, {.renames = {{"module.", ""}, {"model.", ""}, {"x.", "y."}}}).complete());
  EXPECT_TRUE(equal(to.in.weight, from.in.weight));

  Net other;
  const auto report =
      nn::load_state(other, wrapped, {.renames = {{"module.model.", ""}}, .rename = [](const auto& name) {
                                        return name.starts_with("head.") ? std::string() : name;
                                      }});
  EXPECT_EQ(report.unused, (Names{"module.model.head.bias", "module.model.head.weight"}));
  EXPECT_EQ(report.missing, (Names{"head.weight", "head.bias"}));
}

TEST(LoadState, TwoNamesForOneChangeNothing) {
  Net from, to;
  const Tensor before = clone(to.in.weight);
  try {
    nn::load_state(to, nn::state(from), {.renames = {{"head.", "in."}}});
    ADD_FAILURE();
  } catch (const ArgumentError& error) {
    EXPECT_NE(std::string(error.what()).find("got \"in.bias\" for \"head.bias\" and \"in.bias\" in the state"),
              std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("load_state_test.cpp"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(equal(to.in.weight, before));
}

struct Tied : nn::Module<Tied> {
  nn::Embedding wte{6, 4};
  nn::Linear lm_head{4, 6, {.bias = false}};
  Tied() { lm_head.weight = wte.weight; }
  auto fields() { return nn::fields("wte", wte, "lm_head", lm_head); }
  Tensor forward(const Tensor& x) { return lm_head(wte(x)); }
};

TEST(LoadState, TiedTensorsAreTakenUnderEachName) {
  const Tensor w = reshape(arange(24, float32), {6, 4});
  for (const std::map<std::string, Tensor>& state :
       {std::map<std::string, Tensor>{{"wte.weight", w}},
        std::map<std::string, Tensor>{{"lm_head.weight", w}},
        std::map<std::string, Tensor>{{"wte.weight", w}, {"lm_head.weight", clone(w)}}}) {
    Tied net;
    const nn::LoadReport report = nn::load_state(net, state);
    EXPECT_TRUE(report.complete()) << to_string(report);
    EXPECT_EQ(report.placed.size(), state.size());
    EXPECT_TRUE(equal(net.wte.weight, w));
    EXPECT_TRUE(net.wte.weight.is_same(net.lm_head.weight));
  }
  Tied net;
  const nn::LoadReport report = nn::load_state(net, {{"wte.weight", w}, {"lm_head.weight", zeros({6, 4})}});
  ASSERT_EQ(report.misfits.size(), 1);
  EXPECT_EQ(report.misfits[0].name, "lm_head.weight");
  EXPECT_TRUE(equal(net.wte.weight, w));
}

// The names that torch.nn documents for its layers' state.
TEST(LoadState, LayersHaveTheNamesOfPyTorch) {
  const auto complete = [](auto layer, const std::map<std::string, Shape>& documented) {
    std::map<std::string, Tensor> state;
    for (const auto& [name, shape] : documented) state[name] = full(shape, 0.25);
    const nn::LoadReport report = nn::load_state(layer, state);
    EXPECT_TRUE(report.complete()) << to_string(report);
  };
  complete(nn::LSTM(3, 5, {.num_layers = 2}),
           {{"weight_ih_l0", {20, 3}},
            {"weight_hh_l0", {20, 5}},
            {"bias_ih_l0", {20}},
            {"bias_hh_l0", {20}},
            {"weight_ih_l1", {20, 5}},
            {"weight_hh_l1", {20, 5}},
            {"bias_ih_l1", {20}},
            {"bias_hh_l1", {20}}});
  complete(nn::GRU(3, 5, {.bidirectional = true}),
           {{"weight_ih_l0", {15, 3}},
            {"weight_hh_l0", {15, 5}},
            {"bias_ih_l0", {15}},
            {"bias_hh_l0", {15}},
            {"weight_ih_l0_reverse", {15, 3}},
            {"weight_hh_l0_reverse", {15, 5}},
            {"bias_ih_l0_reverse", {15}},
            {"bias_hh_l0_reverse", {15}}});
  complete(nn::MultiheadAttention(8, 2),
           {{"in_proj_weight", {24, 8}}, {"in_proj_bias", {24}}, {"out_proj.weight", {8, 8}}, {"out_proj.bias", {8}}});
}

TEST(LoadState, ReadsFiles) {
  const std::string path = std::filesystem::temp_directory_path() / ("gradus_ls_" + std::to_string(getpid()));
  Net from, to;
  nn::save_tensors(under("module.", nn::state(from)), path);
  EXPECT_TRUE(nn::load_state(to, path, {.renames = {{"module.", ""}}}).complete());
  EXPECT_TRUE(equal(to.bn.running_var, from.bn.running_var));
  std::filesystem::remove(path);
  EXPECT_THROW(nn::load_state(to, path), IoError);
}

}  // namespace
}  // namespace gradus
