#pragma once

#include "gradus/nn/parameter.h"
#include "gradus/nn/reflect.h"

#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

GRADUS_EXPORT_BEGIN
/// Which fields of a model can hold a parameter.
namespace gradus::nn {

class AnyModule;

namespace detail {

enum class Kind : std::uint8_t {
  none,
  hidden,  // what it holds can't be visited
  parameter,
  buffer,
  module,
  erased,
  range,
  pointer,
  variant,
  tuple,
  structure
};

/// How a field of type T is visited; `none` if there can't be a parameter in it.
template <class T>
consteval Kind kind_of();

template <class T>
using Element = std::remove_cvref_t<decltype(*std::declval<T&>().begin())>;
template <class T>
concept Range = requires(T& t) {
  t.begin() != t.end();
  *t.begin();
  requires !std::is_same_v<Element<T>, T>;
};
template <class T>
concept Map = Range<T> && requires { typename T::mapped_type; };
template <class T>
concept Set = Range<T> && !Map<T> && requires { typename T::key_type; };
template <class T>
concept OwningPointer = std::is_class_v<T> && requires(T& t) {
  static_cast<bool>(t);
  *t;
  t.reset();
};
template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_hidden = std::is_same_v<T, std::any>;
template <class F>
inline constexpr bool is_hidden<std::function<F>> = true;

/// The Self of a base Module<Self>.
template <class Self>
std::type_identity<Self> self_of(Module<Self>&);

template <class... T>
consteval bool any_alternative(const std::variant<T...>*) {
  return ((kind_of<T>() != Kind::none) || ...);
}

template <class T, std::size_t... I>
consteval bool any_element(std::index_sequence<I...>) {
  return ((kind_of<std::tuple_element_t<I, T>>() != Kind::none) || ...);
}

template <class T>
consteval Kind kind_of() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_base_of_v<Parameter, U>)
    return Kind::parameter;
  else if constexpr (std::is_base_of_v<Buffer, U>)
    return Kind::buffer;
  else if constexpr (std::is_same_v<U, AnyModule>)
    return Kind::erased;
  else if constexpr (std::is_array_v<U>)
    return kind_of<std::remove_extent_t<U>>() == Kind::none ? Kind::none : Kind::range;
  else if constexpr (!std::is_class_v<U> || std::is_base_of_v<Tensor, U>)
    return Kind::none;
  else if constexpr (IsModule<U>) {
    static_assert(std::is_base_of_v<typename decltype(self_of(std::declval<U&>()))::type, U>,
                  "a module derives from nn::Module of itself: struct Net : nn::Module<Net>, not of "
                  "another's name");
    return Kind::module;
  } else if constexpr (HasFields<U>)
    return Kind::module;
  else if constexpr (is_hidden<U>)
    return Kind::hidden;
  else if constexpr (is_variant<U>)
    return any_alternative(static_cast<const U*>(nullptr)) ? Kind::variant : Kind::none;
  else if constexpr (Map<U>)
    return kind_of<typename U::mapped_type>() == Kind::none ? Kind::none : Kind::range;
  else if constexpr (Range<U>)
    return kind_of<Element<U>>() == Kind::none ? Kind::none : Kind::range;
  else if constexpr (OwningPointer<U>)
    return kind_of<std::remove_reference_t<decltype(*std::declval<U&>())>>() == Kind::none ? Kind::none : Kind::pointer;
  else if constexpr (TupleLike<U>)
    return any_element<U>(Indices<std::tuple_size_v<U>>{}) ? Kind::tuple : Kind::none;
  else
    return can_take_apart<U>() ? Kind::structure : Kind::none;
}

template <class T>
consteval bool is_copyable();
template <std::size_t... I, class... T>
consteval bool copies_fields(const Pointers<std::index_sequence<I...>, T...>*) {
  return ((I % 2 == 0 || is_copyable<T>()) && ...);
}
template <class... T>
consteval bool copies_alternatives(const std::variant<T...>*) {
  return (is_copyable<T>() && ...);
}

/// std::is_copy_constructible, but right for containers of what can't be copied.
template <class T>
consteval bool is_copyable() {
  using U = std::remove_cv_t<std::remove_all_extents_t<T>>;
  constexpr auto every = [](auto&... field) {
    return std::bool_constant<(is_copyable<std::remove_reference_t<decltype(field)>>() && ...)>{};
  };
  if constexpr (std::is_same_v<U, AnyModule>)
    return true;  // says so when it is copied
  else if constexpr (!std::is_copy_constructible_v<U>)
    return false;
  else if constexpr (kind_of<U>() == Kind::range)
    return is_copyable<Element<U>>();
  else if constexpr (kind_of<U>() == Kind::variant)
    return copies_alternatives(static_cast<const U*>(nullptr));
  else if constexpr (kind_of<U>() == Kind::structure || (kind_of<U>() == Kind::module && !HasFields<U>))
    return decltype(with_fields(std::declval<U&>(), every))::value;
  else if constexpr (HasFields<U>)
    return copies_fields(static_cast<decltype(std::declval<U&>().fields())*>(nullptr));
  else
    return true;
}

}  // namespace detail

/// Whatever can be walked through: a module, a container of such, a struct, a pointer.
template <class T>
concept Model = (detail::kind_of<T>() > detail::Kind::buffer);

}  // namespace gradus::nn
GRADUS_EXPORT_END
