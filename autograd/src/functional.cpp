#include "gradus/autograd/functional.h"

#include "gradients.h"

#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::detail {
namespace {

/// f evaluated where it can be differentiated.
struct Evaluated {
  List at;   // the inputs: leaves of our own unless the caller differentiates further
  Tensor y;  // the result, cut off from those leaves unless `further`
  std::vector<std::size_t> floating;  // which inputs take a gradient
  List roots;                         // those
  bool further = false;               // something beyond our leaves requires a gradient
  Tensor recorded;                    // the result on the tape
};

Evaluated evaluate(const char* name, const Function& f, std::span<const Tensor> xs, CallSite site) {
  Evaluated e;
  const bool was_recording = is_recording();
  const RecordingGuard on(true);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const bool outer = was_recording && requires_grad(xs[i]);
    e.further = e.further || outer;
    e.at.push_back(outer || !is_floating(xs[i].dtype()) ? xs[i] : leaf(detach(xs[i])));
    if (!is_floating(xs[i].dtype())) continue;
    e.floating.push_back(i);
    e.roots.push_back(e.at.back());
  }
  if (e.roots.empty())
    fail<DTypeError>(name, "expected an input of float32 or float64, got none", site);
  List ys = f(e.at);
  if (ys.size() != 1)
    fail<ArgumentError>(
        name, fmt::format("expected a function with one result, got {}", ys.size()), site);
  e.recorded = std::move(ys[0]);
  if (!is_floating(e.recorded.dtype()))
    fail<DTypeError>(name,
                     fmt::format("expected a result of float32 or float64, got {}",
                                 to_string(e.recorded.dtype())),
                     site);
  e.further = e.further || (was_recording && reaches_other_leaves(e.recorded, e.roots));
  e.y = e.further ? e.recorded : without_attachment(e.recorded);
  return e;
}

void check_like(
    const char* name, const char* what, const Tensor& expected, const Tensor& got, CallSite site) {
  if (got.shape() != expected.shape())
    fail<ShapeError>(
        name,
        fmt::format(
            "expected a {} {}, got {}", what, to_string(expected.shape()), to_string(got.shape())),
        site);
  if (got.dtype() != expected.dtype()) fail_dtype(name, expected.dtype(), got.dtype(), site);
}

/// The directions of the floating inputs, checked.
List directions(const char* name,
                const Evaluated& e,
                std::span<const Tensor> xs,
                std::span<const Tensor> vs,
                CallSite site) {
  if (vs.size() != xs.size())
    fail<ArgumentError>(
        name, fmt::format("expected {} directions, got {}", xs.size(), vs.size()), site);
  List result;
  for (std::size_t i : e.floating) {
    check_like(name, "direction", xs[i], vs[i], site);
    result.push_back(vs[i]);
  }
  return result;
}

}  // namespace

List gradients(std::span<const Tensor> ys,
               std::span<const Tensor> xs,
               std::span<const Tensor> cotangents,
               BackwardOptions options,
               CallSite site) {
  List from, with;
  for (std::size_t k = 0; k < ys.size(); ++k) {
    if (!requires_grad(ys[k])) continue;
    from.push_back(ys[k]);
    with.push_back(cotangents[k]);
  }
  return grad(from, xs, with, options, site);
}

void fail_argument_count(std::size_t got) {
  fail<ArgumentError>(
      "call", fmt::format("expected a function of {} tensors, got one of another number", got));
}

std::pair<Tensor, List> vjp(const Function& f,
                            std::span<const Tensor> xs,
                            const Tensor& cotangent,
                            CallSite site) {
  const Evaluated e = evaluate("vjp", f, xs, site);
  check_like("vjp", "cotangent", e.recorded, cotangent, site);
  List dx =
      gradients({&e.recorded, 1}, e.roots, {&cotangent, 1}, {.create_graph = e.further}, site);
  List result(xs.size());
  for (std::size_t k = 0; k < dx.size(); ++k) result[e.floating[k]] = std::move(dx[k]);
  return {e.y, std::move(result)};
}

std::pair<Tensor, Tensor> jvp(const Function& f,
                              std::span<const Tensor> xs,
                              std::span<const Tensor> vs,
                              CallSite site) {
  const Evaluated e = evaluate("jvp", f, xs, site);
  const List along = directions("jvp", e, xs, vs, site);
  // J^T u is linear in u; its vjp for v is J v, whatever u.
  const RecordingGuard on(true);
  const Tensor u = leaf(zeros_like(e.recorded));
  const List pulled = gradients({&e.recorded, 1}, e.roots, {&u, 1}, {.create_graph = true}, site);
  return {e.y, gradients(pulled, {&u, 1}, along, {.create_graph = e.further}, site)[0]};
}

List hvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> vs, CallSite site) {
  const Evaluated e = evaluate("hvp", f, xs, site);
  const List along = directions("hvp", e, xs, vs, site);
  if (e.recorded.numel() != 1)
    fail<ShapeError>(
        "hvp", "expected a function with one element, got " + to_string(e.recorded.shape()), site);
  const Tensor one = ones_like(e.recorded);
  const List first = gradients({&e.recorded, 1}, e.roots, {&one, 1}, {.create_graph = true}, site);
  const List second = gradients(first, e.roots, along, {.create_graph = e.further}, site);
  List result(xs.size());
  for (std::size_t k = 0; k < second.size(); ++k) result[e.floating[k]] = second[k];
  return result;
}

Tensor jacobian(const Function& f, const Tensor& x, CallSite site) {
  const Evaluated e = evaluate("jacobian", f, {&x, 1}, site);
  const SitePin pin(site);
  Shape shape = e.recorded.shape();
  if (shape.rank() + x.rank() > kMaxRank)
    fail<ShapeError>(
        "jacobian",
        fmt::format("expected at most {} dimensions of result and input together, got {} and {}",
                    kMaxRank,
                    to_string(shape),
                    to_string(x.shape())),
        site);
  for (std::int64_t size : x.shape()) shape.push_back(size);
  if (e.recorded.numel() == 0 || !requires_grad(e.recorded)) return zeros(shape, x.dtype());
  List rows;
  for (std::int64_t i = 0; i < e.recorded.numel(); ++i) {
    Tensor unit = zeros_like(e.recorded);
    dispatch_floating(unit.dtype(), [&]<class T>() { unit.mutable_data<T>()[i] = T(1); });
    rows.push_back(
        grad(e.recorded, e.roots[0], unit, {.retain_graph = true, .create_graph = e.further}));
  }
  return reshape(stack(rows), shape);
}

}  // namespace gradus::detail
