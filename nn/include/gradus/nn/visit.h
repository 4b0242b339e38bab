#pragma once

#include "gradus/nn/reflect.h"
#include "gradus/tensor/tensor.h"

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A tensor that a model learns: a leaf that requires a gradient. Copies share the array and its
/// gradient, as copies of any tensor do.
class Parameter : public Tensor {
 public:
  /// None: where a layer leaves its bias out.
  Parameter() = default;
  /// Takes over a leaf; of any other tensor it shares the array, cut off from the tape (on_warning says
  /// so if there is one). DTypeError unless it is floating.
  Parameter(Tensor value);
};

/// The gradient of a parameter; undefined while there is none, and while it is frozen: requires none.
Tensor gradient(const Parameter& p);
/// Forgets it, if there is one.
void zero_grad(const Parameter& p);

/// A tensor that belongs to a model's state but is not learnt, such as a running mean.
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(Tensor value);
};

}  // namespace gradus

/// How the fields of a model are visited.
namespace gradus::nn {

class AnyModule;
class Visitor;

namespace detail {

/// What is known of a type of module or container at compile time. One object for each type, or one on each
/// side where a library hides its symbols.
struct TypeInfo {
  const std::type_info* id;
  std::string_view name;  // "Linear"; empty for containers and for functions
  std::size_t size;
  bool is_module;  // not merely a plain struct or a container
  void (*visit)(void* object, Visitor& visitor);
  std::string (*describe)(void* object);        // null where there is no describe()
  void (*set_training)(void* object, bool on);  // null where there is no such mode
  bool (*is_training)(void* object);            // null where it can't be read
};
template <class T>
const TypeInfo& type_info();
bool same_type(const TypeInfo& a, const TypeInfo& b);

}  // namespace detail

/// A module or a container of modules seen without its type. Does not own it.
class ModuleRef {
 public:
  ModuleRef(void* object, const detail::TypeInfo& type) : object_(object), type_(&type) {}

  bool is_module() const { return type_->is_module; }
  /// "Linear".
  std::string_view type_name() const { return type_->name; }
  /// "Linear 784 → 256": the type's name and what its `std::string describe() const` says, if it
  /// has one.
  std::string describe() const;
  /// The module if it is an M, else null.
  template <class M>
  M* get_if() const {
    return detail::same_type(*type_, detail::type_info<M>()) ? static_cast<M*>(object_) : nullptr;
  }

  void visit(Visitor& visitor) const;
  void set_training(bool on) const {
    if (type_->set_training != nullptr) type_->set_training(object_, on);
  }
  bool has_training_mode() const { return type_->set_training != nullptr; }
  /// True where the mode can't be read: a module with a function `train` but no field `training`.
  bool is_training() const { return type_->is_training == nullptr || type_->is_training(object_); }

  const void* object() const { return object_; }
  const detail::TypeInfo& type() const { return *type_; }
  friend bool operator==(const ModuleRef& a, const ModuleRef& b) {
    return a.object_ == b.object_ && detail::same_type(*a.type_, *b.type_);
  }

 private:
  void* object_;
  const detail::TypeInfo* type_;
};

/// Is shown the fields of a module. Undefined parameters and buffers are not shown.
class Visitor {
 public:
  virtual void parameter(std::string_view name, Parameter& parameter);
  virtual void buffer(std::string_view name, Buffer& buffer);
  /// A module or container; goes on into it unless overridden. Where `name` is empty, what is
  /// inside bears no prefix.
  virtual void child(std::string_view name, ModuleRef child);
  /// True if modules that are shared with a copy of the model are to be copied too.
  virtual bool separates() const { return false; }
  /// Shows the fields of a module. ArgumentError if it is being shown already: a cycle of owning
  /// pointers.
  void enter(const ModuleRef& module);

 protected:
  ~Visitor() = default;

 private:
  /// The modules being shown.
  struct Open {
    const ModuleRef& module;
    const Open* outer;
  };
  const Open* open_ = nullptr;
};

// ---- what can be visited ------------------------------------------------------------------------

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
concept Map = Range<T> && requires {
  typename T::mapped_type;
};
template <class T>
concept Set = Range<T> && !Map<T> && requires {
  typename T::key_type;
};
template <class T>
concept OwningPointer = std::is_class_v<T> && requires(T& t) {
  static_cast<bool>(t);
  *t;
  t.reset();
};
template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

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
    static_assert(
        std::is_base_of_v<typename decltype(self_of(std::declval<U&>()))::type, U>,
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
    return kind_of<std::remove_reference_t<decltype(*std::declval<U&>())>>() == Kind::none
               ? Kind::none
               : Kind::pointer;
  else if constexpr (TupleLike<U>)
    return any_element<U>(Indices<std::tuple_size_v<U>>{}) ? Kind::tuple : Kind::none;
  else
    return can_take_apart<U>() ? Kind::structure : Kind::none;
}

template <class T>
consteval bool is_copyable();
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
  else if constexpr (kind_of<U>() == Kind::structure ||
                     (kind_of<U>() == Kind::module && !HasFields<U>))
    return decltype(with_fields(std::declval<U&>(), every))::value;
  else if constexpr (HasFields<U>)
    return decltype(std::apply(every, std::declval<U&>().fields()))::value;
  else
    return true;
}

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
    static_assert(
        std::is_integral_v<K>,
        "a map of modules has keys that can be names: text, whole numbers or enumerators");
    return std::to_string(key);
  }
}

/// ArgumentError if a field that can't be visited holds a module.
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
    if (!value.valueless_by_exception())
      std::visit([&](auto& held) { visit_value(name, held, visitor); }, value);
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
    }
    (Indices<std::tuple_size_v<T>>{});
  } else if constexpr (!Reflectable<T>) {
    static_assert(
        Reflectable<T>,
        "the fields of this module can't be found: it has a constructor, private members, a "
        "reference, a base with fields, or more than 64 fields. Say what they are in one "
        "line, auto fields() { return nn::fields(\"weight\", weight, \"bias\", bias); }");
  } else {
    static_assert(!HasFields<T> || GivesFields<T>,
                  "fields() of a module is public and returns nn::fields(\"weight\", weight, "
                  "\"bias\", bias)");
    static_assert(
        !misses_fields<T>,
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
  TypeInfo info{
      &typeid(T), {}, sizeof(T), kind == Kind::module, nullptr, nullptr, nullptr, nullptr};
  if constexpr (kind == Kind::module || kind == Kind::structure) info.name = type_name<T>;
  info.visit = [](void* object, Visitor& v) { visit_inside(*static_cast<T*>(object), v); };
  if constexpr (requires(T & m) { std::string(m.describe()); })
    info.describe = [](void* object) { return std::string(static_cast<T*>(object)->describe()); };
  if constexpr (requires(T & m, bool on) { m.train(on); })
    info.set_training = [](void* object, bool on) { static_cast<T*>(object)->train(on); };
  else if constexpr (requires(T & m) { requires std::is_same_v<decltype(m.training), bool>; })
    info.set_training = [](void* object, bool on) { static_cast<T*>(object)->training = on; };
  if constexpr (requires(T & m) { requires std::is_same_v<decltype(m.training), bool>; })
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

/// Whatever the functions below walk through.
template <class T>
concept Model = (detail::kind_of<T>() > detail::Kind::buffer);

}  // namespace gradus::nn
GRADUS_EXPORT_END
