#include "gradus/ops/rotary.h"

#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus {
namespace detail {
namespace {

constexpr auto kName = "rotary_embedding";

/// Cosines and sines of the angles of all pairs, [positions, pairs].
std::pair<Tensor, Tensor> turns(const Tensor& positions, std::int64_t pairs, double base, DType dtype) {
  std::vector<double> cosines, sines;
  for (const std::int64_t t : positions.to_vector<std::int64_t>())
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double angle =
          static_cast<double>(t) * std::pow(base, -static_cast<double>(i) / static_cast<double>(pairs));
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  Shape shape = positions.shape();
  shape.push_back(pairs);
  return {cast(from_vector(cosines, shape), dtype), cast(from_vector(sines, shape), dtype)};
}

/// ShapeError unless positions broadcast to [*, T].
void check_positions(Arg x, const Tensor& positions) {
  if (positions.dtype() != int64)
    fail<DTypeError>(kName, fmt::format("expected positions of int64, got {}", to_string(positions.dtype())), x.site);
  const int behind = x->rank() - 1 - positions.rank();
  bool fits = behind >= 0 && positions.rank() > 0;
  for (int d = 0; fits && d < positions.rank(); ++d)
    fits = positions.size(d) == 1 || positions.size(d) == x->size(behind + d);
  if (!fits)
    fail<ShapeError>(kName,
                     fmt::format("expected positions that broadcast to [*, T] of x {}, got {}",
                                 to_string(x->shape()),
                                 to_string(positions.shape())),
                     x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor rotary_embedding(Arg x, const RotaryOptions& options) {
  check_floating(kName, x);
  if (x->rank() < 2)
    fail<ShapeError>(kName, fmt::format("expected x [*, T, D], got {}", to_string(x->shape())), x.site);
  if (!(options.base > 0 && std::isfinite(options.base)))
    fail<ArgumentError>(kName, fmt::format("expected a finite base > 0, got {}", options.base), x.site);
  const std::int64_t steps = x->size(-2), all = x->size(-1), dim = options.dim.value_or(all);
  if (!options.dim && all % 2 != 0)
    fail<ShapeError>(kName, fmt::format("expected an even number of features, got {}", to_string(x->shape())), x.site);
  if (dim < 0 || dim > all || dim % 2 != 0)
    fail<ArgumentError>(kName, fmt::format("expected an even dim in 0..{}, got {}", all, dim), x.site);
  const Tensor positions = options.positions.defined() ? options.positions : arange(steps);
  check_positions(x, positions);
  if (dim == 0) return x;
  const SitePin pin(x.site);
  const std::int64_t pairs = dim / 2;
  const auto [c, s] = turns(positions, pairs, options.base, x->dtype());
  const Tensor turned = narrow(x, -1, 0, dim);
  Tensor a, b;
  if (options.interleaved) {
    a = slice(turned, -1, 0, kEnd, 2);
    b = slice(turned, -1, 1, kEnd, 2);
  } else {
    a = narrow(turned, -1, 0, pairs);
    b = narrow(turned, -1, pairs, pairs);
  }
  const Tensor u = sub(mul(a, c), mul(b, s)), v = add(mul(a, s), mul(b, c));
  const Tensor y = options.interleaved ? reshape(stack({u, v}, -1), turned.shape()) : concat({u, v}, -1);
  return dim == all ? y : concat({y, narrow(x, -1, dim, all - dim)}, -1);
}

namespace detail {

std::span<const OpEntry> rotary_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {kName,
       nullptr,
       {"pairs of x turned by t base^(-2i/D)", "g turned back"},
       [] {
         return Examples{{"halves", {{{2, 3, 4}}}, [](In in) { return rotary_embedding(in[0]); }},
                         {"interleaved, far",
                          {{{3, 4}}},
                          [](In in) {
                            return rotary_embedding(in[0],
                                                    {.base = 100, .interleaved = true, .positions = tensor({7, 0, 5})});
                          }},
                         {"some features", {{{2, 3, 5}}}, [](In in) { return rotary_embedding(in[0], {.dim = 2}); }},
                         {"no steps", {{{2, 0, 4}}}, [](In in) { return rotary_embedding(in[0]); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
