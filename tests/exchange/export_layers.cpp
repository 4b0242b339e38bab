// Writes every layer as an ONNX file, and what it gives for batches of 1, 2 and 17: for onnxruntime.sh.

#include "exported.h"

#include "gradus/ops.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <string>

namespace {

using namespace gradus;
using nlohmann::json;

json as_json(const Tensor& x) {
  json all{{"dtype", to_string(x.dtype())}, {"shape", json::array()}, {"data", json::array()}};
  for (const std::int64_t size : x.shape()) all["shape"].push_back(size);
  for (const double v : x.to_vector()) all["data"].push_back(v);
  return all;
}

json run(const Exported& exported, std::int64_t batch) {
  const std::vector<Tensor> inputs = with_batch(exported, batch);
  json in = json::object(), out = json::object();
  for (std::size_t i = 0; i < inputs.size(); ++i) in[exported.input_name(i)] = as_json(inputs[i]);
  const nn::detail::OnnxResults y = exported.forward(inputs);
  for (std::size_t i = 0; i < y.tensors.size(); ++i) out[exported.output_name(y, i)] = as_json(y.tensors[i]);
  return {{"batch", batch}, {"inputs", in}, {"outputs", out}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  json cases = json::array();
  std::size_t number = 0;
  int failed = 0;
  std::vector<Exported> all = exported_models();
  for (Exported& op : exported_ops()) all.push_back(std::move(op));
  for (const Exported& exported : all) {
    if (!exported.not_in_onnx.empty()) continue;
    const std::string file = std::to_string(number++) + ".onnx";
    try {
      exported.save(folder + "/" + file);
      json runs = json::array();
      for (const std::int64_t batch : {1, 2, 17}) runs.push_back(run(exported, batch));
      cases.push_back({{"name", exported.name}, {"model", file}, {"runs", runs}});
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", exported.name.c_str(), error.what());
      ++failed;
    }
  }
  std::ofstream(folder + "/cases.json") << cases;
  return failed == 0 ? 0 : 1;
}
