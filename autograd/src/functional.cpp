#include "gradus/autograd/functional.h"

#include "gradients.h"

#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::detail {
namespace {

/// f evaluated where it can be differentiated.
struct Evaluated {
  List roots;  // the floating inputs: leaves of our own where nothing is behind
  std::vector<std::size_t> floating;  // which those are
  List recorded;                      // the results on the tape
  List ys;                            // the same, cut off from our leaves unless `further`
  bool further = false;               // something beyond our leaves requires a gradient

  /// One for each input, in the places of the floating ones.
  List spread(List&& gradients, std::size_t inputs) const {
    List all(inputs);
    for (std::size_t k = 0; k < gradients.size(); ++k) all[floating[k]] = std::move(gradients[k]);
    return all;
  }
};

Evaluated evaluate(const char* name, const At& a) {
  Evaluated e;
  const bool was_recording = is_recording();
  const RecordingGuard on(true);
  List at;
  for (std::size_t i = 0; i < a.xs.size(); ++i) {
    const Tensor& x = a.xs[i];
    const bool floating = is_floating(x.dtype());
    if (a.captured && floating && !requires_grad(x))
      fail<GradientError>(
          name,
          fmt::format("expected tensors that require a gradient, got number {} that doesn't", i),
          a.site);
    const bool outer = !a.captured && was_recording && requires_grad(x);
    e.further = e.further || outer;
    at.push_back(a.captured || outer || !floating ? x : leaf(detach(x)));
    if (!floating) continue;
    e.floating.push_back(i);
    e.roots.push_back(at.back());
  }
  if (e.roots.empty())
    fail<DTypeError>(name, "expected an input of float32 or float64, got none", a.site);
  e.recorded = a.f(at);
  if (e.recorded.empty())
    fail<ArgumentError>(name, "expected a function with a result, got one without", a.site);
  for (const Tensor& y : e.recorded) {
    if (!is_floating(y.dtype()))
      fail<DTypeError>(
          name,
          fmt::format("expected a result of float32 or float64, got {}", to_string(y.dtype())),
          a.site);
    e.further = e.further || (!a.captured && was_recording && reaches_other_leaves(y, e.roots));
  }
  for (const Tensor& y : e.recorded) e.ys.push_back(e.further ? y : without_attachment(y));
  return e;
}

/// The only result, of one element.
const Tensor& number(const char* name, const At& a, const Evaluated& e) {
  if (e.recorded.size() != 1)
    fail<ArgumentError>(
        name,
        fmt::format("expected a function with one result, got {}", e.recorded.size()),
        a.site);
  if (e.recorded[0].numel() != 1)
    fail<ShapeError>(
        name,
        "expected a function with one element, got " + to_string(e.recorded[0].shape()),
        a.site);
  return e.recorded[0];
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
List directions(const char* name, const Evaluated& e, const At& a, const List& vs) {
  if (vs.size() != a.xs.size())
    fail<ArgumentError>(
        name, fmt::format("expected {} directions, got {}", a.xs.size(), vs.size()), a.site);
  List result;
  for (std::size_t i : e.floating) {
    check_like(name, "direction", a.xs[i], vs[i], a.site);
    result.push_back(vs[i]);
  }
  return result;
}

/// All derivatives of y, row by row; for each root a tensor [*y, *root].
List rows(const char* name, const Tensor& y, const Evaluated& e, CallSite site) {
  const SitePin pin(site);
  std::vector<List> parts(e.roots.size());
  for (const Tensor& x : e.roots)
    if (y.rank() + x.rank() > kMaxRank)
      fail<ShapeError>(
          name,
          fmt::format("expected at most {} dimensions of result and input together, got {} and {}",
                      kMaxRank,
                      to_string(y.shape()),
                      to_string(x.shape())),
          site);
  for (std::int64_t i = 0; requires_grad(y) && i < y.numel(); ++i) {
    Tensor unit = zeros_like(y);
    dispatch_floating(unit.dtype(), [&]<class T>() { unit.mutable_data<T>()[i] = T(1); });
    const List row = grad(y, e.roots, unit, {.retain_graph = true, .create_graph = e.further});
    for (std::size_t k = 0; k < row.size(); ++k) parts[k].push_back(row[k]);
  }
  List result;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    Shape shape = y.shape();
    for (std::int64_t size : e.roots[k].shape()) shape.push_back(size);
    result.push_back(parts[k].empty() ? zeros(shape, e.roots[k].dtype())
                                      : reshape(stack(parts[k]), shape));
  }
  return result;
}

/// The gradient of the only result, recorded.
List first_derivative(const char* name, const At& a, const Evaluated& e) {
  const Tensor& y = number(name, a, e);
  const Tensor one = ones_like(y);
  return gradients({&y, 1}, e.roots, {&one, 1}, {.create_graph = true}, a.site);
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

List gradient(const At& a) {
  const Evaluated e = evaluate("grad", a);
  const Tensor& y = number("grad", a, e);
  const Tensor one = ones_like(y);
  return e.spread(gradients({&y, 1}, e.roots, {&one, 1}, {.create_graph = e.further}, a.site),
                  a.xs.size());
}

std::pair<List, List> vjp(const At& a, const List& cotangents) {
  const Evaluated e = evaluate("vjp", a);
  if (cotangents.size() != e.ys.size())
    fail<ArgumentError>(
        "vjp",
        fmt::format("expected {} cotangents, got {}", e.ys.size(), cotangents.size()),
        a.site);
  for (std::size_t k = 0; k < e.ys.size(); ++k)
    check_like("vjp", "cotangent", e.ys[k], cotangents[k], a.site);
  List dx = gradients(e.recorded, e.roots, cotangents, {.create_graph = e.further}, a.site);
  return {e.ys, e.spread(std::move(dx), a.xs.size())};
}

std::pair<List, List> jvp(const At& a, const List& vs) {
  const Evaluated e = evaluate("jvp", a);
  const List along = directions("jvp", e, a, vs);
  // J^T u is linear in u; its vjp for v is J v, whatever u.
  const RecordingGuard on(true);
  List us;
  for (const Tensor& y : e.recorded) us.push_back(leaf(zeros_like(y)));
  const List pulled = gradients(e.recorded, e.roots, us, {.create_graph = true}, a.site);
  return {e.ys, gradients(pulled, us, along, {.create_graph = e.further}, a.site)};
}

List hvp(const char* name, const At& a, const List& vs) {
  const Evaluated e = evaluate(name, a);
  const List along = directions(name, e, a, vs);
  List second =
      gradients(first_derivative(name, a, e), e.roots, along, {.create_graph = e.further}, a.site);
  return e.spread(std::move(second), a.xs.size());
}

std::vector<List> jacobian(const At& a) {
  const Evaluated e = evaluate("jacobian", a);
  std::vector<List> result;
  for (const Tensor& y : e.recorded)
    result.push_back(e.spread(rows("jacobian", y, e, a.site), a.xs.size()));
  return result;
}

std::vector<List> hessian(const At& a) {
  const Evaluated e = evaluate("hessian", a);
  std::vector<List> result(a.xs.size(), List(a.xs.size()));
  std::size_t k = 0;
  for (const Tensor& dx : first_derivative("hessian", a, e))
    result[e.floating[k++]] = e.spread(rows("hessian", dx, e, a.site), a.xs.size());
  return result;
}

}  // namespace gradus::detail
