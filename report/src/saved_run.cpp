#include "gradus/report/saved_run.h"

#include "collect.h"

#include "gradus/data/preprocess.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/model.h"
#include "gradus/nn/model_text.h"
#include "gradus/nn/save.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/error.h"
#include "gradus/train/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;

[[noreturn]] void refuse(const std::string& folder, const char* why) {
  fail<IoError>("run", fmt::format("expected the folder of a finished run, got '{}' ({})", folder, why));
}

/// From preprocess.npz; from the config where an older run has none. Empty where it can't be told.
data::Transform transform_of(const Json& config, const Shape& input, const std::string& folder) {
  const std::string file = (fs::path(folder) / "preprocess.npz").string();
  if (fs::exists(file)) return data::load<data::Pipeline>(file);
  if (config.value("preprocess", "") == "none") return data::Pipeline();
  if (!config.contains("standardize_mean") || !config.contains("standardize_std")) return {};
  const bool channels = config.value("standardize_per", "") == "channel";
  const auto values = [&](const char* key) {
    return from_vector(config[key].get<std::vector<double>>(), channels ? Shape{input[0]} : input);
  };
  return data::Standardize(
      values("standardize_mean"), values("standardize_std"), channels ? data::Per::channel : data::Per::feature);
}

/// The shape of a row, empty if it is none that memory can hold.
Shape shape_of(const Json& sizes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 31;
  std::uint64_t values = 1;
  if (!sizes.is_array() || sizes.size() >= kMaxRank) return {};
  Shape shape;
  for (const Json& size : sizes) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() == 0 || size.get<std::uint64_t>() > kMost / values)
      return {};
    values *= size.get<std::uint64_t>();
    shape.push_back(size.get<std::int64_t>());
  }
  return shape;
}

}  // namespace

std::string SavedRun::config_file(const std::string& folder) {
  train::detail::complete_run(folder);
  const fs::path file = fs::path(folder) / "config.json";
  if (!fs::exists(file)) refuse(folder, "config.json is missing");
  return file.string();
}

SavedRun::SavedRun(const std::string& folder) {
  const Json config = read_object(config_file(folder));
  try {
    model = config.at("model").get<std::string>();
    input = shape_of(config.at("input_shape"));
    if (input.rank() == 0) refuse(folder, "no shape of a row in its config.json");
    class_names = config.value("class_names", class_names);
    regression = config.contains("target_std");
    target_mean = config.value("target_mean", target_mean);
    target_std = config.value("target_std", target_std);
    transform = transform_of(config, input, folder);
  } catch (const Json::exception&) {
    refuse(folder, "its config.json is of another program");
  }
  given = input;
  if (transform) {
    given.insert(0, 1);
    given = transform(zeros(given), CallSite{}).shape();
    given.erase(0);
  }
  net = nn::model_from_text(model, given);
  const std::string weights = (fs::path(folder) / "weights.safetensors").string();
  has_weights = fs::exists(weights);
  if (has_weights) nn::load(net, weights, CallSite{});
  nn::eval(net);
}

Tensor outputs_of(nn::Sequential& net, const Tensor& inputs, const data::Transform& transform) {
  constexpr std::int64_t kBatch = 256;
  nn::eval(net);
  const NoGrad guard;
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < inputs.size(0); i += kBatch) {
    const Tensor rows = slice(inputs, 0, i, std::min(i + kBatch, inputs.size(0)));
    parts.push_back(net(transform ? transform(rows, CallSite{}) : rows));
  }
  return concat(parts, 0);
}

Confusion confusion(const Tensor& outputs, const Tensor& targets) {
  const std::int64_t classes = outputs.size(1);
  const auto guess = argmax(outputs, 1).to_vector<std::int64_t>(), truth = targets.to_vector<std::int64_t>();
  Confusion counts(static_cast<std::size_t>(classes), std::vector<std::int64_t>(static_cast<std::size_t>(classes)));
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0 || truth[i] >= classes)
      fail<IndexError>("confusion", fmt::format("expected classes below {}, got {} in row {}", classes, truth[i], i));
    ++counts[static_cast<std::size_t>(truth[i])][static_cast<std::size_t>(guess[i])];
  }
  return counts;
}

Tensor named_batch(const nn::Sequential& net, const Shape& row, std::int64_t rows) {
  for (const nn::NamedParameter& named : named_parameters(net))
    static_cast<Leaf*>(node_of(named.parameter))->label = named.name;
  Shape shape = row;
  shape.insert(0, rows);
  const Tensor input = leaf(zeros(shape));
  auto* const given = static_cast<Leaf*>(node_of(input));
  given->label = "input";
  given->is_input = true;
  return input;
}

}  // namespace gradus::report
