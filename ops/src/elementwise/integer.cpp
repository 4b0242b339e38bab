// Whole powers and quotients of int64 tensors: exact, or an error.

#include "gradus/ops/integer.h"

#include "family.h"

#include "gradus/ops/arithmetic.h"

#include <limits>
#include <mutex>
#include <optional>

namespace gradus {
namespace detail {
namespace {

using Int = std::int64_t;
constexpr Int kLowest = std::numeric_limits<Int>::min();

/// f(a, b) for each pair; where it gives nothing, the first such pair is what `fail_at` is told of.
template <class F, class Fail>
Tensor exact(const Tensor& a, const Tensor& b, F f, Fail fail_at) {
  std::mutex mutex;
  std::optional<std::pair<Int, Int>> bad;
  const Tensor y = map<Int, Int>(a, b, [&](Int x, Int z) -> Int {
    const std::optional<Int> result = f(x, z);
    if (result) return *result;
    const std::scoped_lock lock(mutex);
    if (!bad || std::pair(x, z) < *bad) bad = {x, z};
    return 0;
  });
  if (bad) fail_at(bad->first, bad->second);
  return y;
}

std::optional<Int> power(Int base, Int exponent) {
  if (exponent < 0) return {};
  Int y = 1;
  while (true) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(y, base, &y)) return {};
    if ((exponent >>= 1) == 0) return y;
    if (__builtin_mul_overflow(base, base, &base)) return {};
  }
}

struct IntegerPow : Op {
  static constexpr OpInfo info{.name = "integer_pow", .arity = 2, .differentiable = false};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return exact(a, b, power, [](Int base, Int exponent) {
      fail<ArgumentError>("pow",
                          exponent < 0 ? fmt::format("expected exponents >= 0 beside an int64 base, got {}", exponent)
                                       : fmt::format("expected powers that int64 can hold, got {}^{}", base, exponent));
    });
  }
};

template <bool down>
struct Quotient : Op {
  static constexpr OpInfo info{.name = down ? "floor_divide" : "trunc_divide", .arity = 2, .differentiable = false};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    const auto divide = [](Int x, Int z) -> std::optional<Int> {
      if (z == 0 || (z == -1 && x == kLowest)) return {};
      const Int q = x / z;
      return down && x % z != 0 && (x < 0) != (z < 0) ? q - 1 : q;
    };
    return exact(a, b, divide, [](Int x, Int z) {
      fail<ArgumentError>(info.name,
                          z == 0 ? fmt::format("expected divisors other than 0, got {} / 0", x)
                                 : fmt::format("expected quotients that int64 can hold, got {} / {}", x, z));
    });
  }
};

Tensor number(Int value) { return from_vector(std::vector<Int>{value}, Shape{}); }

template <class O>
Tensor divided(Arg a, const Tensor& b) {
  for (const Tensor* x : {&a.tensor, &b})
    if (x->dtype() != int64)
      fail<DTypeError>(O::info.name, fmt::format("expected int64, got {}", to_string(x->dtype())), a.site);
  return apply_matched<O>(a, b);
}

}  // namespace

Tensor integer_pow(Arg a, const Tensor& b) { return apply_matched<IntegerPow>(a, b); }

}  // namespace detail

using namespace detail;

Tensor floor_divide(Arg a, const Tensor& b) { return divided<Quotient<true>>(a, b); }
Tensor floor_divide(Arg a, std::int64_t b) { return floor_divide(a, number(b)); }
Tensor trunc_divide(Arg a, const Tensor& b) { return divided<Quotient<false>>(a, b); }
Tensor trunc_divide(Arg a, std::int64_t b) { return trunc_divide(a, number(b)); }

namespace detail {

std::span<const OpEntry> integer_ops() {
  static const auto examples = [](Tensor (*f)(Arg, const Tensor&), double lowest) {
    const Sample a{{2, 3}, domain(-9, 9), Sample::Kind::constant}, b{{2, 3}, domain(lowest, 9), Sample::Kind::constant};
    const auto call = [f](std::span<const Tensor> in) { return f(to(in[0], int64), to(in[1], int64)); };
    return std::vector<Example>{{"", {a, b}, call, false, false}};
  };
  static const OpEntry table[] = {
      {"integer_pow", &op_class<IntegerPow>, {"aᵇ of whole numbers"}, [] { return examples(pow, 0); }},
      {"floor_divide",
       &op_class<Quotient<true>>,
       {"⌊a / b⌋ of whole numbers"},
       [] { return examples(floor_divide, 1); }},
      {"trunc_divide",
       &op_class<Quotient<false>>,
       {"a / b of whole numbers, towards 0"},
       [] { return examples(trunc_divide, 1); }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
