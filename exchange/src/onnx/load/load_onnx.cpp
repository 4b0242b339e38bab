#include "gradus/exchange/load_onnx.h"

#include "onnx/load/program.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <sys/stat.h>
#include <utility>

namespace gradus::nn {

namespace {

template <class T>
std::vector<Tensor> values_of(const detail::NamedInFile<T>& all) {
  std::vector<Tensor> values;
  for (const auto& [name, x] : all) values.push_back(x);
  return values;
}

/// Another one for a file that has taken the place of one: device, number, size and time of the last change.
std::array<std::int64_t, 5> identity_of(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {};
  return {static_cast<std::int64_t>(status.st_dev),
          static_cast<std::int64_t>(status.st_ino),
          status.st_size,
          status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

}  // namespace

std::vector<Tensor> OnnxModel::run(const std::vector<Tensor>& inputs) const {
  if (program_ == nullptr)
    gradus::detail::fail<ArgumentError>("onnx", "expected a model that was loaded, got an empty one");
  return program_->run(inputs, values_of(parameters_), values_of(buffers_), training);
}

Tensor OnnxModel::only(std::vector<Tensor> results) {
  if (results.size() != 1)
    gradus::detail::fail<ArgumentError>(
        "onnx", fmt::format("expected a model with one result, got {}: call it with a std::vector", results.size()));
  return std::move(results[0]);
}

std::map<std::string, Tensor> OnnxModel::forward(const std::map<std::string, Tensor>& inputs) const {
  std::vector<Tensor> in;
  for (const std::string& name : input_names()) {
    const auto at = inputs.find(name);
    if (at == inputs.end())
      gradus::detail::fail<ArgumentError>("onnx", fmt::format("expected an input '{}', got none", name));
    in.push_back(at->second);
  }
  for (const auto& [name, x] : inputs)
    if (std::find(input_names().begin(), input_names().end(), name) == input_names().end())
      gradus::detail::fail<ArgumentError>(
          "onnx", fmt::format("expected inputs {}, got '{}'", fmt::join(input_names(), ", "), name));
  std::vector<Tensor> results = run(in);
  std::map<std::string, Tensor> all;
  for (std::size_t i = 0; i < results.size(); ++i) all[output_names()[i]] = std::move(results[i]);
  return all;
}

const std::vector<std::string>& OnnxModel::input_names() const {
  static const std::vector<std::string> none;
  return program_ == nullptr ? none : program_->input_names;
}
const std::vector<std::string>& OnnxModel::output_names() const {
  static const std::vector<std::string> none;
  return program_ == nullptr ? none : program_->output_names;
}

std::string OnnxModel::describe() const {
  return fmt::format("{} → {}", fmt::join(input_names(), ", "), fmt::join(output_names(), ", "));
}

OnnxModel detail::LoadOnnx::operator()(const std::string& path, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  const auto before = identity_of(path);
  const std::string bytes = gradus::detail::read_file("load_onnx", path);
  onnx::ProgramWithState all = gradus::detail::at_boundary("load_onnx", path, [&] {
    onnx::LoadedModel read = onnx::read_model(path, bytes);
    // save_onnx takes the model away before it replaces the data.
    if (read.has_data_outside && identity_of(path) != before)
      gradus::detail::fail<IoError>(
          "load_onnx",
          fmt::format("expected a model and its data as they were written, got {} replaced meanwhile", path));
    return onnx::program_of(std::move(read), path);
  });
  OnnxModel model;
  for (auto& [name, x] : all.parameters) model.parameters_.emplace_back(name, Parameter(x));
  for (auto& [name, x] : all.buffers) model.buffers_.emplace_back(name, Buffer(x));
  model.program_ = std::make_shared<const onnx::Program>(std::move(all.program));
  return model;
}

}  // namespace gradus::nn
