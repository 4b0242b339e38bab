#pragma once

#include "gradus/optim/base.h"

#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::optim {

struct LbfgsOptions {
  double lr = 1;                   // step length that is tried first
  int max_iterations = 20;         // in one `step`
  int max_evaluations = 25;        // of the closure in one `step`
  double tolerance_grad = 1e-7;    // done where no derivative is larger
  double tolerance_change = 1e-9;  // or no parameter, nor the loss, changes by more
  int history = 10;                // pairs kept
  bool strong_wolfe = true;        // false: steps of length lr without a search
};
/// ArgumentError for an option that is out of its range.
void check(const LbfgsOptions& options);
extern template class OptimizerOf<LbfgsOptions>;

/// L-BFGS with a line search for the strong Wolfe conditions (Nocedal & Wright 2006, "Numerical Optimization",
/// algorithms 7.4, 7.5, 3.5 and 3.6; sufficient decrease 1e-4, curvature 0.9). For losses that are the same
/// function at each call: all the data at once, no dropout. Options are those of group 0.
///
///     lbfgs.step([&] {
///       lbfgs.zero_grad();
///       const Tensor loss = mse_loss(net(x), y);
///       backward(loss);
///       return loss.item();
///     });
class Lbfgs final : public OptimizerOf<LbfgsOptions> {
 public:
  using OptimizerOf::OptimizerOf;

  /// Iterations until a tolerance or a limit is met. Returns the loss at the beginning. Gradients are then
  /// those of the last point tried. A point where loss or gradient are not finite is never taken.
  double step(const Closure& closure) override;
  /// ArgumentError: it needs a closure.
  void step() override;

  State state() const override;
  void set_state(const State& state) override;

 private:
  struct Pair {
    Tensor s, y;  // change of the parameters, of the gradient; all parameters as one float64 vector
  };
  class Search;

  void update(const LbfgsOptions&, Tensor&, const Tensor&, Slot&) override {}
  Tensor direction(const Tensor& gradient) const;

  std::vector<Pair> pairs_;
};

}  // namespace gradus::optim
GRADUS_EXPORT_END
