#pragma once

#include "gradus/nn/module.h"

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// A function called with some tensors. What it returns, if anything defined, takes the place of the last.
template <class... Tensors>
class Hook {
 public:
  Hook() = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, Hook> && std::is_invocable_v<F&, const Tensors&...>)
  Hook(F f) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const Tensors&...>>)
      f_ = [f = std::move(f)](const Tensors&... x) mutable {
        f(x...);
        return Tensor();
      };
    else
      f_ = std::move(f);
  }
  explicit operator bool() const { return f_ != nullptr; }
  Tensor operator()(const Tensors&... x) const { return f_(x...); }

 private:
  std::function<Tensor(const Tensors&...)> f_;
};

/// Functions called around a module's evaluation; any may be left out.
struct Hooks {
  Hook<Tensor> before{};           // the input
  Hook<Tensor, Tensor> after{};    // input and result
  Hook<Tensor> input_gradient{};   // in each backward pass: what flows back to the input through the module
  Hook<Tensor> output_gradient{};  // in each backward pass: the gradient with respect to the result
};

namespace detail {
struct HookEntry;
}

/// Hooks are in force while it lives.
class [[nodiscard]] HookHandle {
 public:
  explicit HookHandle(std::shared_ptr<detail::HookEntry> entry) : entry_(std::move(entry)) {}
  ~HookHandle() { remove(); }
  HookHandle(HookHandle&&) noexcept = default;
  HookHandle& operator=(HookHandle&& other) noexcept {
    remove();
    entry_ = std::move(other.entry_);
    return *this;
  }
  /// Takes the hooks away; those on gradients also from graphs recorded before.
  void remove() noexcept;

 private:
  std::shared_ptr<detail::HookEntry> entry_;
};

/// Calls hooks around each call of the module, on whatever thread:
///
///     auto handle = nn::hook(net.fc1, {.after = [&](const Tensor& x, const Tensor& y) { seen = y; }});
///
/// Several hooks of a module are called in the order in which they were set. They belong to the object: a
/// copy has none, and the handle must go before the module goes or is moved.
///   errors    ArgumentError if it is a container, or when a module is called whose forward doesn't take a
///             tensor first and give a tensor
HookHandle hook(ModuleRef module, Hooks hooks);
template <Model M>
HookHandle hook(M& module, Hooks hooks) {
  return hook(detail::ref(module), std::move(hooks));
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
