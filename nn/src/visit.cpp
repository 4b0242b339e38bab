#include "gradus/nn/visit.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <charconv>
#include <mutex>
#include <typeindex>
#include <unordered_set>

namespace gradus::nn {

std::string ModuleRef::describe() const {
  std::string text(type_name());
  if (type_->describe == nullptr) return text;
  const std::string more = type_->describe(object_);
  if (!text.empty() && !more.empty()) text += ' ';
  return text + more;
}

void ModuleRef::visit(Visitor& visitor) const { visitor.enter(*this); }

void Visitor::enter(const ModuleRef& module) {
  for (const Open* open = open_; open != nullptr; open = open->outer)
    if (open->module == module)
      gradus::detail::fail<ArgumentError>(
          "nn",
          fmt::format("expected a model without cycles, got a {} that holds itself: make the pointer "
                      "that leads back a std::weak_ptr or a plain pointer",
                      module.type_name()));
  const Open here{module, open_};
  open_ = &here;
  module.type().visit(const_cast<void*>(module.object()), *this);
  open_ = here.outer;
}

void Visitor::parameter(std::string_view, Parameter&) {}
void Visitor::buffer(std::string_view, Buffer&) {}
void Visitor::child(std::string_view, ModuleRef child) { child.visit(*this); }

namespace detail {

bool same_type(const TypeInfo& a, const TypeInfo& b) {
  if (&a == &b || a.id == b.id) return true;
  const std::string_view name = a.id->name();
  // Types that one source only knows: there is no other of theirs.
  for (const char* mark : {"_GLOBAL__N_", "$_"})
    if (name.find(mark) != std::string_view::npos) return false;
#ifdef _LIBCPP_VERSION
  return name == b.id->name();  // its == compares addresses
#else
  return *a.id == *b.id;
#endif
}

void fail_no_model() { gradus::detail::fail<ArgumentError>("nn", "expected a model, got a null pointer"); }

IndexName::IndexName(std::size_t index)
    : length_(static_cast<std::size_t>(std::to_chars(text_, text_ + sizeof text_, index).ptr - text_)) {}

namespace {

std::unordered_set<std::type_index>& remembered_modules() {
  static std::unordered_set<std::type_index> types;
  return types;
}
std::mutex remembered_modules_mutex;

}  // namespace

bool remember_module(const std::type_info& type) {
  const std::scoped_lock lock(remembered_modules_mutex);
  return remembered_modules().insert(type).second;
}

void refuse_module(std::string_view name, const std::type_info& held) {
  const std::scoped_lock lock(remembered_modules_mutex);
  if (!remembered_modules().contains(held)) return;
  gradus::detail::fail<ArgumentError>(
      "nn",
      fmt::format("expected modules where they can be seen, got one in a std::function or std::any, "
                  "the field '{}': hold it in an nn::AnyModule",
                  name));
}

}  // namespace detail
}  // namespace gradus::nn
