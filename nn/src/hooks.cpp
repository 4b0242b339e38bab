#include "gradus/nn/hooks.h"

#include "gradus/graph/node.h"
#include "gradus/ops/gradient.h"

#include <fmt/format.h>

#include <mutex>
#include <vector>

namespace gradus::nn {
namespace detail {

struct HookEntry {
  ModuleRef module;
  Hooks hooks;
  std::atomic<bool> active{true};
};

namespace {

struct Table {
  std::mutex mutex;
  std::vector<std::shared_ptr<HookEntry>> entries;
};
Table& table() {
  static auto* const all = new Table;  // handles may outlive static objects
  return *all;
}

std::vector<std::shared_ptr<HookEntry>> hooks_of(ModuleRef module) {
  const std::scoped_lock lock(table().mutex);
  std::vector<std::shared_ptr<HookEntry>> found;
  for (const auto& entry : table().entries)
    if (entry->module == module) found.push_back(entry);
  return found;
}

void replace(Tensor& x, Tensor by) {
  if (by.defined()) x = std::move(by);
}

/// Puts the hooks on the gradient of x where it takes one; x is then a result of its own.
void watch_gradient(Tensor& x,
                    CallSite site,
                    const std::vector<std::shared_ptr<HookEntry>>& entries,
                    Hook<Tensor> Hooks::* which) {
  bool own = false;
  for (const auto& entry : entries) {
    if (!(entry->hooks.*which) || !is_recording() || !requires_grad(x)) continue;
    if (!std::exchange(own, true)) x = scale_gradient(Arg(x, site), 1);
    on_gradient(x, [entry, which](const Tensor& g) { return entry->active ? (entry->hooks.*which)(g) : Tensor(); });
  }
}

}  // namespace

std::atomic<int> hook_count = 0;

Tensor call_hooked(ModuleRef module, Arg x, Tensor (*forward)(void* callable, const Tensor& in), void* callable) {
  const auto entries = hooks_of(module);
  Tensor in = x.tensor;
  for (const auto& entry : entries)
    if (entry->hooks.before) replace(in, entry->hooks.before(in));
  watch_gradient(in, x.site, entries, &Hooks::input_gradient);
  Tensor y = forward(callable, in);
  for (const auto& entry : entries)
    if (entry->hooks.after) replace(y, entry->hooks.after(in, y));
  watch_gradient(y, x.site, entries, &Hooks::output_gradient);
  return y;
}

void refuse_hooks(ModuleRef module) {
  if (!hooks_of(module).empty())
    gradus::detail::fail<ArgumentError>(
        "hook", fmt::format("expected a module that takes a tensor and gives one, got {}", module.describe()));
}

}  // namespace detail

void HookHandle::remove() noexcept {
  if (entry_ == nullptr) return;
  entry_->active = false;
  {
    const std::scoped_lock lock(detail::table().mutex);
    std::erase(detail::table().entries, entry_);
  }
  --detail::hook_count;
  entry_.reset();
}

HookHandle hook(ModuleRef module, Hooks hooks) {
  if (!module.is_module()) gradus::detail::fail<ArgumentError>("hook", "expected a module, got a container");
  auto entry = std::make_shared<detail::HookEntry>(module, std::move(hooks));
  {
    const std::scoped_lock lock(detail::table().mutex);
    detail::table().entries.push_back(entry);
  }
  ++detail::hook_count;
  return HookHandle(std::move(entry));
}

}  // namespace gradus::nn
