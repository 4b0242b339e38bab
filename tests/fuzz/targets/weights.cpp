#include "run_state.h"
#include "target.h"
#include "zips.h"

#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/save.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "gradus/train/checkpoint.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace gradus::fuzz {
namespace {

/// A safetensors file; spaces of its header may be left out.
std::string file_of(std::string header, const std::string& values) {
  header.append((8 - header.size() % 8) % 8, ' ');
  return data::bytes_of(header.size(), 8) + header + values;
}

/// The same file as other programs write it, so that what was changed in its values is read.
std::string without_checksums(const std::string& file) {
  const std::size_t length = data::little_at(file, 0, 8);
  auto header = nlohmann::json::parse(file.substr(8, length));
  header.erase("__metadata__");
  return file_of(header.dump(), file.substr(8 + length));
}

const Registered kSafetensors{{
    .name = "safetensors",
    .file = "x.safetensors",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      nn::Linear fc(2, 3);
      nn::save(fc, folder.path("seed"));
      const std::string ours = data::read_bytes(folder.path("seed"));
      return {ours,
              without_checksums(ours),
              file_of(R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"I8","shape":[0],"data_offsets":[4,4]}})",
                      "1234")};
    },
    .read =
        [](const std::string& path) {
          nn::load_tensors(path);
          nn::map_tensors(path);
        },
    .per_byte = 200,
    .words = {R"("dtype":"F32")", R"("shape":[2,3])", R"("data_offsets":[0,24])", R"("__metadata__":{)", "BF16"},
}};

const Registered kShards{{
    .name = "safetensors_index",
    .file = "shards/model.safetensors.index.json",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      nn::save_shards({{"a", zeros({2, 3})}, {"b", zeros({4})}, {"c", zeros({1})}}, folder.path("shards"), 24);
      return {data::read_bytes(folder.path("shards/model.safetensors.index.json"))};
    },
    .read = [](const std::string& path) { nn::load_tensors(std::filesystem::path(path).parent_path().string()); },
    .per_byte = 400,
    .words = {"model-00001-of-00003.safetensors", "\"weight_map\"", "..", "\"a\":"},
}};

const Registered kCheckpoint{{
    .name = "checkpoint",
    .file = "run.safetensors",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      nn::Linear fc(2, 1);
      optim::Adam adam(parameters(fc));
      Generator random(1);
      train::RunState state;
      state.finish_epoch({.epoch = 1}, true);
      train::save_checkpoint(folder.path("seed"), {{"fc", fc}, {"adam", adam}, {"random", random}, {"run", state}});
      const std::string ours = data::read_bytes(folder.path("seed"));
      return {ours, without_checksums(ours)};
    },
    .read =
        [](const std::string& path) {
          nn::Linear fc(2, 1);
          optim::Adam adam(parameters(fc));
          Generator random(1);
          train::RunState state;
          train::load_checkpoint(path, {{"fc", fc}, {"adam", adam}, {"random", random}, {"run", state}});
        },
    .per_byte = 400,
    .is_told = true,  // a state of another training
    .words = {"\"fc/weight\":", R"("dtype":"F64")", R"("shape":[1,12])", "\"run/history\":"},
}};

}  // namespace
}  // namespace gradus::fuzz
