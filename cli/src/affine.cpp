#include "affine.h"

#include "command.h"

#include "gradus/graph/recording.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>

namespace gradus::cli {
namespace {

constexpr std::int64_t kMostValues = 4096;  // of a row, if a matrix is needed

Tensor rows_like(const Shape& row, const Tensor& values) {
  Shape shape = row;
  shape.insert(0, values.size(0));
  return reshape(values, shape);
}

/// Rows to try it on.
Tensor some_rows(const Shape& row) {
  Generator random(1);
  return normal({8, row.numel()}, 0, 1, float64, random);
}

bool agree(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && all_close(a, b, 1e-6, 1e-6); }

}  // namespace

Affine::Affine(const data::Transform& transform, const Shape& row, const char* where) {
  const NoGrad guard;
  if (!by_elements(transform, row) && !by_rows(transform, row))
    throw UsageError(fmt::format(
        "{}: expected preprocessing by sums and products, got another: --net leaves it to the user of the file",
        where));
}

bool Affine::by_elements(const data::Transform& transform, const Shape& row) {
  const auto at = [&](double value) {
    const Tensor x = full({1, row.numel()}, value, float64);
    return transform(rows_like(row, x), CallSite{});
  };
  const Tensor none = at(0), one = at(1), missing = at(std::numeric_limits<double>::quiet_NaN());
  given_ = none.shape();
  given_.erase(0);
  if (given_ != row) return false;
  const Tensor scale = reshape(sub(one, none), row), still = equal_to(scale, 0);
  shift_ = where(still, 0.0, div(neg(reshape(none, row)), where(still, 1.0, scale)));
  rest_ = where(still, reshape(none, row), 0.0);
  scale_ = scale;
  if (any(logical_not(isnan(missing))).item() != 0) filled_ = reshape(missing, row);
  const Tensor rows = rows_like(row, some_rows(row));
  return agree((*this)(rows), transform(rows, CallSite{}));
}

bool Affine::by_rows(const data::Transform& transform, const Shape& row) {
  shift_ = scale_ = rest_ = filled_ = Tensor();
  const std::int64_t n = row.numel();
  if (n > kMostValues) return false;
  const Tensor none = flatten(transform(rows_like(row, zeros({1, n}, float64)), CallSite{}), 1);
  const Tensor units = flatten(transform(rows_like(row, eye(n, n, float64)), CallSite{}), 1);
  matrix_ = sub(units, none);
  offset_ = reshape(none, {none.size(1)});
  const Tensor rows = rows_like(row, some_rows(row));
  return agree((*this)(rows), transform(rows, CallSite{}));
}

Tensor Affine::operator()(const Tensor& x) const {
  const auto like = [&](const Tensor& t) { return to(t, x.dtype()); };
  if (shift_.defined()) {
    const Tensor y = add(mul(sub(x, like(shift_)), like(scale_)), like(rest_));
    return filled_.defined() ? where(isnan(x), like(filled_), y) : y;
  }
  const Tensor wide = to(flatten(x, 1), float64);
  Shape shape = given_;
  shape.insert(0, x.size(0));
  return reshape(to(add(matmul(wide, matrix_), offset_), x.dtype()), shape);
}

}  // namespace gradus::cli
