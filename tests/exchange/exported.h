#pragma once

#include "gradus/exchange/save_onnx.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// A model that is saved as ONNX by the tests.
struct Exported {
  std::string name;
  nn::detail::OnnxForward forward;  // in evaluation
  nn::ModuleRef module;
  std::vector<Tensor> inputs;
  nn::SaveOnnxOptions options{};
  std::string not_in_onnx{};  // why, or nothing

  void save(const std::string& path) const { nn::detail::save_onnx(module, forward, inputs, path, options); }
  std::string input_name(std::size_t i) const;
  std::string output_name(const nn::detail::OnnxResults& results, std::size_t i) const;
};

/// Parameters and buffers moved away from 0 and 1, which would hide mistakes.
void stir(nn::ModuleRef module);

/// Models of several layers.
std::vector<Exported> whole_models();
/// These, and every layer.
std::vector<Exported> exported_models();

/// Every example of every op, in its own sizes.
std::vector<Exported> exported_ops();

/// Its inputs with that size of what is dynamic, and two more of each further name: the example's elements again.
std::vector<Tensor> with_batch(const Exported& exported, std::int64_t size);

}  // namespace gradus
