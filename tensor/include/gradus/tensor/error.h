#pragma once

#include "gradus/tensor/export.h"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A place in the user's source. Made by a defaulted argument, so it names the caller.
struct CallSite {
  const char* file = nullptr;
  std::uint32_t line = 0;

  static constexpr CallSite here(const char* file = __builtin_FILE(), std::uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
};

/// "model.cpp:38", the folder left out; empty where the site is unknown.
std::string to_string(CallSite site);

/// Every error of the library. `what()` is "op: expected …, got …" and, on the next line,
/// "  in net.block2.fc at model.cpp:38" as far as scope and call site are known.
class Error : public std::runtime_error {
 public:
  Error(std::string op, const std::string& message, std::string scope, CallSite site);

  const std::string& op() const noexcept { return op_; }
  const std::string& scope() const noexcept { return scope_; }
  CallSite site() const noexcept { return site_; }
  /// The first line of `what()` without the op.
  const std::string& message() const noexcept { return message_; }

 private:
  std::string op_, scope_, message_;
  CallSite site_;
};

// clang-format off
/// Shapes that do not fit.
class ShapeError : public Error { using Error::Error; };
/// An element type that an operation does not take.
class DTypeError : public Error { using Error::Error; };
/// An index or axis out of range.
class IndexError : public Error { using Error::Error; };
/// Any other value that a function does not take.
class ArgumentError : public Error { using Error::Error; };
/// A derivative that can't be had: backward twice, a saved tensor changed, no rule.
class GradientError : public Error { using Error::Error; };
/// A file that can't be read, written or believed.
class IoError : public Error { using Error::Error; };
// clang-format on

namespace detail {

/// What an error says of its surroundings; set by the rooms above while they run user code.
struct Context {
  CallSite site{};                    // pinned by a layer or a backward pass; overrides an op's own
  const void* scope = nullptr;        // graph::Scope of the layer being evaluated
  bool recording = true;              // see graph/recording.h
  bool pinned = false;                // `site` is in force
  const char* backward_of = nullptr;  // op whose rule is running
};
extern thread_local constinit Context context;

/// Spells `Context::scope`; the graph room installs it with the first scope, a room above may replace it.
using ScopeText = std::string (*)(const void* scope);
extern std::atomic<ScopeText> scope_text;

/// Fills in scope and site from the context (a pinned site wins over `site`) and throws.
template <class E>
[[noreturn]] void fail(std::string_view op, const std::string& message, CallSite site = {});

}  // namespace detail

/// `fail<ShapeError>("op", "expected …, got …", x.site)`: for checks in ops and layers of your own.
using detail::fail;

}  // namespace gradus
GRADUS_EXPORT_END
