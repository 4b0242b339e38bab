#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/reflect.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A tensor that a model learns: a leaf that requires a gradient. Copies share the array and its
/// gradient, as copies of any tensor do.
class Parameter : public Tensor {
 public:
  /// None: where a layer leaves its bias out.
  Parameter() = default;
  /// Takes over a leaf; of any other tensor it shares the array, cut off from the tape.
  /// DTypeError unless it is floating.
  Parameter(Tensor value);
};

/// A tensor that belongs to a model's state but is not learnt, such as a running mean.
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(Tensor value);
};

}  // namespace gradus

namespace gradus::graph {
class Scope;
}

/// A model is a plain struct:
///
///     struct Net : nn::Module<Net> {
///       nn::Linear fc1{784, 256}, fc2{256, 10};
///       Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
///     };
///
/// Its parameters are found through its fields: parameters, buffers, modules, other structs of
/// these, and containers, optionals, owning pointers and tuples of these; numbers, strings,
/// options, plain tensors and raw pointers are passed over. A copy of a model shares its parameters
/// and buffers and has everything else (flags, structure) of its own; `clone` makes an independent
/// one.
namespace gradus::nn {

template <class Self>
struct Module;
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

  void visit(Visitor& visitor) const { type_->visit(object_, visitor); }
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

 protected:
  ~Visitor() = default;
};

// ---- what can be visited ------------------------------------------------------------------------

namespace detail {

template <class T>
concept IsModule = requires(std::remove_cv_t<T>& object) {
  []<class Self>(Module<Self>&) {}(object);
};

enum class Kind : std::uint8_t {
  none,
  parameter,
  buffer,
  module,
  erased,
  range,
  pointer,
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
concept OwningPointer = std::is_class_v<T> && requires(T& t) {
  static_cast<bool>(t);
  *t;
  t.reset();
};
template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

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
  else if constexpr (IsModule<U> || HasFields<U>)
    return Kind::module;
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

template <class T>
void visit_inside(T& object, Visitor& visitor) {
  constexpr Kind kind = kind_of<T>();
  if constexpr (kind == Kind::range) {
    std::size_t i = 0;
    for (auto& element : object) {
      if constexpr (!Map<T>)
        visit_value(IndexName(i), element, visitor);
      else if constexpr (std::is_convertible_v<const typename T::key_type&, std::string_view>)
        visit_value(element.first, element.second, visitor);
      else
        visit_value(IndexName(i), element.second, visitor);
      ++i;
    }
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

// ---- modules ------------------------------------------------------------------------------------

namespace detail {

/// While a module is evaluated: its scope is the thread's, named after the field that it is in the
/// module around it, and ops bear `site`, or their own sites where it is null.
class Call {
 public:
  Call(ModuleRef module, const CallSite* site);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Said by a container module before it calls its child number `index`, which then need not be
  /// looked for.
  static void expect_child(const void* container, ModuleRef child, std::size_t index);

 private:
  const graph::Scope* find_scope() const;
  static std::string spell(const void* scope);

  ModuleRef module_;
  Call* outer_;
  const void* expected_child_ = nullptr;
  std::size_t expected_index_ = 0;
  gradus::detail::Context before_;
  const graph::Scope* scope_;
};

template <class First>
struct Takes {
  static constexpr bool arg = std::is_same_v<std::remove_cvref_t<First>, Arg>;
  static constexpr bool tensor = !arg;
};
template <class C, class R, class First, class... Rest>
Takes<First> first_of(R (C::*)(First, Rest...));
template <class C, class R, class First, class... Rest>
Takes<First> first_of(R (C::*)(First, Rest...) const);
template <class R, class First, class... Rest>
Takes<First> first_of(R (*)(First, Rest...));

/// What the first parameter of F (a module, a function or a function object) is: an Arg, something
/// else, or unknown, where it is a template or overloaded.
struct TakesUnknown {
  static constexpr bool arg = false, tensor = false;
};
template <class F>
struct FirstParameter : TakesUnknown {};
template <class F>
  requires requires { first_of(&F::forward); }
struct FirstParameter<F> : decltype(first_of(&F::forward)) {};
template <class F>
  requires(
      !requires { &F::forward; } && requires { first_of(&F::operator()); })
struct FirstParameter<F> : decltype(first_of(&F::operator())) {};
template <class F>
  requires requires(F* f) { first_of(f); }
struct FirstParameter<F> : decltype(first_of(std::declval<F*>())) {};
template <class F>
struct FirstParameter<F*> : FirstParameter<F> {};

// Hooks; see gradus/nn/hooks.h.
extern std::atomic<int> hook_count;  // of all modules
Tensor call_hooked(ModuleRef module, Arg x, const std::function<Tensor(const Tensor&)>& forward);
/// ArgumentError if the module has hooks.
void refuse_hooks(ModuleRef module);

/// Ops of a module that takes an Arg bear the line that the module is called on; of one that takes
/// tensors, their own.
template <class M, class... Rest>
decltype(auto) call_module(M& module, const Arg& x, Rest&&... rest) {
  using First = FirstParameter<std::remove_const_t<M>>;
  const Call call(detail::ref(module), First::tensor ? nullptr : &x.site);
  auto forward = [&](const Tensor& in) -> decltype(auto) {
    if constexpr (First::arg)
      return module.forward(Arg(in, x.site), std::forward<Rest>(rest)...);
    else
      return module.forward(in, std::forward<Rest>(rest)...);
  };
  if (hook_count.load(std::memory_order_relaxed) > 0) [[unlikely]] {
    if constexpr (std::is_same_v<decltype(forward(x.tensor)), Tensor>)
      return call_hooked(detail::ref(module), x, std::ref(forward));
    else
      refuse_hooks(detail::ref(module));
  }
  return forward(x.tensor);
}
template <class M, class... Inputs>
decltype(auto) call_module_with(M& module, Inputs&&... inputs) {
  const Call call(detail::ref(module), nullptr);
  if (hook_count.load(std::memory_order_relaxed) > 0) [[unlikely]]
    refuse_hooks(detail::ref(module));
  return module.forward(std::forward<Inputs>(inputs)...);
}

}  // namespace detail

/// The base of modules; Self is the module itself and has a function `forward`, which a call
/// evaluates.
template <class Self>
struct Module {
  template <class... Rest>
  decltype(auto) operator()(Arg x, Rest&&... rest) {
    return detail::call_module(static_cast<Self&>(*this), x, std::forward<Rest>(rest)...);
  }
  template <class... Rest>
  decltype(auto) operator()(Arg x, Rest&&... rest) const {
    return detail::call_module(static_cast<const Self&>(*this), x, std::forward<Rest>(rest)...);
  }
  /// For a forward that does not begin with a tensor.
  template <class First, class... Rest>
    requires(!std::is_convertible_v<First, Arg>)
  decltype(auto) operator()(First&& x, Rest&&... rest) {
    return detail::call_module_with(
        static_cast<Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
  template <class First, class... Rest>
    requires(!std::is_convertible_v<First, Arg>)
  decltype(auto) operator()(First&& x, Rest&&... rest) const {
    return detail::call_module_with(
        static_cast<const Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
};

// ---- walks --------------------------------------------------------------------------------------
// In the order of declaration. A tensor that occurs twice (tied weights) is listed once, under its
// first name. Names are those of fields and the indices in containers: "blocks.0.fc.weight".

struct NamedParameter {
  std::string name;
  Parameter parameter;
};
struct NamedBuffer {
  std::string name;
  Buffer buffer;
};
struct NamedModule {
  std::string name;  // empty for the model itself
  ModuleRef module;
};

namespace detail {

std::vector<Parameter> parameters(ModuleRef model);
std::vector<NamedParameter> named_parameters(ModuleRef model);
std::vector<Buffer> buffers(ModuleRef model);
std::vector<NamedBuffer> named_buffers(ModuleRef model);
std::vector<NamedModule> named_modules(ModuleRef model);
std::int64_t parameter_count(ModuleRef model);
void set_training(ModuleRef model, bool on);
void convert(ModuleRef model, DType dtype);
void zero_grad(ModuleRef model);
void label_parameters(ModuleRef model);
void separate(ModuleRef copy);
std::string spell(ModuleRef model);
void print(ModuleRef model);

}  // namespace detail

template <Model M>
std::vector<Parameter> parameters(const M& model) {
  return detail::parameters(detail::ref(model));
}
template <Model M>
std::vector<NamedParameter> named_parameters(const M& model) {
  return detail::named_parameters(detail::ref(model));
}
template <Model M>
std::vector<Buffer> buffers(const M& model) {
  return detail::buffers(detail::ref(model));
}
template <Model M>
std::vector<NamedBuffer> named_buffers(const M& model) {
  return detail::named_buffers(detail::ref(model));
}
/// The model itself and every module in it, the outer before the inner.
template <Model M>
std::vector<NamedModule> named_modules(const M& model) {
  return detail::named_modules(detail::ref(model));
}
/// Elements of all parameters together.
template <Model M>
std::int64_t parameter_count(const M& model) {
  return detail::parameter_count(detail::ref(model));
}

namespace detail {
struct SetTraining {
  bool mode;
  template <Model M>
  void operator()(M& model) const {
    set_training(detail::ref(model), mode);
  }
  template <Model M>
  void operator()(M& model, bool on) const {
    set_training(detail::ref(model), on == mode);
  }
};
}  // namespace detail

/// nn::train(model, on = true) sets the mode of every module in the model that has a field `bool
/// training` or a function `train(bool)`; nn::eval(model) is nn::train(model, false). Modules begin
/// in training mode. Objects, so that a program's own train(net) and eval(net) are not overloads.
inline constexpr detail::SetTraining train{true}, eval{false};

/// Converts parameters, their gradients and floating buffers in place: every handle to them, those
/// of an optimiser too, sees the new type. DTypeError unless `dtype` is floating.
template <Model M>
void to(M& model, DType dtype) {
  detail::convert(detail::ref(model), dtype);
}

/// Forgets the gradients.
template <Model M>
void zero_grad(const M& model) {
  detail::zero_grad(detail::ref(model));
}

/// Writes its name on each parameter, "net.fc1.weight", for pictures of graphs and messages.
template <Model M>
void label_parameters(const M& model) {
  detail::label_parameters(detail::ref(model));
}

/// A copy that shares nothing with the model. Tied weights stay tied.
template <Model M>
M clone(const M& model) {
  static_assert(detail::is_copyable<M>(), "this model can't be copied: it holds a std::unique_ptr");
  M copy(model);
  detail::unshare(copy);
  detail::separate(detail::ref(copy));
  return copy;
}

/// A line for each module, with its name, type, what it says of itself and its number of
/// parameters.
template <Model M>
std::string to_string(const M& model) {
  return detail::spell(detail::ref(model));
}
/// The same on standard output.
template <Model M>
void print(const M& model) {
  detail::print(detail::ref(model));
}

// ---- parameters left out ------------------------------------------------------------------------

/// A parameter that a result depends on but that is none of the model's, so no optimiser of the
/// model's parameters will train it.
struct UnreachableParameter {
  Shape shape;
  std::string op;     // the first op that used it
  std::string scope;  // in which module
  CallSite site;
};
/// "a parameter [10] used by add in net.fc at model.cpp:12".
std::string to_string(const UnreachableParameter& parameter);

namespace detail {
std::vector<UnreachableParameter> unreachable_parameters(ModuleRef model, const Tensor& loss);
}
/// The leaves on the tape of `loss` that are not parameters of the model, in tape order.
template <Model M>
std::vector<UnreachableParameter> unreachable_parameters(const M& model, const Tensor& loss) {
  return detail::unreachable_parameters(detail::ref(model), loss);
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
