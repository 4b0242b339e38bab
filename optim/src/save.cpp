#include "gradus/optim/save.h"

#include "state.h"

#include "gradus/nn/save.h"

namespace gradus::optim {

State state(const Generator& generator) {
  const auto word = [](std::uint64_t value) { return number(static_cast<std::int64_t>(value)); };
  return {{"seed", word(generator.seed())}, {"position", word(generator.position())}};
}

void set_state(Generator& generator, const State& state) {
  StateReader in("generator", state);
  const auto seed = in.get<std::int64_t>("seed"), position = in.get<std::int64_t>("position");
  in.finish();
  generator.seed(static_cast<std::uint64_t>(seed));
  generator.set_position(static_cast<std::uint64_t>(position));
}

Stateful::Stateful(std::string as, Generator& generator)
    : name(std::move(as)),
      get([&generator] { return state(generator); }),
      set([&generator](const State& state) { set_state(generator, state); }) {}

void save(const std::string& path, const std::vector<Stateful>& parts, CallSite site) {
  const gradus::detail::SitePin pin(site);
  State all;
  for (const Stateful& part : parts)
    for (auto& [name, x] : part.get()) all[part.name + "/" + name] = x;
  nn::save_tensors(all, path);
}

void load(const std::string& path, const std::vector<Stateful>& parts, CallSite site) {
  const gradus::detail::SitePin pin(site);
  std::map<std::string, State> states;
  for (auto& [name, x] : nn::load_tensors(path)) {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos)
      gradus::detail::fail<ArgumentError>("load", fmt::format("expected states in {}, got {}", path, name));
    states[name.substr(0, slash)][name.substr(slash + 1)] = x;
  }
  std::vector<State> given, before;
  for (const Stateful& part : parts) {
    const auto at = states.find(part.name);
    if (at == states.end())
      gradus::detail::fail<ArgumentError>("load",
                                          fmt::format("expected {} in {}, got a file without it", part.name, path));
    given.push_back(std::move(at->second));
    states.erase(at);
    before.push_back(part.get());
  }
  if (!states.empty())
    gradus::detail::fail<ArgumentError>(
        "load", fmt::format("expected only what is asked for, got {} in {}", states.begin()->first, path));
  try {
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i].set(given[i]);
  } catch (...) {
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i].set(before[i]);
    throw;
  }
}

}  // namespace gradus::optim
