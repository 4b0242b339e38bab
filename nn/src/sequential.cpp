#include "gradus/nn/sequential.h"

#include <fmt/format.h>

namespace gradus::nn {

using gradus::detail::fail;

namespace detail {

void fail_null_module() { fail<ArgumentError>("AnyModule", "expected a module, got a null pointer"); }

Item::Item(Tensor (*function)(Arg)) : module(function) {}

}  // namespace detail

AnyModule::AnyModule(const AnyModule& other) {
  if (!other) return;
  held_ = other.held_->copy();
  if (!held_)
    fail<ArgumentError>("AnyModule",
                        fmt::format("expected a module that can be copied, got {}", other.held().describe()));
}

Tensor AnyModule::operator()(Arg x) const {
  if (!held_) fail<ArgumentError>("AnyModule", "expected a module to call, got an empty AnyModule", x.site);
  return held_->call(x);
}

ModuleRef AnyModule::held() const {
  if (!held_) fail<ArgumentError>("AnyModule", "expected a module, got an empty AnyModule");
  return held_->ref();
}

Tensor Sequential::forward(Arg x) const {
  Tensor y = x.tensor;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (modules_[i]) detail::Call::expect_child(this, modules_[i].held(), i);
    y = modules_[i](Arg(y, x.site));
  }
  return y;
}

static void check_index(std::size_t i, std::size_t size) {
  if (i >= size) fail<IndexError>("Sequential", fmt::format("expected an index below {}, got {}", size, i));
}

AnyModule& Sequential::operator[](std::size_t i) {
  check_index(i, size());
  return modules_[i];
}

const AnyModule& Sequential::operator[](std::size_t i) const {
  check_index(i, size());
  return modules_[i];
}

}  // namespace gradus::nn
