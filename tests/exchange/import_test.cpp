#include "exported.h"
#include "onnx/load/model.h"
#include "onnx/load/node_call.h"

#include "gradus/autograd.h"
#include "gradus/exchange/load_onnx.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/tensor/file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>

namespace gradus {
namespace {

namespace fs = std::filesystem;

/// A folder that is taken away again.
struct TempFolder {
  fs::path path = fs::temp_directory_path() / ("gradus_import_" + std::to_string(::getpid()));
  TempFolder() { fs::create_directories(path); }
  ~TempFolder() { fs::remove_all(path); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string file(const std::string& name) const { return (path / name).string(); }
};

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// |a - b| <= 1e-5 (1 + |b|), with NaN and infinities in the same places.
bool is_close(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!(std::abs(x[i] - y[i]) <= 1e-5 * (1 + std::abs(y[i])))) return false;
  }
  return true;
}

std::string saved_bytes(const TempFolder& folder) {
  nn::Sequential net(nn::Linear(3, 4), nn::BatchNorm(4), nn::ReLU(), nn::Linear(4, 2));
  nn::save_onnx(net, zeros({1, 3}), folder.file("net.onnx"));
  return detail::read_file("test", folder.file("net.onnx"));
}

// ---- round trips ---------------------------------------------------------------------------------

/// What comes back gives the same values, with each batch.
void expect_same(const Exported& e, const std::string& path, const std::vector<std::int64_t>& batches) {
  e.save(path);
  const nn::OnnxModel loaded = nn::load_onnx(path);
  for (const std::int64_t batch : batches) {
    const std::vector<Tensor> inputs = with_batch(e, batch);
    std::map<std::string, Tensor> named;
    // What the model doesn't use is no input of the file.
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = e.input_name(i);
      const auto& names = loaded.input_names();
      if (std::find(names.begin(), names.end(), name) != names.end()) named[name] = inputs[i];
    }
    const nn::detail::OnnxResults wanted = e.forward(inputs);
    std::map<std::string, Tensor> got;
    ASSERT_EQ(error_of([&] { got = loaded(named); }), "no error") << e.name << ", batch " << batch;
    for (std::size_t i = 0; i < wanted.tensors.size(); ++i)
      EXPECT_TRUE(is_close(got[e.output_name(wanted, i)], wanted.tensors[i])) << e.name << ", batch " << batch;
  }
}

void expect_round_trips(const std::vector<Exported>& all, const std::vector<std::int64_t>& batches, int at_least) {
  const TempFolder folder;
  int seen = 0;
  for (const Exported& e : all) {
    if (!e.not_in_onnx.empty()) continue;
    ++seen;
    // Of larger batches rows of its mask see no key, which the recordings had none of.
    const bool is_masked = e.name == "model: masks";
    const std::string error =
        error_of([&] { expect_same(e, folder.file("net.onnx"), is_masked ? std::vector<std::int64_t>{1} : batches); });
    EXPECT_EQ(error, "no error") << e.name;
  }
  EXPECT_GT(seen, at_least);
}

TEST(LoadOnnx, EveryLayerThatIsSavedComesBack) { expect_round_trips(exported_models(), {1, 2, 17}, 100); }
TEST(LoadOnnx, EveryOpThatIsSavedComesBack) { expect_round_trips(exported_ops(), {1}, 200); }

// ---- as a module ---------------------------------------------------------------------------------

Tensor loss_of(const nn::OnnxModel& net, const Tensor& x, const Tensor& y) { return cross_entropy(net(x), y); }

TEST(LoadOnnx, IsTrainedFurther) {
  const TempFolder folder;
  saved_bytes(folder);
  nn::OnnxModel net = nn::load_onnx(folder.file("net.onnx"));
  manual_seed(1);
  const Tensor x = normal({32, 3}, 0, 1), y = cast(select(x, 1, 0) > 0, int64);
  nn::train(net);
  const std::vector<Parameter> parameters = nn::parameters(net);
  ASSERT_EQ(parameters.size(), 6u);
  const Tensor mean = clone(nn::named_buffers(net)[0].buffer);
  const double before = loss_of(net, x, y).item();
  for (int step = 0; step < 60; ++step) {
    nn::zero_grad(net);
    backward(loss_of(net, x, y));
    for (Parameter p : parameters) copy_into(p, detach(p) - gradient(p) * 0.3);
  }
  EXPECT_LT(loss_of(net, x, y).item(), before / 2);
  EXPECT_FALSE(equal(mean, nn::named_buffers(net)[0].buffer));  // training moves the running mean
  nn::eval(net);
  const Tensor still = clone(nn::named_buffers(net)[0].buffer);
  net(x);
  EXPECT_TRUE(equal(still, nn::named_buffers(net)[0].buffer));
}

TEST(LoadOnnx, IsAModuleAsOthersAre) {
  const TempFolder folder;
  nn::Sequential saved(nn::Linear(3, 4), nn::BatchNorm(4), nn::ReLU(), nn::Linear(4, 2));
  nn::save_onnx(saved, zeros({1, 3}), folder.file("net.onnx"));
  nn::OnnxModel net = nn::load_onnx(folder.file("net.onnx"));
  EXPECT_EQ(net.input_names(), std::vector<std::string>{"input"});
  std::set<std::string> names, wanted;
  for (const auto& p : nn::named_parameters(net)) names.insert(p.name);
  for (const auto& p : nn::named_parameters(saved)) wanted.insert(p.name);
  EXPECT_EQ(names, wanted);
  ASSERT_EQ(nn::named_buffers(net).size(), 2u);

  const Tensor x = normal({5, 3}, 0, 1);
  nn::OnnxModel other = nn::clone(net);
  for (Parameter p : nn::parameters(other)) copy_into(p, zeros_like(p));
  EXPECT_FALSE(equal(net(x), other(x)));
  nn::save(net, folder.file("net.safetensors"));
  nn::load(other, folder.file("net.safetensors"));
  EXPECT_TRUE(equal(net(x), other(x)));
  nn::freeze(net);
  EXPECT_FALSE(requires_grad(net(x)));
  nn::to(net, float64);
  EXPECT_EQ(net(cast(x, float64)).dtype(), float64);

  nn::Sequential more(other, nn::Linear(2, 1));
  EXPECT_TRUE(more(x).shape() == Shape({5, 1}));
  EXPECT_TRUE(equal(other(std::map<std::string, Tensor>{{"input", x}}).at("output"), other(x)));
}

TEST(LoadOnnx, OneErrorListsAllThatIsNotKnown) {
  const TempFolder folder;
  std::string bytes = saved_bytes(folder);
  // Names of the same length.
  for (std::size_t at = 0; (at = bytes.find("Relu", at)) != std::string::npos;) bytes.replace(at, 4, "Rulu");
  for (std::size_t at = 0; (at = bytes.find("transB", at)) != std::string::npos;) bytes.replace(at, 6, "transD");
  for (std::size_t at = 0; (at = bytes.find("epsilon", at)) != std::string::npos;) bytes.replace(at, 7, "epsolin");
  detail::write_file("test", folder.file("odd.onnx"), bytes);
  const std::string error = error_of([&] { nn::load_onnx(folder.file("odd.onnx")); });
  EXPECT_TRUE(contains(error, "1 × Rulu")) << error;
  EXPECT_TRUE(contains(error, "1 × BatchNormalization with attribute epsolin")) << error;
}

TEST(LoadOnnx, InputsThatDontFitAreErrors) {
  const TempFolder folder;
  saved_bytes(folder);
  const nn::OnnxModel net = nn::load_onnx(folder.file("net.onnx"));
  EXPECT_TRUE(contains(error_of([&] { net(zeros({2, 4})); }), "expected input [batch, 3], got [2, 4]"));
  EXPECT_TRUE(contains(error_of([&] { net(zeros({2, 3}, int64)); }), "expected float32 as input, got int64"));
  EXPECT_THROW(net(zeros({2, 3}), zeros({2, 3})), ArgumentError);
  EXPECT_THROW(net(std::map<std::string, Tensor>{{"output", zeros({2, 3})}}), ArgumentError);
  EXPECT_THROW(nn::OnnxModel()(zeros({2, 3})), ArgumentError);
}

TEST(LoadOnnx, ThePageListsEveryOperator) {
  const char* source = std::getenv("GRADUS_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "GRADUS_SOURCE_DIR is not set";
  const std::string page = detail::read_file("test", source + std::string("/docs/exchange.md"));
  for (const auto table : onnx::load_rule_tables())
    for (const onnx::LoadRule& rule : table) {
      const std::string name(rule.type);
      EXPECT_TRUE(contains(page, " " + name + ",") || contains(page, " " + name + " |")) << name;
      EXPECT_EQ(onnx::find_load_rule(name), &rule) << name << " stands in two tables";
    }
}

// ---- tensors -------------------------------------------------------------------------------------

/// A field of bytes, shorter than 128.
std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string field(int number, char value) { return {static_cast<char>(number << 3), value}; }
std::string entry(const std::string& key, const std::string& value) {
  return field(13, field(1, key) + field(2, value));
}

TEST(LoadOnnx, DataBesideTheModelAreReadInItsFolderOnly) {
  const TempFolder folder;
  fs::create_directories(folder.path / "models");
  const std::string path = folder.file("models/net.onnx");
  detail::write_file("test", folder.file("models/data"), std::string("....") + std::string("\0\0\200\77\0\0\0\100", 8));
  fs::copy_file(folder.path / "models/data", folder.path / "data");
  fs::create_symlink("../data", folder.path / "models/link");
  const auto read = [&](const std::string& location, const std::string& offset, const std::string& length) {
    return onnx::read_tensor(path,
                             field(1, '\2') + field(2, '\1') + field(8, "w") + entry("location", location) +
                                 entry("offset", offset) + entry("length", length) + field(14, '\1'));
  };
  EXPECT_TRUE(equal(read("data", "4", "8"), tensor({1.0, 2.0})));
  EXPECT_THROW(read("data", "5", "8"), IoError);
  EXPECT_THROW(read("data", "4", "4"), IoError);
  EXPECT_THROW(read("data", "-4", "8"), IoError);
  EXPECT_THROW(read("../data", "4", "8"), IoError);
  EXPECT_THROW(read("link", "4", "8"), IoError);
  EXPECT_THROW(read((folder.path / "data").string(), "4", "8"), IoError);
  EXPECT_THROW(read("missing", "4", "8"), IoError);
  EXPECT_THROW(read("", "4", "8"), IoError);
}

/// Many tensors on the same bytes would take any amount of memory.
TEST(LoadOnnx, DataBesideTheModelAreSharedByFewTensors) {
  const TempFolder folder;
  const std::string path = folder.file("net.onnx");
  detail::write_file("test", folder.file("data"), std::string(8, 'x'));
  const auto read = [&](int tensors) {
    std::string graph;
    for (int i = 0; i < tensors; ++i)
      graph += field(
          5,
          field(1, '\2') + field(2, '\1') + field(8, std::to_string(i)) + entry("location", "data") + field(14, '\1'));
    const std::string length{static_cast<char>(graph.size() % 128 | 128), static_cast<char>(graph.size() / 128)};
    return onnx::read_model(path, std::string("\x3a") + length + graph + field(8, field(2, '\xd')));
  };
  EXPECT_EQ(read(8).graph.initializers.size(), 8u);
  const std::string error = error_of([&] { read(9); });
  EXPECT_TRUE(contains(error, "at most 8 times the bytes of")) << error;
}

TEST(LoadOnnx, AModelIsNeverReadWithTheDataOfAnother) {
  const TempFolder folder;
  const std::string path = folder.file("net.onnx");
  // The bias is in the model, the weight beside it.
  const auto save = [&](double value) {
    nn::Linear net(64, 8);
    for (Parameter p : nn::parameters(net)) copy_into(p, full(p.shape(), value));
    nn::save_onnx(net, zeros({1, 64}), path, {.external_data = true});
  };
  save(0);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i <= 150; ++i) save(i);
    done = true;
  });
  int loaded = 0;
  do {
    try {
      const nn::OnnxModel net = nn::load_onnx(path);
      ++loaded;
      for (const auto& p : nn::named_parameters(net))
        EXPECT_EQ(p.parameter.to_vector()[0], nn::parameters(net)[0].to_vector()[0]) << p.name;
    } catch (const IoError&) {
      // There is no model at the moment, or it was replaced.
    }
  } while (!done);
  writer.join();
  EXPECT_GT(loaded, 0);
  EXPECT_EQ(nn::load_onnx(path)(ones({1, 64})).to_vector()[0], 150 * 65);
}

TEST(LoadOnnx, DataThatAreCutShortAreAnError) {
  const TempFolder folder;
  const std::string path = folder.file("net.onnx");
  nn::Linear net(64, 8);
  nn::save_onnx(net, zeros({1, 64}), path, {.external_data = true});
  EXPECT_TRUE(equal(nn::load_onnx(path)(ones({1, 64})), net(ones({1, 64}))));
  fs::resize_file(path + ".data", 64 * 8 * 4 - 1);
  const std::string error = error_of([&] { nn::load_onnx(path); });
  EXPECT_TRUE(contains(error, "expected 2048 bytes from byte 0 on in ")) << error;
  EXPECT_TRUE(contains(error, "net.onnx.data, got a file of 2047 bytes")) << error;
}

TEST(LoadOnnx, TypesOfTensors) {
  const auto read = [](char type, const std::string& data) {
    return onnx::read_tensor("x.pb", field(1, '\2') + field(2, type) + data);
  };
  EXPECT_TRUE(equal(read(10, field(9, std::string("\0\74\0\300", 4))), tensor({1.0, -2.0})));       // float16
  EXPECT_TRUE(equal(read(16, field(9, std::string("\200\77\0\300", 4))), tensor({1.0, -2.0})));     // bfloat16
  EXPECT_TRUE(equal(read(3, field(9, "\377\2")), from_vector(std::vector<std::int64_t>{-1, 2})));   // int8
  EXPECT_TRUE(equal(read(2, field(9, "\377\2")), from_vector(std::vector<std::int64_t>{255, 2})));  // uint8
  EXPECT_TRUE(equal(read(6, field(5, "\3\4")), from_vector(std::vector<std::int64_t>{3, 4})));      // int32, packed
  EXPECT_TRUE(equal(read(7, field(7, '\3') + field(7, '\4')), from_vector(std::vector<std::int64_t>{3, 4})));  // int64
  EXPECT_TRUE(equal(read(9, field(5, std::string("\1\0", 2))), from_vector(std::vector<bool>{true, false})));
  EXPECT_THROW(read(8, field(9, "ab")), IoError);                               // texts
  EXPECT_THROW(read(13, field(11, std::string(9, '\377') + "\1\1")), IoError);  // uint64 beyond int64
  EXPECT_THROW(read(6, field(5, "\3\4\5")), IoError);                           // one more than the shape
}

// ---- files that are none -------------------------------------------------------------------------

TEST(LoadOnnx, NoBeginningOfAFileIsAFile) {
  const TempFolder folder;
  const std::string bytes = saved_bytes(folder);
  onnx::read_model("net.onnx", bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_THROW(onnx::read_model("net.onnx", bytes.substr(0, n)), IoError) << n << " of " << bytes.size();
}

TEST(LoadOnnx, BytesOutOfPlaceAreErrorsAtMost) {
  const TempFolder folder;
  const std::string bytes = saved_bytes(folder), path = folder.file("changed.onnx");
  std::mt19937 random(3);
  int refused = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    std::string changed = bytes;
    for (int k = 0; k <= trial % 3; ++k) changed[random() % changed.size()] = static_cast<char>(random());
    if (trial % 5 == 0) changed.erase(random() % changed.size(), random() % 9);
    detail::write_file("test", path, changed);
    try {
      const nn::OnnxModel net = nn::load_onnx(path);
      if (trial % 4 == 0) net(std::vector<Tensor>(net.input_names().size(), ones({2, 3})));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

/// Files of every kind of layer, changed: what is loaded nevertheless is called, too.
TEST(LoadOnnx, AlteredModelsAreErrorsAtMost) {
  const TempFolder folder;
  const std::string path = folder.file("net.onnx");
  std::mt19937 random(4);
  int loaded = 0, refused = 0;
  for (const Exported& e : exported_models()) {
    if (!e.not_in_onnx.empty()) continue;
    e.save(path);
    const std::string bytes = detail::read_file("test", path);
    for (int trial = 0; trial < 24; ++trial) {
      std::string changed = bytes;
      changed[random() % changed.size()] = static_cast<char>(random() % (trial % 2 == 0 ? 256 : 10));
      detail::write_file("test", path, changed);
      try {
        const nn::OnnxModel net = nn::load_onnx(path);
        ++loaded;
        if (net.input_names().size() == e.inputs.size()) net(e.inputs);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(loaded, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(LoadOnnx, ErrorsNameFileAndByte) {
  const TempFolder folder;
  detail::write_file("test", folder.file("net.onnx"), "no such model");
  const std::string error = error_of([&] { nn::load_onnx(folder.file("net.onnx")); });
  EXPECT_TRUE(contains(error, "load_onnx: expected ")) << error;
  EXPECT_TRUE(contains(error, "net.onnx")) << error;
  EXPECT_TRUE(contains(error, "at byte ")) << error;
  EXPECT_TRUE(contains(error, "import_test.cpp:")) << error;
  EXPECT_THROW(nn::load_onnx(folder.file("missing.onnx")), IoError);
}

}  // namespace
}  // namespace gradus
