#include "gradus/autograd/functional.h"

#include "gradients.h"

#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::detail {
namespace {

/// The same values behind a node of their own.
struct Argument : Op {
  static constexpr OpInfo info{.name = "argument", .linearity = Linearity::linear, .flops = 0};
  Tensor forward(const Tensor& x) const { return detach(x); }
  Cotangents vjp(const Pullback& p) const { return {p.g}; }
};

/// f evaluated where it can be differentiated.
struct Evaluated {
  List roots;  // the floating inputs, fresh: their derivatives are partial, whatever is on the tape
  std::vector<std::size_t> floating;  // which those are
  List recorded;                      // the results on the tape
  List ys;                            // the same, cut off from our leaves unless `further`
  bool recording = false,
       further = false;     // outside; then something beyond our roots is on the tape
  std::uint64_t start = 0;  // the newest node before

  /// True if results can be differentiated by what is beyond our roots, or by one of `given`.
  bool further_with(const List& given) const {
    return further || (recording && std::any_of(given.begin(), given.end(), has_node));
  }

  /// Derivatives of ys, zeros where there are none.
  List pull(std::span<const Tensor> from,
            std::span<const Tensor> to,
            const List& cotangents,
            BackwardOptions options) const {
    const Cotangents found = partial_gradients(start, from, to, cotangents, options);
    List result(found.begin(), found.end());
    for (std::size_t k = 0; k < to.size(); ++k)
      if (!result[k].defined()) result[k] = zeros_like(to[k]);
    return result;
  }

  /// One for each input, in the places of the floating ones.
  List spread(List&& gradients, std::size_t inputs) const {
    List all(inputs);
    for (std::size_t k = 0; k < gradients.size(); ++k) all[floating[k]] = std::move(gradients[k]);
    return all;
  }
};

/// Results as they are handed out: on the tape, or with memory of their own.
List given_out(List&& results, bool further) {
  if (!further) make_own(results);
  return std::move(results);
}

Evaluated evaluate(const char* name, const At& a) {
  Evaluated e;
  e.recording = is_recording();
  e.start = a.captured ? 0 : newest_id();
  const RecordingGuard on(true);
  List at;
  for (std::size_t i = 0; i < a.xs.size(); ++i) {
    const Tensor& x = a.xs[i];
    const bool floating = is_floating(x.dtype());
    if (a.captured && floating && !requires_grad(x))
      fail<GradientError>(
          name, fmt::format("expected tensors that require a gradient, got number {} that doesn't", i), a.site);
    e.further = e.further || (!a.captured && e.recording && requires_grad(x));
    at.push_back(a.captured || !floating ? x : fresh_argument(x, e.recording, a.site));
    if (!floating) continue;
    e.floating.push_back(i);
    e.roots.push_back(at.back());
  }
  if (e.roots.empty()) fail<DTypeError>(name, "expected an input of float32 or float64, got none", a.site);
  e.recorded = a.f(at);
  if (e.recorded.empty()) fail<ArgumentError>(name, "expected a function with a result, got one without", a.site);
  for (const Tensor& y : e.recorded) {
    if (!is_floating(y.dtype()))
      fail<DTypeError>(
          name, fmt::format("expected a result of float32 or float64, got {}", to_string(y.dtype())), a.site);
    e.further = e.further || (!a.captured && e.recording && reaches_others(y, e.roots, e.start));
  }
  for (const Tensor& y : e.recorded) e.ys.push_back(e.further ? y : without_attachment(y));
  return e;
}

/// The only result, of one element.
const Tensor& number(const char* name, const At& a, const Evaluated& e) {
  if (e.recorded.size() != 1)
    fail<ArgumentError>(name, fmt::format("expected a function with one result, got {}", e.recorded.size()), a.site);
  if (e.recorded[0].numel() != 1)
    fail<ShapeError>(name, "expected a function with one element, got " + to_string(e.recorded[0].shape()), a.site);
  return e.recorded[0];
}

void check_like(const char* name, const char* what, const Tensor& expected, const Tensor& got, CallSite site) {
  if (got.shape() != expected.shape())
    fail<ShapeError>(
        name, fmt::format("expected a {} {}, got {}", what, to_string(expected.shape()), to_string(got.shape())), site);
  if (got.dtype() != expected.dtype()) fail_dtype(name, expected.dtype(), got.dtype(), site);
}

/// The directions of the floating inputs, checked.
List directions(const char* name, const Evaluated& e, const At& a, const List& vs) {
  if (vs.size() != a.xs.size())
    fail<ArgumentError>(name, fmt::format("expected {} directions, got {}", a.xs.size(), vs.size()), a.site);
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
      fail<ShapeError>(name,
                       fmt::format("expected at most {} dimensions of result and input together, got {} and {}",
                                   kMaxRank,
                                   to_string(y.shape()),
                                   to_string(x.shape())),
                       site);
  for (std::int64_t i = 0; requires_grad(y) && i < y.numel(); ++i) {
    Tensor unit = zeros_like(y);
    dispatch_floating(unit.dtype(), [&]<class T>() { unit.mutable_data<T>()[i] = T(1); });
    const List row = e.pull({&y, 1}, e.roots, {unit}, {.retain_graph = true, .create_graph = e.further});
    for (std::size_t k = 0; k < row.size(); ++k) parts[k].push_back(row[k]);
  }
  List result;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    Shape shape = y.shape();
    for (std::int64_t size : e.roots[k].shape()) shape.push_back(size);
    result.push_back(parts[k].empty() ? zeros(shape, e.roots[k].dtype()) : reshape(stack(parts[k]), shape));
  }
  return result;
}

/// The gradient of the only result, recorded.
List first_derivative(const char* name, const At& a, const Evaluated& e) {
  const Tensor& y = number(name, a, e);
  return e.pull({&y, 1}, e.roots, {ones_like(y)}, {.create_graph = true});
}

}  // namespace

Tensor fresh_argument(const Tensor& x, bool outer, CallSite site) {
  return outer && requires_grad(x) ? apply(Argument{}, Arg(x, site)) : leaf(detach(x));
}

void fail_argument_count(std::size_t got) {
  fail<ArgumentError>("call", fmt::format("expected a function of {} tensors, got one of another number", got));
}

List gradient(const At& a) {
  const Evaluated e = evaluate("grad", a);
  const Tensor& y = number("grad", a, e);
  List dx = e.pull({&y, 1}, e.roots, {ones_like(y)}, {.create_graph = e.further});
  return e.spread(given_out(std::move(dx), e.further), a.xs.size());
}

Tensor derivative(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, CallSite site) {
  return gradient(at(f, x, site))[0];
}

std::pair<List, List> vjp(const At& a, const List& cotangents) {
  const Evaluated e = evaluate("vjp", a);
  if (cotangents.size() != e.ys.size())
    fail<ArgumentError>("vjp", fmt::format("expected {} cotangents, got {}", e.ys.size(), cotangents.size()), a.site);
  for (std::size_t k = 0; k < e.ys.size(); ++k) check_like("vjp", "cotangent", e.ys[k], cotangents[k], a.site);
  const bool further = e.further_with(cotangents);
  List dx = e.pull(e.recorded, e.roots, cotangents, {.create_graph = further});
  return {e.ys, e.spread(given_out(std::move(dx), further), a.xs.size())};
}

std::pair<List, List> jvp(const At& a, const List& vs) {
  const Evaluated e = evaluate("jvp", a);
  const List along = directions("jvp", e, a, vs);
  // J^T u is linear in u; its vjp for v is J v, whatever u.
  const RecordingGuard on(true);
  List us;
  for (const Tensor& y : e.recorded) us.push_back(leaf(zeros_like(y)));
  const List pulled = e.pull(e.recorded, e.roots, us, {.create_graph = true});
  const bool further = e.further_with(along);
  return {e.ys, given_out(e.pull(pulled, us, along, {.create_graph = further}), further)};
}

List hvp(const char* name, const At& a, const List& vs) {
  const Evaluated e = evaluate(name, a);
  const List along = directions(name, e, a, vs);
  const bool further = e.further_with(along);
  List second = e.pull(first_derivative(name, a, e), e.roots, along, {.create_graph = further});
  return e.spread(given_out(std::move(second), further), a.xs.size());
}

std::vector<List> jacobian(const At& a) {
  const Evaluated e = evaluate("jacobian", a);
  std::vector<List> result;
  for (const Tensor& y : e.recorded) result.push_back(e.spread(rows("jacobian", y, e, a.site), a.xs.size()));
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
