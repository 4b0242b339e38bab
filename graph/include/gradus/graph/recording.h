#pragma once

#include "gradus/tensor/error.h"

#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// True while ops leave nodes on the tape (the default; each thread has its own setting).
inline bool is_recording() { return detail::context.recording; }

/// Sets recording for as long as it lives.
class RecordingGuard {
 public:
  explicit RecordingGuard(bool on) : outer_(std::exchange(detail::context.recording, on)) {}
  ~RecordingGuard() { detail::context.recording = outer_; }
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool outer_;
};

/// Ops leave no nodes while it lives: `NoGrad guard;`.
class NoGrad : public RecordingGuard {
 public:
  NoGrad() : RecordingGuard(false) {}
};

/// The result of `f()` evaluated without recording.
template <class F>
decltype(auto) no_grad(F&& f) {
  const NoGrad guard;
  return std::forward<F>(f)();
}

}  // namespace gradus
GRADUS_EXPORT_END
