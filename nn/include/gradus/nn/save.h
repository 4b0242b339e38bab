#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/module.h"

#include <map>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// Tensors by name in a file of the safetensors format: eight bytes of header length, a JSON header, the
/// values. The header's metadata have a checksum of each tensor. Written whole or not at all.
///   errors    IoError if the file can't be written; ArgumentError for a name that is not UTF-8, or
///             "__metadata__", which the format keeps for itself
void save_tensors(const std::map<std::string, Tensor>& tensors,
                  const std::string& path,
                  CallSite site = CallSite::here());
/// The same in several files of at most `most` bytes of values, or one tensor, with an index that says which tensor is
/// in which: `model-00001-of-00003.safetensors`, …, `model.safetensors.index.json`; one file `model.safetensors` where
/// that is enough. The folder is new or empty, and appears whole or not at all.
///   errors    IoError if the folder holds something or can't be made; ArgumentError as save_tensors, or if most < 1
void save_shards(const std::map<std::string, Tensor>& tensors,
                 const std::string& folder,
                 std::int64_t most = 5'000'000'000,
                 CallSite site = CallSite::here());
/// Reads such a file, of any program, or all that an index (`*.index.json`) names, or a folder with
/// `model.safetensors.index.json` or `model.safetensors`. What Gradus has no element type for is converted: F16, BF16,
/// F8_E4M3 and F8_E5M2 to float32; I8, I16, I32, U8, U16 and U32 to int64, all exactly.
///   errors    IoError, naming file and offset, if the file can't be read, contradicts itself or its
///             checksums (files of other programs need none), names a tensor twice, or has bytes that
///             belong to no tensor or to two; if an index names no file beside it, or files do not hold what it says
std::map<std::string, Tensor> load_tensors(const std::string& path, CallSite site = CallSite::here());
/// The same without a copy: tensors are parts of the files, of which pages are read as they are used. What is written
/// to them stays in memory. Bools, what is converted, and what is not aligned to its size (in files of Gradus all is)
/// are copied; checksums are not looked at. A file may be removed or replaced meanwhile; if one is cut short in place,
/// using what it had ends the process (SIGBUS).
///   errors    as load_tensors
std::map<std::string, Tensor> map_tensors(const std::string& path, CallSite site = CallSite::here());

namespace detail {
std::map<std::string, Tensor> state(ModuleRef model);
/// `from` is named in errors.
void set_state(ModuleRef model, std::map<std::string, Tensor> given, const std::string& from);
void save(ModuleRef model, const std::string& path);
void load(ModuleRef model, const std::string& path);

struct Save {
  template <Model M>
  void operator()(M& model, const std::string& path, CallSite site = CallSite::here()) const {
    const gradus::detail::SitePin pin(site);
    save(detail::ref(model), path);
  }
};
struct Load {
  template <Model M>
  void operator()(M& model, const std::string& path, CallSite site = CallSite::here()) const {
    const gradus::detail::SitePin pin(site);
    load(detail::ref(model), path);
  }
};
}  // namespace detail

/// nn::save(model, path): the parameters and buffers of a model under their names.
inline constexpr detail::Save save{};

/// nn::load(model, path) reads them back into the model's own tensors, so optimisers made before go on with them.
///   errors    IoError as load_tensors; ArgumentError for a name that only one side has; ShapeError and
///             DTypeError where a tensor differs. After an error the model is as before.
inline constexpr detail::Load load{};

/// Copies of the parameters and buffers under their names.
template <Model M>
std::map<std::string, Tensor> state(const M& model) {
  return detail::state(detail::ref(model));
}

/// Puts them back, as `load` does.
template <Model M>
void set_state(M& model, const std::map<std::string, Tensor>& state, CallSite site = CallSite::here()) {
  const gradus::detail::SitePin pin(site);
  detail::set_state(detail::ref(model), state, "the state");
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
