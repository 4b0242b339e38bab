#pragma once

#include "gradus/tensor/tensor.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The first argument of every op: a tensor, and the line that the call stands on.
struct Arg {
  const Tensor& tensor;
  CallSite site;

  Arg(const Tensor& x, const char* file = __builtin_FILE(), std::uint32_t line = __builtin_LINE())
      : tensor(x), site{file, line} {}
  Arg(const Tensor& x, CallSite where) : tensor(x), site(where) {}

  operator const Tensor&() const { return tensor; }
  const Tensor* operator->() const { return &tensor; }
};

namespace detail {

/// The site that nodes and errors carry: the pinned one, or else the op's own.
inline CallSite site_in_force(CallSite own) { return context.pinned ? context.site : own; }

/// Errors and nodes made while it lives carry this site, unless an outer pin is in force. For functions
/// that call several ops in the user's name.
class SitePin {
 public:
  explicit SitePin(CallSite site) : outer_(context.site), was_pinned_(context.pinned) {
    if (was_pinned_) return;
    context.site = site;
    context.pinned = true;
  }
  ~SitePin() {
    context.site = outer_;
    context.pinned = was_pinned_;
  }
  SitePin(const SitePin&) = delete;
  SitePin& operator=(const SitePin&) = delete;

 private:
  CallSite outer_;
  bool was_pinned_;
};

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END
