#include "gradus/nn/load_state.h"

#include "gradus/nn/save.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

namespace gradus::nn {
namespace detail {
namespace {

using gradus::detail::in_quotes;

/// A tensor of a model with all paths to it, in the order of the walk.
struct Place {
  Tensor tensor;
  std::vector<std::string> names;
};

/// Every tensor of a model once, under every name.
class Places final : public Visitor {
 public:
  explicit Places(ModuleRef model) { child("", model); }

  void parameter(std::string_view name, Parameter& p) override { add(name, p); }
  void buffer(std::string_view name, Buffer& b) override { add(name, b); }
  void child(std::string_view name, ModuleRef child) override {
    const std::size_t length = path_.size();
    path_ = join(name);
    child.visit(*this);
    path_.resize(length);
  }

  std::vector<Place> all;

 private:
  std::string join(std::string_view name) const {
    return path_ + (path_.empty() || name.empty() ? "" : ".") + std::string(name);
  }
  void add(std::string_view name, const Tensor& x) {
    const auto [at, is_new] = index_.try_emplace(x.raw(), all.size());
    if (is_new) all.push_back({x, {}});
    all[at->second].names.push_back(join(name));
  }

  std::string path_;
  std::unordered_map<const void*, std::size_t> index_;
};

struct Given {
  std::string name;  // in the file
  Tensor tensor;
};

std::string renamed(std::string name, const LoadOptions& options) {
  for (const auto& [from, to] : options.renames)
    if (name.starts_with(from)) name = to + name.substr(from.size());
  return options.rename ? options.rename(name) : name;
}

/// The tensors under the model's names; what is left out goes to `unused`.
std::map<std::string, Given> rename_all(const std::map<std::string, Tensor>& given,
                                        const LoadOptions& options,
                                        const std::string& from,
                                        std::vector<std::string>& unused) {
  std::map<std::string, Given> result;
  for (const auto& [name, x] : given) {
    const std::string own = renamed(name, options);
    if (own.empty()) {
      unused.push_back(name);
      continue;
    }
    const auto [at, is_new] = result.try_emplace(own, Given{name, x});
    if (!is_new)
      gradus::detail::fail<ArgumentError>("load_state",
                                          fmt::format("expected a name of its own for each tensor, got {} for {} and "
                                                      "{} in {}",
                                                      in_quotes(own),
                                                      in_quotes(at->second.name),
                                                      in_quotes(name),
                                                      from));
  }
  return result;
}

std::string kind_of_tensor(const Tensor& x) {
  return fmt::format("{} {}", gradus::to_string(x.shape()), gradus::to_string(x.dtype()));
}

}  // namespace

LoadReport load_state(ModuleRef model,
                      const std::map<std::string, Tensor>& given,
                      const LoadOptions& options,
                      const std::string& from) {
  LoadReport report;
  std::map<std::string, Given> left = rename_all(given, options, from, report.unused);
  std::vector<std::pair<Tensor, Tensor>> copies;  // to, from
  for (const Place& place : Places(model).all) {
    Tensor taken;
    bool found = false;
    for (const std::string& name : place.names) {
      const auto at = left.find(name);
      if (at == left.end()) continue;
      found = true;
      const Tensor x = at->second.tensor;
      left.erase(at);
      if (x.shape() != place.tensor.shape() || (x.dtype() != place.tensor.dtype() && !options.convert)) {
        report.misfits.push_back({name, kind_of_tensor(place.tensor), kind_of_tensor(x)});
      } else if (!taken.defined()) {
        report.placed.push_back(name);
        copies.emplace_back(place.tensor, taken = x);
      } else if (equal(taken, x, true)) {
        report.placed.push_back(name);
      } else {
        report.misfits.push_back({name, "the values of " + report.placed.back() + ", to which it is tied", "others"});
      }
    }
    if (!found) report.missing.push_back(place.names.front());
  }
  for (const auto& [name, x] : left) report.unused.push_back(x.name);
  for (auto& [to, values] : copies) copy_into(to, values);
  return report;
}

LoadReport load_state(ModuleRef model, const std::string& path, const LoadOptions& options) {
  return load_state(model, load_tensors(path), options, path);
}

}  // namespace detail

std::string to_string(const LoadReport& report) {
  std::string text = fmt::format("{} placed", report.placed.size());
  for (const Misfit& m : report.misfits) text += fmt::format("\n{}: expected {}, got {}", m.name, m.expected, m.got);
  for (const std::string& name : report.missing) text += fmt::format("\n{}: not in the file", name);
  for (const std::string& name : report.unused) text += fmt::format("\n{}: not in the model", name);
  return text;
}

}  // namespace gradus::nn
