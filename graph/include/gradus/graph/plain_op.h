#pragma once

#include "gradus/graph/op.h"

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus {
namespace detail {

struct PlainFunctions {
  std::function<Tensors(std::span<const Tensor>)> forward;
  std::function<Cotangents(const Pullback&)> rule;
};

/// An op made of functions. Its own info stands in an OpClass that is made as the program runs.
struct Plain : Op {
  static constexpr OpInfo info{.arity = kVariadic};
  std::shared_ptr<const PlainFunctions> functions;

  Tensors forward(std::span<const Tensor> inputs) const { return functions->forward(inputs); }
  Cotangents vjp(const Pullback& p) const { return functions->rule(p); }
  template <class V>
  void visit(V&&) const {}
};

template <class F, std::size_t... I>
constexpr bool takes_this_many(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, decltype((void(I), std::declval<const Tensor&>()))...>;
}
/// How many tensors a function takes, by trying; kVariadic for a span of them.
template <class F, int N = 1>
constexpr int tensor_arity() {
  static_assert(N <= 8, "the forward of an op takes 1 to 8 tensors, or a span of them");
  if constexpr (std::is_invocable_v<F&, std::span<const Tensor>>)
    return kVariadic;
  else if constexpr (takes_this_many<F>(std::make_index_sequence<static_cast<std::size_t>(N)>{}))
    return N;
  else
    return tensor_arity<F, N + 1>();
}

template <int N, class F>
decltype(auto) spread(F& f, std::span<const Tensor> xs) {
  if constexpr (N == kVariadic)
    return f(xs);
  else
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return f(xs[I]...);
    }(std::make_index_sequence<static_cast<std::size_t>(N)>{});
}

}  // namespace detail

/// An op of N tensors made from two functions, with one result or several; see `make_op`.
template <int N, bool One>
class PlainOp {
 public:
  using Result = std::conditional_t<One, Tensor, Tensors>;
  static constexpr int op_arity = N;

  PlainOp(detail::PlainFunctions functions, const OpInfo& info)
      : op_{{}, std::make_shared<const detail::PlainFunctions>(std::move(functions))}, class_(&class_of(info)) {}

  const char* name() const { return class_->info.name; }
  const OpClass& op() const { return *class_; }

  template <class... Rest>
    requires(N == 1 + static_cast<int>(sizeof...(Rest)))
  Result operator()(Arg first, const Rest&... rest) const {
    const Tensor inputs[] = {first.tensor, rest...};
    return call(inputs, first.site);
  }
  Result operator()(std::span<const Tensor> inputs, CallSite site = CallSite::here()) const
    requires(N == kVariadic)
  {
    return call(inputs, site);
  }

 private:
  Result call(std::span<const Tensor> inputs, CallSite site) const {
    Tensors ys =
        detail::run_op(*class_, &op_, detail::TensorPointers(inputs), site, [&] { return op_.forward(inputs); });
    if constexpr (One)
      return std::move(ys[0]);
    else
      return ys;
  }
  static const OpClass& class_of(const OpInfo& info) {
    OpClass op = op_class<detail::Plain>;
    op.info = info;
    return detail::intern(op);
  }

  detail::Plain op_;
  const OpClass* class_;
};

/// An op from a pair of functions:
///
///     inline const auto cube = make_op(
///         "cube", [](const Tensor& x) { return x * x * x; },
///         [](const Pullback& p) -> Cotangents { return {p.g * 3.0 * p.in(0) * p.in(0)}; });
///
///   forward   takes 1 to 8 tensors, or a span of them, and gives a Tensor, or Tensors; nothing in it is
///             recorded
///   rule      the cotangents of the inputs, written with recorded ops, as `vjp` of an op that is a struct
///   info      what the rule uses (`saves`, all inputs unless said otherwise), linearity, domain, number of
///             differentiable results; name and arity are filled in
template <class F, class R>
  requires std::is_invocable_r_v<Cotangents, R&, const Pullback&>
auto make_op(const char* name, F forward, R rule, OpInfo info = {.saves = Saves::inputs}) {
  constexpr int n = detail::tensor_arity<F>();
  using Given = decltype(detail::spread<n>(forward, std::span<const Tensor>()));
  constexpr bool one = std::is_convertible_v<Given, Tensor>;
  info.name = name;
  info.arity = n;
  return PlainOp<n, one>({[forward = std::move(forward)](std::span<const Tensor> xs) mutable -> Tensors {
                            if constexpr (one)
                              return {Tensor(detail::spread<n>(forward, xs))};
                            else
                              return detail::spread<n>(forward, xs);
                          },
                          std::move(rule)},
                         info);
}

}  // namespace gradus
GRADUS_EXPORT_END
