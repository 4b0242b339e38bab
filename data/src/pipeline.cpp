#include "gradus/data/preprocess.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <tuple>

namespace gradus::data {

using gradus::detail::fail;

namespace {

/// Names of arrays tell pipelines in pipelines, "0.pipeline.0.pipeline.1.center.shift": a file could tell thousands.
void check_depth(const Arrays& state) {
  constexpr int kDeepest = 16;
  const std::string part = fmt::format(".{}.", Pipeline::kName);
  for (const auto& [name, array] : state) {
    int depth = 0;
    for (std::size_t at = 0; (at = name.find(part, at)) != std::string::npos; at += part.size()) ++depth;
    if (depth > kDeepest)
      fail<IoError>(Pipeline::kName, fmt::format("expected pipelines at most {} deep, got {}", kDeepest, depth));
  }
}

}  // namespace

Pipeline::Pipeline(const Pipeline& other) {
  for (const auto& step : other.steps_) steps_.push_back(step->clone());
}

Pipeline& Pipeline::fit(const Tensor& input, CallSite site) {
  const gradus::detail::SitePin pin(site);
  Pipeline fitted = *this;
  Tensor x = input;
  for (std::size_t i = 0; i < fitted.size(); ++i) {
    fitted.steps_[i]->fit(x, site);
    if (i + 1 < fitted.size()) x = fitted.steps_[i]->transform(x, site);
  }
  *this = std::move(fitted);
  return *this;
}

Tensor Pipeline::transform(const Tensor& input, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  Tensor x = input;
  for (const auto& step : steps_) x = step->transform(x, site);
  return x;
}

Tensor Pipeline::inverse(const Tensor& output, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  Tensor y = output;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) y = (*step)->inverse(y, site);
  return y;
}

Arrays Pipeline::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  Arrays state;
  for (std::size_t i = 0; i < size(); ++i)
    for (const auto& [name, array] : steps_[i]->state(site))
      state[fmt::format("{}.{}.{}", i, steps_[i]->name(), name)] = array;
  return state;
}

void Pipeline::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_depth(state);
  Pipeline restored = *this;
  const bool given = size() > 0;
  std::size_t used = 0;
  for (std::size_t i = 0; given ? i < size() : used < state.size(); ++i) {
    // The arrays of step i stand together, under its number and kind.
    const std::string number = std::to_string(i) + ".";
    const auto first = state.lower_bound(number);
    const bool found = first != state.end() && first->first.starts_with(number);
    const std::string kind =
        found ? first->first.substr(number.size(), first->first.find('.', number.size()) - number.size()) : "";
    if (!given && found) {
      auto step = make(kind);
      if (step == nullptr) fail<IoError>(kName, fmt::format("expected a known kind of step, got '{}'", kind));
      restored.steps_.push_back(std::move(step));
    }
    if (!found || restored.steps_[i]->name() != kind)
      fail<IoError>(kName,
                    fmt::format("expected arrays '{}{}…', got {}",
                                number,
                                given ? restored.steps_[i]->name() + "." : "",
                                found ? "'" + first->first + "'" : "none"));
    const std::string prefix = number + kind + ".";
    Arrays own;
    for (auto at = first; at != state.end() && at->first.starts_with(prefix); ++at, ++used)
      own[at->first.substr(prefix.size())] = at->second;
    restored.steps_[i]->restore(own, site);
  }
  if (used != state.size()) fail<IoError>(kName, fmt::format("expected {} steps, got more", size()));
  *this = std::move(restored);
}

std::unique_ptr<Pipeline::Step> Pipeline::make(const std::string& name) {
  std::unique_ptr<Step> made;
  const auto try_kind = [&]<class T>(const T* /*kind*/) {
    if (name == T::kName) made = std::make_unique<Held<T>>(T());
  };
  const auto try_all = [&]<class... T>(const std::tuple<T...>* /*kinds*/) {
    (try_kind(static_cast<const T*>(nullptr)), ...);
  };
  using Kinds = std::tuple<Center, Standardize, MinMax, Impute, Pca, LabelEncode, OneHot, Pipeline>;
  try_all(static_cast<const Kinds*>(nullptr));
  return made;
}

namespace detail {

void save_state(const char* kind, const Arrays& state, const std::string& path, CallSite site) {
  Arrays named;
  for (const auto& [name, array] : state) named[fmt::format("{}.{}", kind, name)] = array;
  write_npz(path, named, site);
}

Arrays load_state(const char* kind, const std::string& path, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const std::string prefix = std::string(kind) + ".";
  Arrays state;
  for (const auto& [name, array] : read_npz(path, site)) {
    if (!name.starts_with(prefix))
      fail<IoError>("load", fmt::format("expected the arrays of a {} in {}, got '{}'", kind, path, name));
    state[name.substr(prefix.size())] = array;
  }
  return state;
}

void fail_in(const IoError& error, const std::string& path) {
  fail<IoError>(error.op(), fmt::format("{} in {}", error.message(), path), error.site());
}

}  // namespace detail
}  // namespace gradus::data
