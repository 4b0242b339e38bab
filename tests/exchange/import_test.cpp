#include "exported.h"
#include "onnx/load/model.h"

#include "gradus/exchange/load_onnx.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/tensor/file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <string>
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
    const std::string error = error_of([&] { expect_same(e, folder.file("net.onnx"), batches); });
    EXPECT_EQ(error, "no error") << e.name;
  }
  EXPECT_GT(seen, at_least);
}

TEST(LoadOnnx, EveryLayerThatIsSavedComesBack) { expect_round_trips(exported_models(), {1, 2, 17}, 100); }
TEST(LoadOnnx, EveryOpThatIsSavedComesBack) { expect_round_trips(exported_ops(), {1}, 200); }

// ---- files that are none -------------------------------------------------------------------------

std::string saved_bytes(const TempFolder& folder) {
  nn::Sequential net(nn::Linear(3, 4), nn::BatchNorm(4), nn::ReLU(), nn::Linear(4, 2));
  nn::save_onnx(net, zeros({1, 3}), folder.file("net.onnx"));
  return detail::read_file("test", folder.file("net.onnx"));
}

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
