#include "steps.h"

#include "gradus/data/preprocess.h"
#include "gradus/graph/arg.h"
#include "gradus/graph/recording.h"
#include "gradus/kernels/gemm.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

constexpr const char* kOp = Pca::kName;
constexpr std::int64_t kChunk = 4096;  // rows at a time, so that no copy of all is made in float64

/// Rows begin … end - 1 of a contiguous [n, columns] as float64, less `shift`.
Tensor shifted(const Tensor& x, std::int64_t columns, std::int64_t begin, std::int64_t end, const double* shift) {
  Tensor rows = empty({end - begin, columns}, float64);
  auto* out = rows.mutable_data<double>();
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>() + begin * columns;
    for (std::int64_t i = begin; i < end; ++i, in += columns, out += columns)
      for (std::int64_t c = 0; c < columns; ++c)
        out[c] = static_cast<double>(in[c]) - (shift == nullptr ? 0 : shift[c]);
  });
  return rows;
}

/// (x - before) matrix + after, row by row, in the dtype of x.
Tensor map_rows(
    const Tensor& input, const Shape& row, const double* before, const Tensor& matrix, const double* after) {
  const Tensor x = contiguous(input);
  Shape shape = row;
  shape.insert(0, x.size(0));
  Tensor y = empty(shape, x.dtype());
  const std::int64_t n = x.size(0), in = matrix.size(0), out = matrix.size(1);
  for (std::int64_t begin = 0; begin < n; begin += kChunk) {
    const std::int64_t end = std::min(n, begin + kChunk);
    const Tensor part = matmul(shifted(x, in, begin, end, before), matrix);
    const auto* p = part.data<double>();
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* to = y.mutable_data<T>() + begin * out;
      for (std::int64_t i = 0; i < end - begin; ++i)
        for (std::int64_t c = 0; c < out; ++c) *to++ = static_cast<T>(*p++ + (after == nullptr ? 0 : after[c]));
    });
  }
  return y;
}

/// The columns of a matrix, each times its factor.
template <class F>
Tensor scaled_columns(const Tensor& matrix, F factor) {
  Tensor result = clone(matrix);
  auto* out = result.mutable_data<double>();
  const std::int64_t k = matrix.size(1);
  for (std::int64_t i = 0; i < result.numel(); ++i) out[i] *= factor(i % k);
  return result;
}

/// Of the rows of a contiguous [n, …] with a mean [d]; [d, d].
Tensor covariance_of(const Tensor& x, const Tensor& mean, std::int64_t ddof) {
  const std::int64_t n = x.size(0), d = mean.numel();
  Tensor covariance = zeros({d, d}, float64);
  auto* const c = covariance.mutable_data<double>();
  for (std::int64_t begin = 0; begin < n; begin += kChunk) {
    const Tensor part = shifted(x, d, begin, std::min(n, begin + kChunk), mean.data<double>());
    const auto* const p = part.data<double>();
    kernels::gemm<double>(true, false, d, d, part.size(0), 1, p, d, p, d, 1, c, d);
  }
  for (std::int64_t i = 0; i < d * d; ++i) c[i] /= static_cast<double>(n - ddof);
  return covariance;
}

/// The last k columns of a [d, d], the last first, each with the sign that makes its largest entry positive.
Tensor last_columns(const Tensor& matrix, std::int64_t k) {
  const std::int64_t d = matrix.size(0);
  Tensor vectors = empty({d, k}, float64);
  const Tensor all = contiguous(matrix);
  const auto* const from = all.data<double>();
  auto* const to = vectors.mutable_data<double>();
  for (std::int64_t j = 0; j < k; ++j) {
    double largest = 0;
    for (std::int64_t i = 0; i < d; ++i) {
      const double v = to[i * k + j] = from[i * d + d - 1 - j];
      // Of entries equal but for rounding the first counts.
      if (std::abs(v) > std::abs(largest) * (1 + 1e-9)) largest = v;
    }
    if (largest < 0)
      for (std::int64_t i = 0; i < d; ++i) to[i * k + j] = -to[i * k + j];
  }
  return vectors;
}

}  // namespace

Pca::Pca(const PcaOptions& options, CallSite site) : options_(options) {
  const auto refuse = [&](const std::string& message) { fail<ArgumentError>(kOp, message, site); };
  if (options.components < 0) refuse(fmt::format("expected components >= 0, got {}", options.components));
  if (!(options.variance > 0 && options.variance <= 1))
    refuse(fmt::format("expected a share of the variance in (0, 1], got {}", options.variance));
  if (options.components > 0 && options.variance < 1)
    refuse("expected either components or a share of the variance, got both");
  if (!(options.eps >= 0)) refuse(fmt::format("expected eps >= 0, got {}", options.eps));
}

Pca& Pca::fit(const Tensor& input, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const NoGrad off;
  check_input(kOp, input);
  const Tensor x = contiguous(input);
  const Shape row = row_shape(x);
  const std::int64_t n = x.size(0), d = row.numel();
  if (options_.ddof < 0 || n <= options_.ddof || d == 0)
    fail<ArgumentError>(
        kOp,
        fmt::format(
            "expected more rows than ddof = {}, and values in them, got {}", options_.ddof, to_string(x.shape())));
  if (options_.components > d)
    fail<ArgumentError>(kOp, fmt::format("expected at most {} components, got {}", d, options_.components));

  const Tensor mean = contiguous(reshape(Center({.per = Per::feature}).fit(x).mean(), {d}));
  const auto [rising, columns] = eigh(covariance_of(x, mean, options_.ddof));
  std::vector<double> w = rising.to_vector();
  std::reverse(w.begin(), w.end());
  double total = 0;
  for (double& value : w) total += value = std::max(value, 0.0);  // below 0 by rounding only
  std::int64_t k = options_.components;
  double kept = 0;
  if (k == 0)
    while (k < d && (options_.variance == 1 || k == 0 || kept < options_.variance * total))
      kept += w[static_cast<std::size_t>(k++)];
  else
    for (std::int64_t i = 0; i < k; ++i) kept += w[static_cast<std::size_t>(i)];
  w.resize(static_cast<std::size_t>(k));
  mean_ = clone(reshape(mean, row));
  values_ = from_vector(w);
  vectors_ = last_columns(columns, k);
  kept_ = total > 0 ? kept / total : 1;
  set_matrices();
  return *this;
}

void Pca::set_matrices() {
  const NoGrad off;
  const auto* const w = values_.data<double>();
  const double eps = options_.eps;
  forward_ = vectors_;
  backward_ = vectors_;  // transposed below
  if (options_.whiten != Whiten::no) {
    forward_ = scaled_columns(vectors_, [=](std::int64_t j) { return w[j] + eps > 0 ? 1 / std::sqrt(w[j] + eps) : 0; });
    backward_ = scaled_columns(vectors_, [=](std::int64_t j) { return std::sqrt(w[j] + eps); });
  }
  if (options_.whiten == Whiten::zca) {
    forward_ = matmul(forward_, transpose(vectors_));
    backward_ = matmul(backward_, transpose(vectors_));
  }
  forward_ = contiguous(forward_);
  backward_ = contiguous(transpose(backward_));
}

Tensor Pca::transform(const Tensor& x, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  const NoGrad off;
  check_fitted(kOp, mean_);
  check_input(kOp, x);
  check_row(kOp, x, mean_.shape());
  const Shape row = options_.whiten == Whiten::zca ? mean_.shape() : Shape{values_.numel()};
  return map_rows(x, row, mean_.data<double>(), forward_, nullptr);
}

Tensor Pca::inverse(const Tensor& y, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  const NoGrad off;
  check_fitted(kOp, mean_);
  check_input(kOp, y);
  check_row(kOp, y, options_.whiten == Whiten::zca ? mean_.shape() : Shape{values_.numel()});
  return map_rows(y, mean_.shape(), nullptr, backward_, mean_.data<double>());
}

Arrays Pca::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kOp, mean_);
  return {{"mean", mean_},
          {"eigenvalues", values_},
          {"eigenvectors", vectors_},
          {"whiten", scalar(static_cast<double>(options_.whiten), int64)},
          {"eps", scalar(options_.eps, float64)},
          {"kept", scalar(kept_, float64)}};
}

void Pca::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  Tensor mean = take(kOp, state, "mean", float64);
  Tensor values = take(kOp, state, "eigenvalues", float64, 1);
  Tensor vectors = take(kOp, state, "eigenvectors", float64, 2);
  const auto whiten = take(kOp, state, "whiten", int64, 0).item<std::int64_t>();
  const double eps = take(kOp, state, "eps", float64, 0).item();
  const double kept = take(kOp, state, "kept", float64, 0).item();
  const Shape expected{mean.numel(), values.numel()};
  if (vectors.shape() != expected)
    fail<IoError>(
        kOp,
        fmt::format("expected 'eigenvectors' of shape {}, got {}", to_string(expected), to_string(vectors.shape())));
  if (whiten < 0 || whiten > 2) fail<IoError>(kOp, fmt::format("expected 'whiten' from 0 to 2, got {}", whiten));
  options_.whiten = static_cast<Whiten>(whiten);
  options_.eps = eps;
  kept_ = kept;
  mean_ = std::move(mean);
  values_ = std::move(values);
  vectors_ = std::move(vectors);
  set_matrices();
}

}  // namespace gradus::data
