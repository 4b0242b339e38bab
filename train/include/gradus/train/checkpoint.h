#pragma once

#include "gradus/data/loader.h"
#include "gradus/nn/save.h"
#include "gradus/optim/save.h"

#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// Of a data loader: seed, pass and place in it.
optim::State state(const data::Loader& loader);
/// Puts it back there. ArgumentError for another state.
void set_state(data::Loader& loader, const optim::State& state);

/// Something that changes while training, under a name: a model, a loader, or whatever optim::Stateful
/// takes.
class Part : public optim::Stateful {
 public:
  template <class T>
  Part(std::string as, T& object) : Stateful(std::move(as), object) {}
  template <nn::Model M>
    requires(!requires(M& object, const optim::State& state) { object.set_state(state); })
  Part(std::string as, M& model) : Part(std::move(as), nn::detail::ref(model)) {}
  Part(std::string as, nn::ModuleRef model);
  Part(std::string as, data::Loader& loader);
};

/// Writes all that decides how a training goes on to one file, whole or not at all:
///
///     train::save_checkpoint("run.safetensors",
///                            {{"net", net}, {"adam", adam}, {"schedule", schedule},
///                             {"loader", loader}, {"generator", default_generator()}});
///
/// A loader may be in the middle of a pass.
///   errors    IoError if the file can't be written
void save_checkpoint(const std::string& path, const std::vector<Part>& parts, CallSite site = CallSite::here());

/// Reads it back, in another process too. Training goes on bit for bit as it would have.
///   errors    IoError, naming file and offset, for a file that can't be read or is damaged;
///             ArgumentError for a part that only one side has; ArgumentError, ShapeError or DTypeError
///             for a state that does not fit. After an error all parts are as before.
void load_checkpoint(const std::string& path, const std::vector<Part>& parts, CallSite site = CallSite::here());

}  // namespace gradus::train
GRADUS_EXPORT_END
