#pragma once

// What tests ask of errors.

#include <gradus/tensor/error.h>

#include <string>
#include <string_view>

namespace gradus::tests {

/// The text of the E that f ends with, "no error" if it ends well.
template <class E = Error, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

/// The line of the error that f ends with, or 0 if it is in another file.
template <class F>
unsigned line_of(F&& f, CallSite here = CallSite::here()) {
  try {
    f();
  } catch (const Error& e) {
    return e.site().file != nullptr && std::string_view(e.site().file) == here.file ? e.site().line : 0;
  }
  return 0;
}

}  // namespace gradus::tests
