// Loads each case of node_cases.py and compares what it gives. Prints how many pass, and why others don't. Ends with 1
// if a model that is loaded gives other values, but for those that are listed here.

#include "onnx/load/model.h"

#include "gradus/exchange/load_onnx.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gradus;
namespace fs = std::filesystem;

/// Parts of the names of cases that give something else here, and why.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kOthers{{
    {"test_training_dropout", "random"},
    {"BFLOAT16", "their data are the bits, as uint16"},
}};

std::string_view expected_reason(const std::string& name) {
  for (const auto& [part, why] : kOthers)
    if (name.find(part) != std::string::npos) return why;
  return {};
}

std::vector<Tensor> tensors(const fs::path& folder, const std::string& kind) {
  std::vector<Tensor> all;
  for (int i = 0;; ++i) {
    const fs::path path = folder / (kind + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return all;
    all.push_back(onnx::read_tensor(path.string(), gradus::detail::read_file("read", path.string())));
  }
}

/// As far as the standard's own comparison goes: 1e-3 relative, 1e-7 absolute.
std::string difference(const Tensor& got, const Tensor& wanted) {
  if (!(got.shape() == wanted.shape())) return "shape " + to_string(got.shape()) + ", not " + to_string(wanted.shape());
  if (is_floating(got.dtype()) != is_floating(wanted.dtype()) ||
      (got.dtype() == boolean) != (wanted.dtype() == boolean))
    return std::string("type ") + to_string(got.dtype()) + ", not " + to_string(wanted.dtype());
  const std::vector<double> x = got.to_vector(), y = wanted.to_vector();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!(std::abs(x[i] - y[i]) <= 1e-3 * std::abs(y[i]) + 1e-7))
      return "element " + std::to_string(i) + " is " + std::to_string(x[i]) + ", not " + std::to_string(y[i]);
  }
  return {};
}

enum class Outcome { passed, unknown, failed };

struct Result {
  Outcome outcome;
  std::string why;
};

Result run(const fs::path& folder) {
  nn::OnnxModel net;
  std::vector<Tensor> inputs, wanted;
  try {
    net = nn::load_onnx((folder / "model.onnx").string());
    inputs = tensors(folder, "input");
    wanted = tensors(folder, "output");
  } catch (const Error& error) {
    return {Outcome::unknown, error.message().substr(0, error.message().find(" in /"))};
  }
  try {
    const std::vector<Tensor> got = net(inputs);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (const std::string what = difference(got.at(i), wanted[i]); !what.empty()) return {Outcome::failed, what};
  } catch (const std::exception& error) {
    return {Outcome::failed, error.what()};
  }
  return {Outcome::passed, {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(argv[1]))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::map<std::string, int> unknown;
  int passed = 0, wrong = 0, excused = 0;
  for (const fs::path& folder : folders) {
    const Result result = run(folder);
    const std::string name = folder.filename().string();
    if (result.outcome == Outcome::passed) {
      ++passed;
    } else if (result.outcome == Outcome::unknown) {
      ++unknown[result.why];
    } else if (const std::string_view why = expected_reason(name); !why.empty()) {
      ++excused;
    } else {
      ++wrong;
      std::printf("%s: %s\n", name.c_str(), result.why.c_str());
    }
  }
  for (const auto& [why, count] : unknown) std::printf("%4d %s\n", count, why.c_str());
  std::printf(
      "%d of %zu tests pass, %d give other values as listed, %d others\n", passed, folders.size(), excused, wrong);
  return wrong == 0 && passed > 0 ? 0 : 1;
}
