#pragma once

#include "gradus/graph/op.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

struct NanOptions {
  /// False: infinities pass, and only NaN is reported. For models that use them, as masks of -inf do.
  bool infinity = true;
};

/// While it lives, the first NaN or infinity that an op on this thread makes of finite values is an error:
///
///     NanGuard guard;
///     backward(loss(net(x), y));
///
///   errors    ArgumentError from an op whose result is not finite though its inputs are, GradientError from a
///             rule whose cotangents are not though that of its result is; both name op, layer, the line of
///             the op, and the first such element. No leaf's gradient has changed then.
/// Values that are not finite from the start are not reported, nor is what follows from them. Each op costs
/// one more look at its result.
class NanGuard final : detail::OpWatch {
 public:
  explicit NanGuard(NanOptions options = {}) : options_(options) {}

 private:
  void end(const detail::OpCall& call) override;
  NanOptions options_;
};

}  // namespace gradus
GRADUS_EXPORT_END
