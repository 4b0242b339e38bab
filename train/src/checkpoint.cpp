#include "gradus/train/checkpoint.h"

#include "gradus/tensor/error.h"

#include <algorithm>
#include <array>

namespace gradus::train {

optim::State state(const data::Loader& loader) {
  const data::LoaderState at = loader.state();
  return {{"at", from_vector(std::vector<std::int64_t>{static_cast<std::int64_t>(at.seed), at.epoch, at.position})}};
}

void set_state(data::Loader& loader, const optim::State& state) {
  const auto at = state.find("at");
  if (state.size() != 1 || at == state.end() || at->second.dtype() != int64 || at->second.shape() != Shape{3})
    gradus::detail::fail<ArgumentError>("loader", "expected a loader's state, got another");
  std::array<std::int64_t, 3> values{};
  std::copy_n(at->second.data<std::int64_t>(), values.size(), values.begin());
  const auto [seed, epoch, position] = values;
  loader.restore({static_cast<std::uint64_t>(seed), epoch, position});
}

Part::Part(std::string as, nn::ModuleRef model)
    : Stateful(
          std::move(as),
          [model] { return nn::detail::state(model); },
          [model](const optim::State& state) { nn::detail::set_state(model, state, "the checkpoint"); }) {}

Part::Part(std::string as, data::Loader& loader)
    : Stateful(
          std::move(as),
          [&loader] { return state(loader); },
          [&loader](const optim::State& state) { set_state(loader, state); }) {}

void save_checkpoint(const std::string& path, const std::vector<Part>& parts, CallSite site) {
  optim::save(path, {parts.begin(), parts.end()}, site);
}

void load_checkpoint(const std::string& path, const std::vector<Part>& parts, CallSite site) {
  optim::load(path, {parts.begin(), parts.end()}, site);
}

}  // namespace gradus::train
