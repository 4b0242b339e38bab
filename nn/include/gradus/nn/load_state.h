#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/module.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// How names and element types of a file become those of a model.
struct LoadOptions {
  /// Beginnings of names and what takes their place, each tried once, in order: {{"module.", ""}, {"fc.", "head."}}.
  std::vector<std::pair<std::string, std::string>> renames = {};
  /// Then the model's name for such a name; empty for a tensor to leave out.
  std::function<std::string(const std::string&)> rename = {};
  /// Whether tensors of another element type are converted.
  bool convert = false;
};

/// A tensor that both sides have, in different ways.
struct Misfit {
  std::string name;           // the model's
  std::string expected, got;  // shape and element type
};

/// What became of the tensors of a file and of a model.
struct LoadReport {
  std::vector<std::string> placed;   // names of the model, in its order
  std::vector<std::string> missing;  // tensors of the model that the file does not have: as they were
  std::vector<std::string> unused;   // names of the file that the model does not have
  std::vector<Misfit> misfits;       // as they were

  /// Whether all of the file is in the model, and all of the model was in the file.
  bool complete() const { return missing.empty() && unused.empty() && misfits.empty(); }
};
/// How many were placed, then a line for each that was not.
std::string to_string(const LoadReport& report);

namespace detail {
/// `from` is named in errors.
LoadReport load_state(ModuleRef model,
                      const std::map<std::string, Tensor>& given,
                      const LoadOptions& options,
                      const std::string& from);
LoadReport load_state(ModuleRef model, const std::string& path, const LoadOptions& options);
}  // namespace detail

/// What fits of a safetensors file, read into the model's own tensors; the rest is said in the report, not an
/// error. A tensor that is tied in the model has each of its names: one is enough, and others have equal values.
///   errors    IoError as load_tensors; ArgumentError if two names of the file become one. After an error the
///             model is as before.
template <Model M>
LoadReport load_state(M& model,
                      const std::string& path,
                      const LoadOptions& options = {},
                      CallSite site = CallSite::here()) {
  const gradus::detail::SitePin pin(site);
  return detail::load_state(detail::ref(model), path, options);
}
/// The same of tensors by name.
template <Model M>
LoadReport load_state(M& model,
                      const std::map<std::string, Tensor>& state,
                      const LoadOptions& options = {},
                      CallSite site = CallSite::here()) {
  const gradus::detail::SitePin pin(site);
  return detail::load_state(detail::ref(model), state, options, "the state");
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
