#include "gradus/graph/scope.h"

#include <mutex>

namespace gradus::graph {
namespace {

std::string spell(const void* scope) {
  const auto* s = static_cast<const Scope*>(scope);
  return s->description().empty() ? s->path() : s->path() + " (" + s->description() + ")";
}

}  // namespace

const Scope* Scope::child(const Scope* parent, std::string_view name, std::string_view description) {
  static std::mutex mutex;
  static const Scope top(nullptr, "", "");
  const std::scoped_lock lock(mutex);
  detail::ScopeText none = nullptr;
  detail::scope_text.compare_exchange_strong(none, &spell);
  const Scope& owner = parent != nullptr ? *parent : top;
  for (const Scope& s : owner.children_)
    if (s.name_ == name && s.description_ == description) return &s;
  owner.children_.push_back(Scope(parent, name, description));
  return &owner.children_.back();
}

std::string Scope::path() const { return parent_ == nullptr ? name_ : parent_->path() + "." + name_; }

}  // namespace gradus::graph
