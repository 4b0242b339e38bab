#pragma once

#include "gradus/nn/module.h"

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

namespace detail {

template <class F>
concept TensorFunction = requires(F& f, const Tensor& x) {
  { f(x) } -> std::convertible_to<Tensor>;
};

/// An owning pointer to one.
template <class P>
concept TensorFunctionPointer = (kind_of<P>() == Kind::pointer) && TensorFunction<decltype(*std::declval<P&>())>;

[[noreturn]] void fail_null_module();

/// A function as a module.
template <class F>
struct Function : Module<Function<F>> {
  F f;
  std::string name;

  Function(F function, std::string name_) : f(std::move(function)), name(std::move(name_)) {
    if (!name.empty()) return;
    if constexpr (requires { F::op_type::info.name; })
      name = F::op_type::info.name;
    else if constexpr (requires { std::string(f.name()); })
      name = f.name();
    else
      name = "function";
  }
  auto fields() { return nn::fields(); }
  const std::string& describe() const { return name; }

  using Input = std::conditional_t<FirstParameter<F>::tensor, const Tensor&, Arg>;
  Tensor forward(Input x) {
    if constexpr (FirstParameter<F>::arg)
      return f(x);
    else
      return f(static_cast<const Tensor&>(x));
  }
};

}  // namespace detail

template <class F>
inline constexpr std::string_view type_name<detail::Function<F>> = "";

/// Any module or function from a tensor to a tensor, or an owning pointer to one (ArgumentError if
/// that is null). A copy holds a copy of it; to share a module, give a std::shared_ptr.
class AnyModule {
 public:
  AnyModule() = default;
  template <class M>
    requires(!std::is_same_v<std::remove_cvref_t<M>, AnyModule> &&
             (detail::TensorFunction<std::decay_t<M>> || detail::TensorFunctionPointer<std::decay_t<M>>))
  AnyModule(M&& module) {
    using T = std::decay_t<M>;
    if constexpr (!detail::TensorFunction<T>)
      if (!module) detail::fail_null_module();
    if constexpr (detail::kind_of<T>() == detail::Kind::module || !detail::TensorFunction<T>)
      held_ = std::make_unique<Holder<T>>(std::forward<M>(module));
    else
      held_ =
          std::make_unique<Holder<detail::Function<T>>>(detail::Function<T>(std::forward<M>(module), std::string()));
  }
  AnyModule(const AnyModule& other);
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(AnyModule other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }
  ~AnyModule() = default;

  explicit operator bool() const { return held_ != nullptr; }
  /// ArgumentError if it is empty.
  Tensor operator()(Arg x) const;
  ModuleRef held() const;
  /// Where a pointer was given, it is to point to a copy.
  void unshare() {
    if (held_ != nullptr) held_->unshare();
  }
  /// The module if it is an M, else null.
  template <class M>
  M* get_if() const {
    return held().get_if<M>();
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Tensor call(Arg x) = 0;
    virtual ModuleRef ref() = 0;
    virtual void unshare() = 0;
    virtual std::unique_ptr<Base> copy() const = 0;  // null if it can't be copied
  };
  template <class T>
  struct Holder final : Base {
    template <class M>
    explicit Holder(M&& m) : module(std::forward<M>(m)) {}

    auto& get() {
      if constexpr (detail::kind_of<T>() == detail::Kind::pointer)
        return *module;
      else
        return module;
    }
    Tensor call(Arg x) override { return get()(x); }
    ModuleRef ref() override { return detail::ref(get()); }
    void unshare() override { detail::unshare(module); }
    std::unique_ptr<Base> copy() const override {
      if constexpr (detail::is_copyable<T>())
        return std::make_unique<Holder>(module);
      else
        return nullptr;
    }
    T module;
  };

  std::unique_ptr<Base> held_;
};

class Sequential;

/// A function as a module, with a name for printing: `nn::fn(relu, "relu")`.
template <detail::TensorFunction F>
AnyModule fn(F function, std::string name = {}) {
  return detail::Function<F>(std::move(function), std::move(name));
}

namespace detail {

/// A module or function in the list of a Sequential. Not a template where it can be: then the address of
/// `tanh`, which C has too, is that of the function of a tensor.
struct Item {
  template <class M>
    requires(std::is_constructible_v<AnyModule, M> && !std::is_same_v<std::remove_cvref_t<M>, Sequential>)
  Item(M&& m) : module(std::forward<M>(m)) {}
  Item(Tensor (*function)(Arg));
  template <class Option, class... More>
  Item(Tensor (*)(Arg, Option, More...)) {
    static_assert(std::is_void_v<Option>,
                  "a function with options is given to a Sequential as a module, nn::GELU{}, or as "
                  "nn::fn([](Arg x) { return gelu(x); })");
  }

  mutable AnyModule module;  // an initializer_list is constant
};

/// What a Sequential's list may be; whether several are good ones is said in the constructor.
template <class... Ms>
concept Listed =
    sizeof...(Ms) != 1 ||
    ((std::is_constructible_v<AnyModule, Ms> && !std::is_same_v<std::remove_cvref_t<Ms>, Sequential>) && ...);

}  // namespace detail

/// Modules and functions in a row, each given the result of the one before:
///
///     nn::Sequential net{nn::Linear{784, 256}, relu, nn::Linear{256, 10}};
///
/// The parameters are "0.weight", "0.bias", "2.weight", "2.bias".
class Sequential : public Module<Sequential> {
 public:
  explicit Sequential(std::vector<AnyModule> modules) : modules_(std::move(modules)) {}
  template <class... Ms>
    requires detail::Listed<Ms...>
  explicit(sizeof...(Ms) == 1) Sequential(Ms&&... modules) {
    constexpr bool good = (std::is_constructible_v<AnyModule, Ms> && ...);
    static_assert(good,
                  "a Sequential is given modules, as nn::ReLU{}, and functions of one tensor, as "
                  "relu or [](Arg x) { return x * x; }");
    if constexpr (good) {
      modules_.reserve(sizeof...(Ms));
      (modules_.emplace_back(std::forward<Ms>(modules)), ...);
    }
  }
  Sequential(std::initializer_list<detail::Item> items) {
    modules_.reserve(items.size());
    for (const detail::Item& item : items) modules_.push_back(std::move(item.module));
  }

  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("", modules_); }

  void push_back(AnyModule module) { modules_.push_back(std::move(module)); }
  std::size_t size() const { return modules_.size(); }
  bool empty() const { return modules_.empty(); }
  /// IndexError if there is none.
  AnyModule& operator[](std::size_t i);
  const AnyModule& operator[](std::size_t i) const;
  auto begin() { return modules_.begin(); }
  auto end() { return modules_.end(); }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

 private:
  std::vector<AnyModule> modules_;
};

}  // namespace gradus::nn
GRADUS_EXPORT_END
