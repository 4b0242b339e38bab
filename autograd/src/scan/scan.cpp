#include "gradus/autograd/scan.h"

#include "scan/run.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace gradus::detail {
namespace {

/// The number of steps.
std::int64_t steps_of(std::span<const Tensor> xs, const ScanOptions& options, CallSite site) {
  if (options.checkpoint_every < 0)
    fail<ArgumentError>(
        "scan", fmt::format("expected checkpoint_every of 0 or more, got {}", options.checkpoint_every), site);
  if (options.compare_every < 1)
    fail<ArgumentError>(
        "scan", fmt::format("expected compare_every of 1 or more, got {}", options.compare_every), site);
  for (const Tensor& x : xs) {
    if (x.rank() == 0) fail<ShapeError>("scan", "expected xs [T, ...], got []", site);
    if (x.shape()[0] != xs[0].shape()[0])
      fail<ShapeError>(
          "scan",
          fmt::format("expected xs of one T, got {} and {}", to_string(xs[0].shape()), to_string(x.shape())),
          site);
  }
  if (xs.empty() && options.length < 0) fail<ArgumentError>("scan", "expected xs, or a length, got neither", site);
  if (!xs.empty() && options.length >= 0 && options.length != xs[0].shape()[0])
    fail<ArgumentError>(
        "scan", fmt::format("expected a length of {}, that of the xs, got {}", xs[0].shape()[0], options.length), site);
  return xs.empty() ? options.length : xs[0].shape()[0];
}

/// No step: the carry, and empty ys of the shapes that the body gives.
Scanned no_steps(const ScanBody& body, std::span<const Tensor> carry, std::span<const Tensor> xs) {
  const NoGrad guard;
  const Generator generator = default_generator();
  List x;
  for (const Tensor& all : xs) {
    Shape shape = all.shape();
    shape.erase(0);
    x.push_back(zeros(shape, all.dtype()));
  }
  Scanned result{{carry.begin(), carry.end()}, body(carry, x).ys};
  default_generator() = generator;
  for (Tensor& y : result.ys) {
    Shape shape = y.shape();
    shape.insert(0, 0);
    y = empty(shape, y.dtype());
  }
  return result;
}

/// The next step by ops; with `program`, which is set where it can be run without.
void step_by_ops(ScanState& state, std::shared_ptr<const Program>* program) {
  const List x = state.x(state.done);
  std::optional<Recording> recording;
  if (program != nullptr) recording.emplace(state.carry, x);
  Scanned given = state.body(state.carry, x);
  if (program != nullptr) *program = recording->finish(given.carry, given.ys);
  recording.reset();
  state.take(std::move(given));
}

/// All the others, some at a time, of which the inputs alone are kept.
void checkpoint_rest(ScanState& state) {
  while (state.done < state.steps) {
    const std::int64_t n = std::min(state.options.checkpoint_every, state.steps - state.done);
    const std::int64_t time = state.options.reverse ? state.steps - state.done - n : state.done;
    List inputs = state.carry;
    const std::size_t carries = inputs.size();
    for (const Tensor& x : state.xs) inputs.push_back(slice(x, 0, time, time + n));
    const auto some =
        [body = state.body, options = state.options, site = state.site, carries, n](std::span<const Tensor> all) {
          const List xs(all.begin() + static_cast<std::ptrdiff_t>(carries), all.end());
          ScanState part{body, xs, options, site, n};
          part.carry.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(carries));
          while (part.done < n) step_by_ops(part, nullptr);
          List results = part.carry;
          for (List& y : part.ys) {
            if (options.reverse) std::reverse(y.begin(), y.end());
            results.push_back(concat(y, 0));
          }
          return results;
        };
    const List results = checkpoint(some, inputs, state.site);
    state.ys.resize(results.size() - carries);
    std::copy_n(results.begin(), carries, state.carry.begin());
    for (std::size_t k = 0; k < state.ys.size(); ++k) state.ys[k].push_back(results[carries + k]);
    state.done += n;
  }
}

}  // namespace

List ScanState::x(std::int64_t step) const {
  List result;
  for (const Tensor& all : xs) result.push_back(select(Arg(all, site), 0, options.reverse ? steps - 1 - step : step));
  return result;
}

void ScanState::check(std::span<const Tensor> new_carry, std::span<const Tensor> new_ys) const {
  const auto alike = [&](const char* what, std::size_t k, const Shape& shape, DType dtype, const Tensor& got) {
    const auto text = [&] {
      return fmt::format("expected the body to give {} {} as {} {}, got {} {} at step {}",
                         what,
                         k,
                         to_string(dtype),
                         to_string(shape),
                         to_string(got.dtype()),
                         to_string(got.shape()),
                         done);
    };
    if (got.shape() != shape) fail<ShapeError>("scan", text(), site);
    if (got.dtype() != dtype) fail<DTypeError>("scan", text(), site);
  };
  if (new_carry.size() != carry.size())
    fail<ArgumentError>(
        "scan",
        fmt::format(
            "expected the body to give a carry of {} tensors, got {} at step {}", carry.size(), new_carry.size(), done),
        site);
  if (done > 0 && new_ys.size() != ys.size())
    fail<ArgumentError>(
        "scan",
        fmt::format("expected the body to give {} ys, got {} at step {}", ys.size(), new_ys.size(), done),
        site);
  for (std::size_t k = 0; k < carry.size(); ++k) alike("carry", k, carry[k].shape(), carry[k].dtype(), new_carry[k]);
  for (std::size_t k = 0; k < ys.size(); ++k) {
    Shape shape = ys[k][0].shape();
    shape.erase(0);
    alike("y", k, shape, ys[k][0].dtype(), new_ys[k]);
  }
}

void ScanState::take(Scanned step) {
  check(step.carry, step.ys);
  carry = std::move(step.carry);
  ys.resize(step.ys.size());
  for (std::size_t k = 0; k < ys.size(); ++k) ys[k].push_back(unsqueeze(step.ys[k], 0));
  ++done;
}

Scanned scan(const ScanBody& body,
             std::span<const Tensor> carry,
             std::span<const Tensor> xs,
             const ScanOptions& options,
             CallSite site) {
  const std::int64_t steps = steps_of(xs, options, site);
  if (steps == 0) return no_steps(body, carry, xs);
  List dense;
  for (const Tensor& x : xs) dense.push_back(x.is_contiguous() ? x : concat({&x, 1}, 0, site));
  ScanState state{body, dense, options, site, steps, 0, {carry.begin(), carry.end()}};
  std::shared_ptr<const Program> program;
  for (int tries = 2; state.done < steps;) {
    const bool checkpoints = tries == 0 && program == nullptr && options.checkpoint_every > 0 && is_recording();
    if (checkpoints) {
      checkpoint_rest(state);
    } else if (program == nullptr) {
      step_by_ops(state, tries > 0 ? &program : nullptr);
      tries = program != nullptr ? 0 : std::max(0, tries - 1);
    } else if (!program->active && std::any_of(state.carry.begin(), state.carry.end(), has_node)) {
      program = nullptr;
      tries = 1;
    } else if (run_program(state, program) == 0) {
      program = nullptr;  // a step is no guide to the next
    }
  }
  Scanned result{std::move(state.carry), {}};
  for (List& y : state.ys) {
    if (options.reverse) std::reverse(y.begin(), y.end());
    result.ys.push_back(y.size() == 1 ? y[0] : concat(y, 0, site));
  }
  return result;
}

}  // namespace gradus::detail
