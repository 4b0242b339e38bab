#pragma once

#include "gradus/tensor/error.h"

#include <list>
#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {

/// The path of the layer being evaluated, "net.block2.fc". Scopes are interned: one object for each
/// path and description, alive to the end of the program, so nodes and errors may point to it.
class Scope {
 public:
  /// The scope `name` inside `parent` (null: at the top). `description` is said in errors:
  /// "Linear 784 → 256".
  static const Scope* child(const Scope* parent, std::string_view name, std::string_view description = {});
  /// This thread's innermost scope; null outside any.
  static const Scope* current() { return static_cast<const Scope*>(detail::context.scope); }

  const Scope* parent() const { return parent_; }
  const std::string& name() const { return name_; }
  const std::string& description() const { return description_; }
  /// Names from the top, joined by dots.
  std::string path() const;

 private:
  Scope(const Scope* parent, std::string_view name, std::string_view description)
      : parent_(parent), name_(name), description_(description) {}
  const Scope* parent_;
  std::string name_, description_;
  mutable std::list<Scope> children_;
};

/// Makes a scope this thread's innermost for as long as the guard lives.
class ScopeGuard {
 public:
  explicit ScopeGuard(const Scope* scope) : outer_(detail::context.scope) { detail::context.scope = scope; }
  explicit ScopeGuard(std::string_view name, std::string_view description = {})
      : ScopeGuard(Scope::child(Scope::current(), name, description)) {}
  ~ScopeGuard() { detail::context.scope = outer_; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  const void* outer_;
};

}  // namespace gradus::graph
GRADUS_EXPORT_END
