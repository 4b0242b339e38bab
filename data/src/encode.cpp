#include "steps.h"

#include "gradus/data/preprocess.h"
#include "gradus/graph/arg.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

/// The place of a value among the sorted ones.
template <class T>
std::int64_t find(const char* op, const Tensor& values, T value) {
  const T* const begin = values.data<T>();
  const T* const end = begin + values.numel();
  const T* const at = std::lower_bound(begin, end, value);
  if (at == end || *at != value)
    fail<ArgumentError>(op, fmt::format("expected one of the {} values of fit, got {}", values.numel(), value));
  return at - begin;
}

void check_dtype(const char* op, const Tensor& x, DType expected) {
  if (x.dtype() != expected) gradus::detail::fail_dtype(op, expected, x.dtype());
}

/// Column `f` of [N, F]; of [N] all.
Tensor column(const Tensor& x, std::int64_t f) {
  if (x.rank() == 1) return x;
  return view_as(x, {x.size(0)}, {x.strides()[0]}, f * x.strides()[1]);
}

}  // namespace

LabelEncode& LabelEncode::fit(const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  values_ = dispatch(x.dtype(), [&]<class T>() {
    std::vector<T> values = x.to_vector<T>();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] != values[i]) fail<ArgumentError>(kName, "expected numbers, got NaN");
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return from_vector(values);
  });
  return *this;
}

Tensor LabelEncode::transform(const Tensor& input, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, values_);
  check_dtype(kName, input, values_.dtype());
  const Tensor x = contiguous(input);
  Tensor y = empty(x.shape(), int64);
  auto* const out = y.mutable_data<std::int64_t>();
  dispatch(x.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < x.numel(); ++i) out[i] = find<T>(kName, values_, x.data<T>()[i]);
  });
  return y;
}

Tensor LabelEncode::inverse(const Tensor& input, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, values_);
  check_dtype(kName, input, int64);
  const Tensor y = contiguous(input);
  Tensor x = empty(y.shape(), values_.dtype());
  dispatch(values_.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      const std::int64_t k = y.data<std::int64_t>()[i];
      if (k < 0 || k >= values_.numel())
        fail<IndexError>(kName, fmt::format("expected 0 … {}, got {}", values_.numel() - 1, k));
      x.mutable_data<T>()[i] = values_.data<T>()[k];
    }
  });
  return x;
}

Arrays LabelEncode::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, values_);
  return {{"values", values_}};
}

void LabelEncode::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const auto at = state.find("values");
  const Tensor values = take(kName, state, "values", at == state.end() ? int64 : at->second.dtype(), 1);
  LabelEncode sorted;
  try {
    sorted.fit(values);
  } catch (const ArgumentError&) {  // NaN
  }
  if (!sorted.values_.defined() || !equal(sorted.values_, values))
    fail<IoError>(kName, "expected rising numbers in 'values', got others");
  values_ = values;
}

OneHot& OneHot::fit(const Tensor& input, CallSite site) {
  const gradus::detail::SitePin pin(site);
  if (input.rank() != 1 && input.rank() != 2)
    fail<ShapeError>(kName, "expected inputs [N] or [N, F], got " + to_string(input.shape()));
  std::vector<LabelEncode> features;
  for (std::int64_t f = 0; f < (input.rank() == 1 ? 1 : input.size(1)); ++f)
    features.push_back(LabelEncode().fit(column(input, f)));
  if (features.empty()) fail<ShapeError>(kName, "expected a feature, got " + to_string(input.shape()));
  features_ = std::move(features);
  flat_ = input.rank() == 1;
  return *this;
}

Tensor OneHot::transform(const Tensor& x, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, features_.empty() ? Tensor() : features_[0].values());
  check_row(kName, x, flat_ ? Shape{} : Shape{static_cast<std::int64_t>(features_.size())});
  if (x.rank() == 0) fail<ShapeError>(kName, "expected inputs [N, …], got []");
  std::int64_t columns = 0;
  for (const LabelEncode& feature : features_) columns += feature.values().numel();
  Tensor y = zeros({x.size(0), columns});
  auto* out = y.mutable_data<float>();
  for (std::size_t f = 0; f < features_.size(); ++f) {
    check_dtype(kName, x, features_[f].values().dtype());
    const Tensor part = contiguous(column(x, static_cast<std::int64_t>(f)));
    dispatch(part.dtype(), [&]<class T>() {
      for (std::int64_t i = 0; i < part.numel(); ++i)
        out[i * columns + find<T>(kName, features_[f].values(), part.data<T>()[i])] = 1;
    });
    out += features_[f].values().numel();
  }
  return y;
}

Tensor OneHot::inverse(const Tensor& input, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, features_.empty() ? Tensor() : features_[0].values());
  check_dtype(kName, input, float32);
  std::int64_t columns = 0;
  for (const LabelEncode& feature : features_) columns += feature.values().numel();
  check_row(kName, input, {columns});
  const Tensor y = contiguous(input);
  const std::int64_t n = y.size(0), count = static_cast<std::int64_t>(features_.size());
  Tensor x = empty(flat_ ? Shape{n} : Shape{n, count}, features_[0].values().dtype());
  const auto* from = y.data<float>();
  for (std::int64_t f = 0; f < count; ++f) {
    const Tensor& values = features_[static_cast<std::size_t>(f)].values();
    dispatch(values.dtype(), [&]<class T>() {
      for (std::int64_t i = 0; i < n; ++i) {
        const float* const row = from + i * columns;
        const auto k = std::max_element(row, row + values.numel()) - row;
        x.mutable_data<T>()[i * count + f] = values.data<T>()[k];
      }
    });
    from += values.numel();
  }
  return x;
}

Arrays OneHot::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, features_.empty() ? Tensor() : features_[0].values());
  Arrays state{{"flat", scalar(flat_ ? 1 : 0, int64)}};
  for (std::size_t f = 0; f < features_.size(); ++f) state["values." + std::to_string(f)] = features_[f].values();
  return state;
}

void OneHot::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const bool flat = take(kName, state, "flat", int64, 0).item<std::int64_t>() != 0;
  std::vector<LabelEncode> features;
  while (true) {
    const auto at = state.find("values." + std::to_string(features.size()));
    if (at == state.end()) break;
    features.emplace_back().restore({{"values", at->second}});
    check_dtype(kName, features.back().values(), features[0].values().dtype());
  }
  if (features.empty() || (flat && features.size() != 1))
    fail<IoError>(kName,
                  fmt::format("expected {} of 'values.0', …, got {}", flat ? "one" : "at least one", features.size()));
  features_ = std::move(features);
  flat_ = flat;
}

}  // namespace gradus::data
