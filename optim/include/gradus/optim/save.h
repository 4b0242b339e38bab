#pragma once

#include "gradus/optim/base.h"
#include "gradus/tensor/random.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::optim {

/// Of a random generator: seed and position.
State state(const Generator& generator);
/// Puts it back there. ArgumentError for another state.
void set_state(Generator& generator, const State& state);

/// Something with a state, under a name: an optimiser, a schedule, an average, a generator, or anything of
/// one's own with `State state() const` and `void set_state(const State&)`.
class Stateful {
 public:
  template <class T>
  Stateful(std::string as, T& object)
      : name(std::move(as)),
        get([&object] { return object.state(); }),
        set([&object](const State& state) { object.set_state(state); }) {}
  Stateful(std::string as, Generator& generator);
  Stateful(std::string as, std::function<State()> getter, std::function<void(const State&)> setter)
      : name(std::move(as)), get(std::move(getter)), set(std::move(setter)) {}

  std::string name;
  std::function<State()> get;
  std::function<void(const State&)> set;
};

/// Writes their states to one file, whole or not at all (nn::save_tensors):
///
///     nn::save(net, "net.safetensors");
///     optim::save("run.safetensors",
///                 {{"adam", adam}, {"schedule", schedule}, {"generator", default_generator()}});
///
///   errors    IoError if the file can't be written
void save(const std::string& path, const std::vector<Stateful>& parts, CallSite site = CallSite::here());

/// Reads them back. Then training goes on bit for bit as it would have.
///   errors    IoError if the file can't be read; ArgumentError for a part that only one side has, and the
///             errors of the parts' `set_state`. After an error all parts are as before.
void load(const std::string& path, const std::vector<Stateful>& parts, CallSite site = CallSite::here());

}  // namespace gradus::optim
GRADUS_EXPORT_END
