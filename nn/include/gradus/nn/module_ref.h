#pragma once

#include "gradus/nn/parameter.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <typeinfo>

GRADUS_EXPORT_BEGIN
/// Modules seen without their types, and what walks through them.
namespace gradus::nn {

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

}  // namespace gradus::nn
GRADUS_EXPORT_END
