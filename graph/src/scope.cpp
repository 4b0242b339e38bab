#include "gradus/graph/scope.h"

#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace gradus::graph {
namespace {

std::string spell(const void* scope) {
  const auto* s = static_cast<const Scope*>(scope);
  return s->description().empty() ? s->path() : s->path() + " (" + s->description() + ")";
}

/// What a scope is found by; the texts are its own.
struct Key {
  const Scope* parent;
  std::string_view name, description;
  friend bool operator==(const Key&, const Key&) = default;
};
struct Hash {
  std::size_t operator()(const Key& key) const {
    const std::hash<std::string_view> text;
    return (std::hash<const void*>()(key.parent) * 31 + text(key.name)) * 31 + text(key.description);
  }
};

}  // namespace

const Scope* Scope::child(const Scope* parent, std::string_view name, std::string_view description) {
  static std::mutex mutex;
  static const Scope top(nullptr, "", "");
  const std::scoped_lock lock(mutex);
  detail::ScopeText none = nullptr;
  detail::scope_text.compare_exchange_strong(none, &spell);
  const Scope& owner = parent != nullptr ? *parent : top;
  static std::unordered_map<Key, const Scope*, Hash> known;
  if (const auto at = known.find({&owner, name, description}); at != known.end()) return at->second;
  owner.children_.push_back(Scope(parent, name, description));
  const Scope& made = owner.children_.back();
  try {
    known.emplace(Key{&owner, made.name_, made.description_}, &made);
  } catch (...) {
    owner.children_.pop_back();
    throw;
  }
  return &made;
}

std::string Scope::path() const { return parent_ == nullptr ? name_ : parent_->path() + "." + name_; }

}  // namespace gradus::graph
