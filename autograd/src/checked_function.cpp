#include "checked_function.h"

#include "gradus/ops/arithmetic.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::detail {
namespace {

/// Inputs that a gradient is asked for: leaves, unless the caller differentiates further.
List as_leaves(const CheckedFunction& s, std::span<const Tensor> xs) {
  List at(xs.begin(), xs.end());
  for (std::size_t k : s.moved)
    if (!requires_grad(at[k])) at[k] = leaf(detach(at[k]));
  return at;
}

/// Of independent inputs; zeros where there are none.
List gradients(const List& ys, const List& xs, const List& cotangents, BackwardOptions options) {
  const Cotangents found = partial_gradients(0, ys, xs, cotangents, options);
  List result(found.begin(), found.end());
  for (std::size_t k = 0; k < xs.size(); ++k)
    if (!result[k].defined()) result[k] = zeros_like(xs[k]);
  return result;
}

List pick(const List& all, const std::vector<std::size_t>& which) {
  List result;
  for (std::size_t k : which) result.push_back(all[k]);
  return result;
}

Row row_of(std::span<const Tensor> tensors) {
  Row row;
  for (const Tensor& t : tensors) {
    const Row values = t.to_vector();
    row.insert(row.end(), values.begin(), values.end());
  }
  return row;
}

}  // namespace

List CheckedFunction::values(std::span<const Tensor> at) const {
  const RecordingGuard recording(differentiates);
  return differentiates ? f(as_leaves(*this, at)) : f(at);
}

Row draw_row(std::size_t n, Generator& random) {
  Row row(n);
  for (double& v : row) {
    const double u = random.uniform();
    v = u < 0.5 ? -1 + u : u;
  }
  return row;
}

CheckedFunction checked_function(const Function& f, std::span<const Tensor> xs, const char* what, CallSite site) {
  CheckedFunction s{f, {}, {}, {}, "result"};
  for (std::size_t k = 0; k < xs.size(); ++k) {
    s.xs.push_back(cast(xs[k], is_floating(xs[k].dtype()) ? float64 : xs[k].dtype()));
    if (is_floating(xs[k].dtype())) s.moved.push_back(k);
    s.inputs.push_back(xs.size() == 1 ? "input" : fmt::format("input {}", k));
  }
  if (s.moved.empty()) fail<DTypeError>(what, "expected an input of float32 or float64, got none", site);
  List ys;
  try {
    ys = s.values(s.xs);
  } catch (const GradientError&) {
    s.differentiates = true;
    ys = s.values(s.xs);
  }
  if (std::none_of(ys.begin(), ys.end(), [](const Tensor& y) { return is_floating(y.dtype()); }))
    fail<DTypeError>(what, "expected a result of float32 or float64, got none", site);
  return s;
}

CheckedFunction gradient_of(const CheckedFunction& s, Generator& random) {
  CheckedFunction next = s;
  next.differentiates = false;  // it sees to that itself
  std::size_t results = 0;
  for (const Tensor& y : s.values(s.xs)) {
    if (is_floating(y.dtype())) next.moved.push_back(next.xs.size());
    next.xs.push_back(is_floating(y.dtype())
                          ? from_vector(draw_row(static_cast<std::size_t>(y.numel()), random), y.shape())
                          : detach(y));
    next.inputs.push_back((s.result == "result" ? "cotangent" : "cotangent of the " + s.result) +
                          (results++ == 0 ? "" : fmt::format(" {}", results)));
  }
  next.result = s.result == "result" ? "gradient" : "second gradient";
  next.f = [s, given = s.xs.size()](std::span<const Tensor> all) {
    const bool outer = is_recording() && std::any_of(all.begin(), all.end(), [](auto& x) { return requires_grad(x); });
    const RecordingGuard on(true);
    const List at = as_leaves(s, all.first(given)), ys = s.f(at);
    List cotangents;
    for (std::size_t k = 0; k < ys.size(); ++k) cotangents.push_back(to(all[given + k], ys[k].dtype()));
    return gradients(ys, pick(at, s.moved), cotangents, {.create_graph = outer});
  };
  return next;
}

RecordedCall::RecordedCall(const CheckedFunction& s) {
  const RecordingGuard on(true);
  for (const Tensor& x : s.xs) inputs_.push_back(clone(x));
  for (const Tensor& x : inputs_) versions_.push_back(x.version());
  at_ = as_leaves(s, inputs_);
  leaves_ = pick(at_, s.moved);
  for (Tensor& y : s.f(at_)) {
    if (!is_floating(y.dtype())) continue;
    ys_.push_back(y);
    values_.push_back(clone(y));
    size_ += static_cast<std::size_t>(y.numel());
  }
}

Row RecordedCall::values() const { return row_of(values_); }

Row RecordedCall::pull(const Row& c) const {
  List cotangents;
  const double* from = c.data();
  for (const Tensor& y : ys_) {
    const Row part(from, from + y.numel());
    cotangents.push_back(cast(from_vector(part, y.shape()), y.dtype()));
    from += y.numel();
  }
  return row_of(gradients(ys_, leaves_, cotangents, {.retain_graph = true}));
}

std::optional<std::string> RecordedCall::changed(const CheckedFunction& s) const {
  for (std::size_t k = 0; k < inputs_.size(); ++k)
    if (inputs_[k].version() != versions_[k]) return s.inputs[k];
  for (std::size_t k = 0; k < ys_.size(); ++k)
    if (!equal(contiguous(ys_[k]), values_[k], true)) return s.result;
  return {};
}

std::pair<int, Shape> locate(const List& tensors, std::size_t i) {
  auto left = static_cast<std::int64_t>(i);
  int k = 0;
  while (left >= tensors[static_cast<std::size_t>(k)].numel()) left -= tensors[static_cast<std::size_t>(k++)].numel();
  Shape index = tensors[static_cast<std::size_t>(k)].shape();
  for (int d = index.rank() - 1; d >= 0; --d) {
    const std::int64_t size = index[d];
    index[d] = left % size;
    left /= size;
  }
  return {k, index};
}

}  // namespace gradus::detail
