#pragma once

#include "gradus/nn/kind.h"
#include "gradus/nn/module_ref.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

GRADUS_EXPORT_BEGIN
/// How the fields of a model are visited.
namespace gradus::nn {

namespace detail {

/// "0", "1", …
class IndexName {
 public:
  explicit IndexName(std::size_t index);
  operator std::string_view() const { return {text_, length_}; }

 private:
  char text_[20];
  std::size_t length_;
};

template <class T>
ModuleRef ref(T& object);

/// What a key of a map is called.
template <class K>
std::string key_name(const K& key) {
  if constexpr (std::is_convertible_v<const K&, std::string_view>) {
    return std::string(std::string_view(key));
  } else if constexpr (std::is_same_v<K, char>) {
    return std::string(1, key);
  } else if constexpr (std::is_enum_v<K>) {
    return std::to_string(static_cast<std::underlying_type_t<K>>(key));
  } else {
    static_assert(std::is_integral_v<K>,
                  "a map of modules has keys that can be names: text, whole numbers or enumerators");
    return std::to_string(key);
  }
}

/// A type of module that was called: so that one inside a std::function or std::any is known for one.
bool remember_module(const std::type_info& type);
template <class M>
inline const bool is_remembered = remember_module(typeid(M));

/// ArgumentError if a field that can't be visited holds one.
void refuse_module(std::string_view name, const std::type_info& held);

/// Has a pointer that shares a module, also one in an AnyModule, point to a copy instead.
template <class T>
void unshare(T& value) {
  if constexpr (kind_of<T>() == Kind::erased) {
    value.unshare();
  } else if constexpr (kind_of<T>() == Kind::pointer && requires { value.use_count(); }) {
    using E = std::remove_cvref_t<decltype(*value)>;
    if constexpr (is_copyable<E>())
      if (value) value = std::make_shared<E>(*value);
  }
}

template <class T>
void visit_value(std::string_view name, T& object, Visitor& visitor) {
  constexpr Kind kind = kind_of<T>();
  auto& value = const_cast<std::remove_const_t<T>&>(object);
  if constexpr (kind == Kind::parameter) {
    if (value.defined()) visitor.parameter(name, value);
  } else if constexpr (kind == Kind::buffer) {
    if (value.defined()) visitor.buffer(name, value);
  } else if constexpr (kind == Kind::erased) {
    if (visitor.separates()) unshare(value);
    if (value) visitor.child(name, value.held());
  } else if constexpr (kind == Kind::pointer) {
    if (!value) return;
    if (visitor.separates()) unshare(value);
    visit_value(name, *value, visitor);
  } else if constexpr (kind == Kind::variant) {
    if (!value.valueless_by_exception()) std::visit([&](auto& held) { visit_value(name, held, visitor); }, value);
  } else if constexpr (kind == Kind::hidden) {
    if constexpr (requires { value.target_type(); })
      refuse_module(name, value.target_type());
    else
      refuse_module(name, value.type());
  } else if constexpr (kind != Kind::none) {
    visitor.child(name, detail::ref(value));
  }
}

/// The base in which a class's fields() stands.
template <class C, class R>
C owner_of_fields(R (C::*)());
template <class C, class R>
C owner_of_fields(R (C::*)() const);
template <class T>
inline constexpr bool misses_fields = false;
template <class T>
  requires requires { owner_of_fields(&T::fields); }
inline constexpr bool misses_fields<T> = sizeof(decltype(owner_of_fields(&T::fields))) != sizeof(T);

/// By key; what has no order, in that of the keys.
template <class T>
void visit_map(T& map, Visitor& visitor) {
  std::vector<typename T::value_type*> elements;
  for (auto& element : map) elements.push_back(&element);
  if constexpr (requires { typename T::hasher; })
    std::sort(elements.begin(), elements.end(), [](const auto* a, const auto* b) {
      if constexpr (std::is_convertible_v<const typename T::key_type&, std::string_view>)
        return std::string_view(a->first) < std::string_view(b->first);
      else
        return a->first < b->first;
    });
  for (auto* element : elements) visit_value(key_name(element->first), element->second, visitor);
}

template <class T>
void visit_inside(T& object, Visitor& visitor) {
  constexpr Kind kind = kind_of<T>();
  static_assert(!(kind == Kind::range && Set<T>),
                "the modules of a set have neither names nor an order that lasts: hold them in a "
                "std::vector or a std::map");
  if constexpr (kind == Kind::range && Map<T>) {
    visit_map(object, visitor);
  } else if constexpr (kind == Kind::range) {
    std::size_t i = 0;
    for (auto& element : object) visit_value(IndexName(i++), element, visitor);
  } else if constexpr (kind == Kind::variant) {
    visit_value("", object, visitor);
  } else if constexpr (kind == Kind::tuple) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit_value(IndexName(I), std::get<I>(object), visitor), ...);
    }(Indices<std::tuple_size_v<T>>{});
  } else if constexpr (!Reflectable<T>) {
    static_assert(Reflectable<T>,
                  "the fields of this module can't be found: it has a constructor, private members, a "
                  "reference, a base with fields, or more than 64 fields. Say what they are in one "
                  "line, auto fields() { return nn::fields(\"weight\", weight, \"bias\", bias); }");
  } else {
    static_assert(!HasFields<T> || GivesFields<T>,
                  "fields() of a module is public and returns nn::fields(\"weight\", weight, "
                  "\"bias\", bias)");
    static_assert(!misses_fields<T>,
                  "this module has fields of its own but inherits fields() from a base: say what all of them "
                  "are, auto fields() { return nn::fields(\"weight\", weight, \"bias\", bias); }");
    visit_fields(object, [&](std::string_view name, auto& field) {
      if constexpr (kind_of<std::remove_reference_t<decltype(field)>>() != Kind::none)
        visit_value(name, field, visitor);
    });
  }
}

template <class T>
constexpr TypeInfo make_type_info() {
  constexpr Kind kind = kind_of<T>();
  TypeInfo info{&typeid(T), {}, sizeof(T), kind == Kind::module, nullptr, nullptr, nullptr, nullptr};
  if constexpr (kind == Kind::module || kind == Kind::structure) info.name = type_name<T>;
  info.visit = [](void* object, Visitor& v) { visit_inside(*static_cast<T*>(object), v); };
  if constexpr (requires(T& m) { std::string(m.describe()); })
    info.describe = [](void* object) { return std::string(static_cast<T*>(object)->describe()); };
  if constexpr (requires(T& m, bool on) { m.train(on); })
    info.set_training = [](void* object, bool on) { static_cast<T*>(object)->train(on); };
  else if constexpr (requires(T& m) { requires std::is_same_v<decltype(m.training), bool>; })
    info.set_training = [](void* object, bool on) { static_cast<T*>(object)->training = on; };
  if constexpr (requires(T& m) { requires std::is_same_v<decltype(m.training), bool>; })
    info.is_training = [](void* object) { return static_cast<T*>(object)->training; };
  return info;
}
template <class T>
inline constexpr TypeInfo type_info_object = make_type_info<T>();
template <class T>
const TypeInfo& type_info() {
  return type_info_object<T>;
}

[[noreturn]] void fail_no_model();

/// `object` without its type; of a pointer or AnyModule, what it holds. ArgumentError if that is
/// nothing.
template <class T>
ModuleRef ref(T& object) {
  using U = std::remove_const_t<T>;
  if constexpr (kind_of<U>() == Kind::pointer) {
    if (!object) fail_no_model();
    return detail::ref(*object);
  } else if constexpr (kind_of<U>() == Kind::erased) {
    return object.held();
  } else {
    return {const_cast<U*>(&object), type_info<U>()};
  }
}

}  // namespace detail

}  // namespace gradus::nn
GRADUS_EXPORT_END
