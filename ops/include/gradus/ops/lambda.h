#pragma once

#include "gradus/graph/node.h"
#include "gradus/kernels/loops.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/lane.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus {
namespace detail {

/// The type that a lambda gives, with its mistakes reported here and not from the depth of a kernel.
template <class... P, class F>
auto result_of(const F& f) {
  return f(P{}...);
}

inline constexpr int kLambdaOrder = 3;

/// What a node keeps of a lambda: the function, and which derivative of it this is: none, with respect to
/// input index[0], to index[0] and index[1], …
template <class F>
struct LambdaOp {
  F f;
  std::int8_t order = 0;
  bool store = false;  // the results are followed by the first derivatives
  std::array<std::int8_t, kLambdaOrder> index{};
};

/// Inputs of one dtype and shape, contiguous or not, by promotion and broadcasting (recorded).
Tensors match_lambda(const char* name, std::span<const Tensor* const> inputs, CallSite site);
[[noreturn]] void fail_lambda_order(const char* name);

/// Argument j of the lambda, as a number whose nested parts say which derivative is wanted.
template <class P, int Order>
[[gnu::always_inline]] inline auto seed(const P& x, int j, const std::int8_t* index) {
  if constexpr (Order == 0) {
    return x;
  } else {
    auto inner = seed<P, Order - 1>(x, j, index);
    using Inner = decltype(inner);
    return lane::Dual<Inner>{inner, Inner::constant(j == index[Order - 1] ? 1 : 0)};
  }
}
template <int Order, class D>
[[gnu::always_inline]] inline auto highest(const D& y) {
  if constexpr (Order == 0)
    return y;
  else
    return highest<Order - 1>(y.d);
}

template <class F, int N>
struct LambdaKernel {
  using Op = LambdaOp<F>;
  using Indices = std::make_index_sequence<static_cast<std::size_t>(N)>;

  template <int Order, class P, std::size_t... J>
  [[gnu::always_inline]] static auto evaluate(const Op& op,
                                              const std::array<P, N>& x,
                                              const std::int8_t* index,
                                              std::index_sequence<J...>) {
    return op.f(seed<P, Order>(x[J], N == 1 ? 0 : static_cast<int>(J), index)...);
  }

  /// One pack at `at`: the derivative asked for, or value and first derivatives.
  template <int Order, bool Store, class T, class Load, class Put>
  [[gnu::always_inline]] static void step(const Op& op, Load&& load, Put&& put) {
    using P = lane::Pack<T>;
    std::array<P, N> x;
    for (int j = 0; j < N; ++j) x[static_cast<std::size_t>(j)] = load(j);
    if constexpr (Store) {
      for (std::int8_t i = 0; i < N; ++i) {
        const std::int8_t index[] = {N == 1 ? std::int8_t{0} : i};
        const auto y = evaluate<1>(op, x, index, Indices{});
        if (i == 0) put(0, y.v);
        put(1 + i, y.d);
      }
    } else {
      constexpr std::array<std::int8_t, kLambdaOrder> zeros{};
      put(0, highest<Order>(evaluate<Order>(op, x, N == 1 ? zeros.data() : op.index.data(), Indices{})));
    }
  }

  template <int Order, bool Store, class T>
  static Tensors run(const Op& op, std::span<const Tensor> inputs) {
    constexpr int K = Store ? 1 + N : 1;
    using P = lane::Pack<T>;
    constexpr std::int64_t S = P::kSize;
    std::array<Tensor, N> dense;
    std::array<const T*, N> in;
    for (std::size_t j = 0; j < N; ++j) {
      dense[j] = kernels::dense(inputs[j]);
      in[j] = dense[j].template data<T>();
    }
    Tensors results;
    std::array<T*, K> out;
    for (std::size_t k = 0; k < K; ++k) {
      results.push_back(empty_like(dense[0]));
      out[k] = results[k].template mutable_data<T>();
    }
    const std::int64_t n = dense[0].numel();
    parallel_for((n + S - 1) / S, 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const std::int64_t at = b * S, left = n - at;
        if (left >= S) {
          step<Order, Store, T>(
              op,
              [&](int j) { return P{lane::Numbers<T>::load(in[static_cast<std::size_t>(j)] + at)}; },
              [&](int k, const P& y) { y.v.store(out[static_cast<std::size_t>(k)] + at); });
        } else {  // the rest, filled up with the first element
          step<Order, Store, T>(
              op,
              [&](int j) {
                const T* from = in[static_cast<std::size_t>(j)] + at;
                T x[S];
                for (std::int64_t i = 0; i < S; ++i) x[i] = from[i < left ? i : 0];
                return P{lane::Numbers<T>::load(x)};
              },
              [&](int k, const P& y) {
                T x[S];
                y.v.store(x);
                std::copy_n(x, left, out[static_cast<std::size_t>(k)] + at);
              });
        }
      }
    });
    return results;
  }

  static Tensors forward(const void* attributes, std::span<const Tensor> inputs) {
    const Op& op = *static_cast<const Op*>(attributes);
    return dispatch_floating(inputs[0].dtype(), [&]<class T>() {
      if (op.store) return run<0, true, T>(op, inputs);
      switch (op.order) {
        case 0: return run<0, false, T>(op, inputs);
        case 1: return run<1, false, T>(op, inputs);
        case 2: return run<2, false, T>(op, inputs);
        default: return run<3, false, T>(op, inputs);
      }
    });
  }
};

/// Runs a lambda or a derivative of it, and records it.
Tensor apply_lambda(const OpClass& op_class, const void* op, std::span<const Tensor> inputs, CallSite site);

}  // namespace detail

/// An elementwise function of N tensors made from a lambda; see `elementwise`.
template <class F, int N>
class Elementwise {
 public:
  Elementwise(const char* name, F f) : f_(std::move(f)), class_(&detail::intern(prototype(name))) {}

  static constexpr int arity() { return N; }
  const char* name() const { return class_->info.name; }
  const OpClass& op() const { return *class_; }
  const F& function() const { return f_; }

  template <class... Rest>
    requires(sizeof...(Rest) == N - 1)
  Tensor operator()(Arg first, const Rest&... rest) const {
    const Tensor* const given[] = {&first.tensor, &static_cast<const Tensor&>(rest)...};
    const Tensors inputs = detail::match_lambda(name(), given, first.site);
    return call({f_}, inputs, *class_, first.site);
  }

 private:
  using Kernel = detail::LambdaKernel<F, N>;
  using Op = detail::LambdaOp<F>;

  static Tensor call(Op op, std::span<const Tensor> inputs, const OpClass& op_class, CallSite site) {
    op.store = op.order == 0 && is_recording() && std::any_of(inputs.begin(), inputs.end(), detail::has_node);
    return detail::apply_lambda(op_class, &op, inputs, site);
  }

  /// g times the derivative with respect to each input: the one that forward stored, or, where the pass
  /// is itself recorded, the derivative as an op of its own.
  static Cotangents vjp(const OpClass& op_class, const Op& op, const Pullback& p) {
    Cotangents result(static_cast<std::size_t>(N));
    Tensors inputs;
    for (int j = 0; j < N; ++j) {
      if (!p.needs(j)) continue;
      if (op.store && !is_recording()) {
        result[j] = mul(p.g, p.out(1 + j));
        continue;
      }
      if (op.order == detail::kLambdaOrder) detail::fail_lambda_order(op_class.info.name);
      if (inputs.empty())
        for (int i = 0; i < N; ++i) inputs.push_back(p.in(i));
      Op derivative = op;
      derivative.index[static_cast<std::size_t>(derivative.order++)] = static_cast<std::int8_t>(j);
      result[j] = mul(p.g, call(derivative, inputs, op_class, CallSite{}));
    }
    return result;
  }

  static OpClass prototype(const char* name) {
    OpClass c{
        {&detail::end_node},
        OpInfo{.name = name, .arity = N, .saves = Saves::inputs | Saves::extras},
        sizeof(Op),
        [](void* to, const void* from) { new (to) Op(*static_cast<const Op*>(from)); },
        [](void* op) { static_cast<Op*>(op)->~Op(); },
        &Kernel::forward,
        [](const void* op, const Pullback& p) -> Cotangents { return vjp(p.op(), *static_cast<const Op*>(op), p); },
        [](const void* op, AttributeVisitor& v) {
          const auto& o = *static_cast<const Op*>(op);
          if (o.order > 0) v("derivative", std::int64_t{o.order});
        }};
    return c;
  }

  F f_;
  const OpClass* class_;
};

/// A new elementwise op from a generic lambda of 1 to 8 numbers:
///   inline const auto swish = elementwise("swish", [](auto x) { return x * sigmoid(x); });
/// One recorded node, evaluated on SIMD packs of float or double, with promotion and broadcasting.
/// Derivatives up to the third order come from dual numbers; beyond, GradientError. The functions that a
/// lambda may use are those of gradus/ops/lane.h. (How many numbers it takes is tried; Tried are fewer.)
template <class F, class... Tried>
auto elementwise(const char* name, F f) {
  using P = lane::Pack<float>;
  if constexpr (std::is_pointer_v<F> || requires { &F::operator(); }) {
    static_assert(lane::detail::kNever<F>,
                  "an elementwise lambda is written [](auto x), not [](float x) or [](Tensor x)");
    return detail::Refused{};
  } else if constexpr (sizeof...(Tried) == 8) {
    static_assert(lane::detail::kNever<F>,
                  "an elementwise lambda takes 1 to 8 numbers, [](auto x, auto y) { … }; it captures the "
                  "rest, and may call the functions of gradus/ops/lane.h");
    return detail::Refused{};
  } else if constexpr (requires(const F& g, Tried... x, P last) { g(x..., last); }) {
    constexpr bool good = std::is_same_v<decltype(detail::result_of<Tried..., P>(f)), P>;
    static_assert(good,
                  "an elementwise lambda returns a number made from its arguments: exp(x), not "
                  "std::exp(x); where(x > 0, x, 0.0), not x > 0; 0 * x + 1, not 1");
    if constexpr (good)
      return Elementwise<F, sizeof...(Tried) + 1>(name, std::move(f));
    else
      return detail::Refused{};
  } else {
    return elementwise<F, Tried..., P>(name, std::move(f));
  }
}

}  // namespace gradus
GRADUS_EXPORT_END
