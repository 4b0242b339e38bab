#include "exported.h"
#include "layer_rows.h"
#include "onnx/save/sizes.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/tensor/file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <unistd.h>

namespace gradus {
namespace {

namespace fs = std::filesystem;

/// A file's path that is taken away again.
struct TempFile {
  fs::path path;
  explicit TempFile(const std::string& end = "")
      : path(fs::temp_directory_path() / ("gradus_export_" + std::to_string(::getpid()) + ".onnx" + end)) {
    fs::remove(path);
  }
  ~TempFile() { fs::remove(path); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  std::string bytes() const { return gradus::detail::read_file("test", path.string()); }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// ---- what is saved -------------------------------------------------------------------------------

/// Saved, or listed with a reason and refused.
void expect_saved_or_listed(const std::vector<Exported>& all) {
  const TempFile file;
  for (const Exported& e : all) {
    const std::string error = error_of([&] { e.save(file.path.string()); });
    EXPECT_EQ(error == "no error", e.not_in_onnx.empty()) << e.name << ": " << error;
  }
}

TEST(SaveOnnx, EveryLayerIsSavedOrListed) { expect_saved_or_listed(exported_models()); }
TEST(SaveOnnx, EveryOpIsSavedOrListed) { expect_saved_or_listed(exported_ops()); }

TEST(SaveOnnx, TheTableOfLayersHasEveryModule) {
  const char* source = std::getenv("GRADUS_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "GRADUS_SOURCE_DIR is not set";
  std::string headers;
  for (const auto& entry : fs::directory_iterator(fs::path(source) / "nn/include/gradus/nn")) {
    std::ifstream in(entry.path());
    headers.append(std::istreambuf_iterator<char>(in), {});
  }
  const std::regex module("(?:struct|class) (\\w+) : (?:public )?(?:Module|detail::\\w+)<(\\w+)[<,>]");
  int seen = 0;
  const std::vector<Row> rows = layer_rows();
  for (std::sregex_iterator at(headers.begin(), headers.end(), module), end; at != end; ++at) {
    const std::string name = (*at)[1];
    if (name != (*at)[2] || name == "Function") continue;  // bases of others, and what a Sequential makes of functions
    ++seen;
    const auto begins = [&](const Row& row) { return row.name.starts_with(name + "("); };
    EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), begins)) << name;
  }
  EXPECT_GT(seen, 100);
}

struct Net : nn::Module<Net> {
  nn::Linear fc1{3, 4};
  nn::BatchNorm bn{4};
  nn::Linear fc2{4, 2};
  Tensor forward(const Tensor& x) { return fc2(relu(bn(fc1(x)))); }
};

TEST(SaveOnnx, NamesAreThoseOfTheModel) {
  const TempFile file;
  Net net;
  nn::save_onnx(net, ones({5, 3}), file.path.string(), {.inputs = {"rows"}, .outputs = {"scores"}});
  const std::string bytes = file.bytes();
  for (const char* name : {"fc1.weight", "fc2.bias", "bn.running_mean", "rows", "scores", "batch", "gradus", "Net"})
    EXPECT_TRUE(contains(bytes, name)) << name;
  EXPECT_TRUE(contains(bytes, "BatchNormalization"));
}

TEST(SaveOnnx, FoldsBatchNormsOnRequest) {
  const TempFile file;
  Net net;
  const Tensor before = clone(net.fc1.weight);
  nn::save_onnx(net, ones({5, 3}), file.path.string(), {.fold_batch_norms = true});
  const std::string bytes = file.bytes();
  EXPECT_FALSE(contains(bytes, "BatchNormalization"));
  EXPECT_FALSE(contains(bytes, "bn.weight"));
  EXPECT_TRUE(contains(bytes, "fc1.weight"));
  EXPECT_TRUE(equal(net.fc1.weight, before));
}

TEST(SaveOnnx, LeavesModeAndTapeAsTheyWere) {
  const TempFile file;
  Net net;
  net.bn.training = false;
  nn::Sequential mixed(nn::Dropout(0.5), nn::Linear(3, 2));
  nn::save_onnx(net, ones({5, 3}), file.path.string());
  nn::save_onnx(mixed, ones({5, 3}), file.path.string());
  EXPECT_FALSE(net.bn.training);
  EXPECT_TRUE(mixed[0].get_if<nn::Dropout>()->training);
  EXPECT_TRUE(is_recording());
  EXPECT_FALSE(gradient(net.fc1.weight).defined());
  // After an error, too.
  nn::Sequential refused(nn::Dropout(0.5), [](const Tensor& x) { return erfinv(x); });
  EXPECT_THROW(nn::save_onnx(refused, ones({5, 3}), file.path.string()), ArgumentError);
  EXPECT_TRUE(refused[0].get_if<nn::Dropout>()->training);
}

// ---- data beside the model -----------------------------------------------------------------------

/// A value of an entry of TensorProto.external_data: key and value are fields 1 and 2 of a message.
std::vector<std::string> entries(const std::string& bytes, const std::string& key) {
  std::vector<std::string> all;
  const std::string begin = "\n" + std::string(1, static_cast<char>(key.size())) + key + "\x12";
  for (std::size_t at = 0; (at = bytes.find(begin, at)) != std::string::npos; ++at)
    all.push_back(bytes.substr(at + begin.size() + 1, static_cast<unsigned char>(bytes[at + begin.size()])));
  return all;
}

TEST(SaveOnnx, LargeConstantsAreBesideTheModelOnRequest) {
  const TempFile file, data{".data"};
  nn::Sequential net(nn::Linear(20, 30), nn::ReLU(), nn::Linear(30, 256));
  nn::save_onnx(net, ones({5, 20}), file.path.string());
  EXPECT_FALSE(fs::exists(data.path));
  const std::size_t whole = file.bytes().size();
  nn::save_onnx(net, ones({5, 20}), file.path.string(), {.external_data = true});

  // Three of 1 KiB and more, each from a multiple of 4096 on: [30, 20], [256, 30] and the bias [256].
  const std::string bytes = file.bytes(), beside = data.bytes();
  EXPECT_LT(bytes.size(), whole - std::size_t{4} * (30 * 20 + 256 * 30));
  EXPECT_EQ(entries(bytes, "location"), std::vector(3, data.path.filename().string()));
  const std::vector<std::string> lengths = entries(bytes, "length"), offsets = entries(bytes, "offset");
  ASSERT_EQ(lengths.size(), 3U);
  ASSERT_EQ(offsets.size(), 3U);
  std::size_t seen = 0, end = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t offset = std::stoul(offsets[i]), length = std::stoul(lengths[i]);
    EXPECT_EQ(offset % 4096, 0U);
    EXPECT_GE(offset, end);
    end = offset + length;
    ASSERT_LE(end, beside.size());
    for (const Parameter& p : nn::parameters(net))
      if (static_cast<std::size_t>(p.numel()) * 4 == length)
        seen += std::memcmp(p.raw()->data, beside.data() + offset, length) == 0 ? 1U : 0U;
  }
  EXPECT_EQ(end, beside.size());
  EXPECT_EQ(seen, 3U);
}

TEST(SaveOnnx, WithoutLargeConstantsThereIsNoOtherFile) {
  const TempFile file, data{".data"};
  Net net;
  nn::save_onnx(net, ones({5, 3}), file.path.string(), {.external_data = true});
  EXPECT_TRUE(fs::exists(file.path));
  EXPECT_FALSE(fs::exists(data.path));
}

TEST(SaveOnnx, WhereNoDataCanBeNothingIsWritten) {
  const TempFile file, data{".data"};
  fs::create_directory(data.path);
  nn::Linear net(20, 30);
  const std::string error =
      error_of([&] { nn::save_onnx(net, ones({5, 20}), file.path.string(), {.external_data = true}); });
  EXPECT_TRUE(contains(error, data.path.string())) << error;
  EXPECT_FALSE(fs::exists(file.path));
  EXPECT_EQ(error_of([&] { nn::save_onnx(net, ones({5, 20}), file.path.string()); }), "no error");
  EXPECT_THROW(nn::save_onnx(net, ones({5, 20}), "/dev/null", {.external_data = true}), IoError);
}

// ---- what is refused -----------------------------------------------------------------------------

const auto own_op = elementwise("own_op", [](auto x) { return x * x; });

TEST(SaveOnnx, OneErrorListsAllThatIsMissing) {
  const TempFile file;
  nn::Sequential net(nn::Linear(3, 3), erfinv, own_op, own_op);
  const std::string error = error_of([&] { nn::save_onnx(net, ones({5, 3}), file.path.string()); });
  EXPECT_TRUE(contains(error, "1 × erfinv in sequential.1")) << error;
  EXPECT_TRUE(contains(error, "2 × own_op in sequential.2")) << error;
  EXPECT_TRUE(contains(error, "export_test.cpp")) << error;
  EXPECT_FALSE(fs::exists(file.path));
}

TEST(SaveOnnx, AnOpOfTheUsersIsNotTakenForOneOfTheLibrarys) {
  const TempFile file;
  const auto silu = elementwise("silu", [](auto x) { return x * x; });
  nn::Sequential net(silu);
  EXPECT_TRUE(contains(error_of([&] { nn::save_onnx(net, ones({5, 3}), file.path.string()); }), "1 × silu"));
}

TEST(SaveOnnx, WhatDependsOnSizesUnseenIsAnErrorAndNoFrozenNumber) {
  const TempFile file;
  const auto save = [&](auto f, const Tensor& x, nn::SaveOnnxOptions options) {
    nn::Sequential net{nn::AnyModule(f)};
    return error_of([&] { nn::save_onnx(net, x, file.path.string(), options); });
  };
  const nn::SaveOnnxOptions time{.dynamic = std::vector<nn::DynamicAxis>{{1, "time"}}};
  // A table that grows.
  const auto table = [](const Tensor& x) { return x + linspace(0, 1, x.size(1)); };
  EXPECT_TRUE(contains(save(table, ones({2, 5}), time), "differs with the sizes"));
  EXPECT_EQ(save(table, ones({2, 5}), {}), "no error");
  // A step after the other.
  const auto steps = [](const Tensor& x) {
    Tensor h = zeros({x.size(0)});
    for (const Tensor& step : unbind(x, 1)) h = tanh(h + step);
    return h;
  };
  EXPECT_TRUE(contains(save(steps, ones({2, 5}), time), "expected the same ops for inputs of all sizes"));
  EXPECT_EQ(save(steps, ones({2, 5}), {}), "no error");
  // A table of 12 places, of which the example uses all.
  nn::Sequential places(nn::Embedding(12, 3));
  const auto looked_up = [&](const Tensor& x) { return x + places(arange(x.size(1))); };
  EXPECT_EQ(save(looked_up, ones({2, 12, 3}), time), "no error");
  // A number that is computed from values.
  const auto values = [](const Tensor& x) { return x * sum(x).item(); };
  EXPECT_TRUE(
      contains(save(values, ones({2, 3}), {.dynamic = std::vector<nn::DynamicAxis>()}), "varies with the inputs"));
  // A branch that values decide.
  const auto branch = [](const Tensor& x) { return sum(x).item() > 1 ? relu(x) : tanh(x); };
  EXPECT_TRUE(contains(save(branch, full({2, 2}, 0.26), {.dynamic = std::vector<nn::DynamicAxis>()}),
                       "branches can't be taken by values"));
}

TEST(SaveOnnx, AModelThatTakesOneSizeOnlyIsToldOfTheOption) {
  const TempFile file;
  nn::LSTM lstm(3, 4);
  const std::tuple example(ones({5, 2, 3}), ones({1, 2, 4}), ones({1, 2, 4}));
  const std::string error = error_of([&] { nn::save_onnx(lstm, example, file.path.string()); });
  EXPECT_TRUE(contains(error, "axis 0 of input 0 and axis 0 of input 1 and axis 0 of input 2 in any size")) << error;
  EXPECT_TRUE(contains(error, "lstm: expected h0 and c0 [1, 2, 4], got [9, 2, 4]")) << error;
  EXPECT_TRUE(contains(error, "SaveOnnxOptions::dynamic")) << error;
  const std::vector<nn::DynamicAxis> steps{{0, "time"}};
  EXPECT_EQ(error_of([&] { nn::save_onnx(lstm, example, file.path.string(), {.dynamic = steps}); }), "no error");
}

TEST(SaveOnnx, TensorsChangedInPlaceAreRefused) {
  const TempFile file;
  nn::Sequential net([](const Tensor& x) {
    Tensor y = x * 2;
    y.mutable_data<float>()[0] = 7;
    return y + 1;
  });
  const std::string error = error_of([&] { nn::save_onnx(net, ones({5, 3}), file.path.string()); });
  EXPECT_TRUE(contains(error, "got one changed in place before add_scalar in sequential.0")) << error;
  EXPECT_FALSE(contains(error, "dynamic"));
}

TEST(SaveOnnx, ChecksItsOptions) {
  const TempFile file;
  Net net;
  const auto save = [&](nn::SaveOnnxOptions options) {
    return error_of([&] { nn::save_onnx(net, ones({5, 3}), file.path.string(), options); });
  };
  using Axes = std::vector<nn::DynamicAxis>;
  EXPECT_TRUE(contains(save({.inputs = {"a", "b"}}), "expected 1 names of inputs, got 2"));
  EXPECT_TRUE(contains(save({.outputs = {""}}), "expected a name for each output"));
  EXPECT_TRUE(contains(save({.dynamic = Axes{{2, "n"}}}), "expected an axis in -2..1, got 2"));
  EXPECT_TRUE(contains(save({.dynamic = Axes{{0, "n", 1}}}), "expected an input below 1"));
  EXPECT_TRUE(contains(save({.dynamic = Axes{{0, "n"}, {1, "n"}}}), "expected one size for axes named n, got 5 and 3"));
  EXPECT_TRUE(contains(save({.dynamic = Axes{{0, ""}}}), "empty"));
  EXPECT_TRUE(contains(save({.opset = 16}), "expected an opset from 17 to 21, got 16"));
  EXPECT_TRUE(contains(save({.ir_version = 3}), "expected an IR version"));
  EXPECT_TRUE(contains(error_of([&] { nn::save_onnx(net, ones({5, 3}), "/nowhere/net.onnx"); }), "/nowhere"));
  EXPECT_TRUE(contains(error_of([&] { nn::save_onnx(net, Tensor(), file.path.string()); }), "undefined"));
  EXPECT_TRUE(contains(error_of([&] { nn::save_onnx(net, ones({5, 4}), file.path.string()); }), "export_test.cpp"));
  EXPECT_FALSE(fs::exists(file.path));
}

// ---- sizes ---------------------------------------------------------------------------------------

TEST(SizeFormula, FindsWhatWasComputed) {
  using onnx::Sizes;
  const Sizes n{2, 3, 4, 9}, t{12, 7, 6, 5};
  const std::vector<Sizes> atoms{n, t};
  const auto made = [&](auto f) {
    Sizes all{};
    for (std::size_t r = 0; r < onnx::kRecordings; ++r) all[r] = f(n[r], t[r]);
    const auto found = onnx::formula_of(all, atoms);
    // Right for sizes that were not recorded.
    if (!found) return false;
    const std::vector<Sizes> others{{4, 7, 1, 30}, {3, 9, 2, 11}};
    for (std::size_t r = 0; r < onnx::kRecordings; ++r)
      if (onnx::value_of(*found, others, r) != f(others[0][r], others[1][r])) return false;
    return true;
  };
  using I = std::int64_t;
  EXPECT_TRUE(made([](I a, I) { return a; }));
  EXPECT_TRUE(made([](I, I b) { return 3 * b - 4; }));
  EXPECT_TRUE(made([](I, I b) { return 9 - b; }));
  EXPECT_TRUE(made([](I, I b) { return b / 2; }));
  EXPECT_TRUE(made([](I, I b) { return (b + 2) / 3 + 1; }));
  EXPECT_TRUE(made([](I a, I b) { return a * b; }));
  EXPECT_TRUE(made([](I a, I b) { return 6 * a * b; }));
  EXPECT_TRUE(made([](I a, I b) { return a * b * b; }));
  EXPECT_TRUE(made([](I a, I b) { return a + b - 1; }));
  EXPECT_TRUE(made([](I a, I b) { return b - a; }));
  EXPECT_FALSE(made([](I a, I b) { return a * a + b * b; }));
  EXPECT_FALSE(made([](I a, I) { return std::int64_t{1} << a; }));
}

}  // namespace
}  // namespace gradus
