#include "gradus/tensor/tensor.h"

#include "make.h"

#include "gradus/tensor/packed.h"
#include "gradus/tensor/runtime.h"
#include "gradus/tensor/strided.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

namespace gradus {
namespace detail {

/// Of what stands before `bytes` of data, so that they are aligned to 64 bytes, or to 8 if there are fewer.
static std::size_t header_bytes(std::size_t bytes) { return bytes < kStorageHeader ? sizeof(Storage) : kStorageHeader; }

static std::size_t block_bytes(std::size_t bytes) {
  return header_bytes(bytes) + (bytes < kStorageHeader ? bytes : (bytes + 63) / 64 * 64);
}

Storage* Storage::make(std::size_t bytes) {
  auto* storage = new (allocate_packed(block_bytes(bytes))) Storage;
  storage->bytes = bytes;
  return storage;
}

std::byte* Storage::data() noexcept { return reinterpret_cast<std::byte*>(this) + header_bytes(bytes); }

void Storage::release() noexcept {
  if (!refs.decrement()) return;
  if ((bytes & kForeign) != 0)
    end_foreign(*this);
  else
    deallocate_packed(this, block_bytes(bytes));
}

static std::size_t impl_bytes(int rank) {
  return sizeof(TensorImpl) + 2 * sizeof(std::int64_t) * static_cast<std::size_t>(rank);
}

TensorImpl* TensorImpl::make(DType dtype, int rank) {
  auto* impl = new (allocate_packed(impl_bytes(rank))) TensorImpl;
  impl->dtype = dtype;
  impl->rank = static_cast<std::uint8_t>(rank) & 0x7f;
  return impl;
}

void TensorImpl::destroy() noexcept {
  Attachment* const attached = attachment;
  if (storage != nullptr) storage->release();
  const std::size_t bytes = impl_bytes(rank);
  this->~TensorImpl();
  deallocate_packed(this, bytes);
  if (attached != nullptr) attached->release();
}

static void give_storage(TensorImpl& impl, const char* op, CallSite site) {
  const std::size_t bytes = static_cast<std::size_t>(impl.numel) * size_of(impl.dtype);
  try {
    impl.storage = Storage::make(bytes);
  } catch (const std::bad_alloc&) {
    const Shape shape(std::span(impl.sizes(), impl.rank));
    fail<ShapeError>(
        op, fmt::format("expected a shape that memory can hold, got {} ({} bytes)", to_string(shape), bytes), site);
  }
  impl.data = impl.storage->data();
}

Tensor make_tensor(const char* op, const Shape& shape, DType dtype, CallSite site) {
  std::int64_t numel = 1;
  const auto most = std::numeric_limits<std::int64_t>::max() / 16;
  for (std::int64_t size : shape) {
    if (size < 0) fail<ShapeError>(op, "expected sizes >= 0, got " + to_string(shape), site);
    if (size != 0 && numel > most / size)
      fail<ShapeError>(op, "expected a shape that memory can hold, got " + to_string(shape), site);
    numel *= size;
  }
  Tensor result(TensorImpl::make(dtype, shape.rank()));
  TensorImpl* impl = result.raw();
  impl->numel = numel;
  std::copy(shape.begin(), shape.end(), impl->sizes());
  std::int64_t step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    impl->strides()[d] = step;
    step *= shape[d] > 1 ? shape[d] : 1;
  }
  give_storage(*impl, op, site);
  return result;
}

/// A tensor of equal elements; ArgumentError if an int64 does not hold the value.
static Tensor make_full(const char* op, const Shape& shape, double value, DType dtype, CallSite site) {
  if (dtype == int64 && !(value >= -0x1p63 && value < 0x1p63))
    fail<ArgumentError>(op, fmt::format("expected a value that int64 can hold, got {}", value), site);
  Tensor result = make_tensor(op, shape, dtype, site);
  dispatch(dtype, [&]<class T>() {
    parallel_for(
        result.numel(), 1 << 18, [out = result.mutable_data<T>(), value](std::int64_t begin, std::int64_t end) {
          std::fill_n(out + begin, end - begin, static_cast<T>(value));
        });
  });
  return result;
}

/// out[i a] = in[i b] for i in [0, n)
template <class To, class From>
[[gnu::noinline]] static void copy_row(
    To* __restrict out, std::int64_t a, const From* in, std::int64_t b, std::int64_t n) {
  if (a == 1 && b == 0) {
    std::fill_n(out, n, static_cast<To>(*in));
  } else if (a == 1 && b == 1) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<To>(in[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i * a] = static_cast<To>(in[i * b]);
  }
}

/// The loop along which operand k's elements lie closest; -1 if it repeats one element.
static int closest(const Loops<2>& loops, int k) {
  int best = -1;
  for (int d = 0; d < loops.rank; ++d) {
    const std::int64_t stride = std::abs(loops.strides[k][d]);
    if (stride != 0 && (best < 0 || stride <= std::abs(loops.strides[k][best]))) best = d;
  }
  return best;
}

/// Copies where the elements of the operands lie closest along different loops, w and r: in square tiles, which are
/// read along r and written along w.
template <class To, class From>
static void copy_tiles(To* to, const From* from, const Loops<2>& loops, int w, int r) {
  constexpr std::int64_t kTile = 8;
  const std::int64_t n = loops.sizes[w], m = loops.sizes[r];
  const std::int64_t out_w = loops.strides[0][w], out_r = loops.strides[0][r];
  const std::int64_t in_w = loops.strides[1][w], in_r = loops.strides[1][r];
  const auto copy_tile = [=](To* out, const From* in, auto width, auto height, auto along_r, auto along_w) {
    From tile[kTile][kTile];
    for (std::int64_t j = 0; j < width; ++j)
      for (std::int64_t i = 0; i < height; ++i) tile[j][i] = in[j * in_w + i * along_r];
    for (std::int64_t i = 0; i < height; ++i)
      for (std::int64_t j = 0; j < width; ++j) out[i * out_r + j * along_w] = static_cast<To>(tile[j][i]);
  };
  // Most tiles are whole ones without gaps: of sizes and strides that are known when the loops are compiled.
  const auto copy = [=](To* out, const From* in, std::int64_t width, std::int64_t height) {
    const std::integral_constant<std::int64_t, kTile> whole;
    const std::integral_constant<std::int64_t, 1> one;
    if (width == kTile && height == kTile && in_r == 1 && out_w == 1) return copy_tile(out, in, whole, whole, one, one);
    copy_tile(out, in, width, height, in_r, out_w);
  };
  Shape others(std::span(loops.sizes, static_cast<std::size_t>(loops.rank)));
  others[w] = others[r] = 1;
  const Loops<2> rest(loops.rank, others.begin(), {loops.strides[0], loops.strides[1]});
  rest.for_each_row([&](const auto& offset) {
    for (std::int64_t k = 0; k < rest.inner_size(); ++k) {
      To* out = to + offset[0] + k * rest.inner_stride(0);
      const From* in = from + offset[1] + k * rest.inner_stride(1);
      parallel_for((m + kTile - 1) / kTile, 1 + (1 << 12) / (1 + n), [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin * kTile; i < std::min(m, end * kTile); i += kTile)
          for (std::int64_t j = 0; j < n; j += kTile)
            copy(out + i * out_r + j * out_w, in + i * in_r + j * in_w, std::min(kTile, n - j), std::min(kTile, m - i));
      });
    }
  });
}

static void copy_elements(TensorImpl& to, const TensorImpl& from) {
  constexpr std::int64_t kGrain = 1 << 16;  // elements worth a second thread
  auto& source = const_cast<TensorImpl&>(from);
  dispatch(to.dtype, [&]<class To>() {
    dispatch(from.dtype, [&]<class From>() {
      auto* out = reinterpret_cast<To*>(to.data);
      // Read as bytes, bools are converted by vectors.
      using Stored = std::conditional_t<std::is_same_v<From, bool>, unsigned char, From>;
      const auto* in = reinterpret_cast<const Stored*>(from.data);
      if (to.contiguous && from.contiguous) return copy_row(out, 1, in, 1, to.numel);
      const Loops<2> loops(to.rank, to.sizes(), {to.strides(), source.strides()});
      const int w = closest(loops, 0), r = closest(loops, 1);
      const bool repeats = w >= 0 && loops.strides[1][w] == 0;  // one element along the row that is written
      if (w >= 0 && r >= 0 && w != r && !repeats) return copy_tiles(out, in, loops, w, r);
      parallel_rows(
          loops, kGrain, [=, a = loops.inner_stride(0), b = loops.inner_stride(1)](const auto& at, std::int64_t n) {
            copy_row(out + at[0], a, in + at[1], b, n);
          });
    });
  });
}

bool is_row_major(const Shape& sizes, const Shape& strides) {
  if (sizes.numel() == 0) return true;
  std::int64_t step = 1;
  for (int d = sizes.rank() - 1; d >= 0; --d) {
    if (sizes[d] == 1) continue;
    if (strides[d] != step) return false;
    step *= sizes[d];
  }
  return true;
}

}  // namespace detail

using detail::fail;

std::int64_t Tensor::size(std::int64_t axis, CallSite site) const {
  return impl()->sizes()[normalize_axis(axis, impl_->rank, "size", site)];
}

template <class T>
  requires is_element<T>
T Tensor::item(CallSite site) const {
  if (numel() != 1) fail<ShapeError>("item", "expected one element, got shape " + to_string(shape()), site);
  return dispatch(dtype(), [&]<class From>() { return static_cast<T>(*data<From>()); });
}

template <class T>
  requires is_element<T>
std::vector<T> Tensor::to_vector() const {
  const Tensor same = dtype() == dtype_of<T> ? contiguous(*this) : cast(*this, dtype_of<T>);
  return std::vector<T>(same.data<T>(), same.data<T>() + numel());
}

template float Tensor::item(CallSite) const;
template double Tensor::item(CallSite) const;
template std::int64_t Tensor::item(CallSite) const;
template bool Tensor::item(CallSite) const;
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<std::int64_t> Tensor::to_vector() const;
template std::vector<bool> Tensor::to_vector() const;

// ---- construction --------------------------------------------------------------------------------

Tensor empty(const Shape& shape, DType dtype, CallSite site) {
  return detail::make_tensor("empty", shape, dtype, site);
}

Tensor empty_like(const Tensor& x) {
  detail::TensorImpl* from = x.impl();
  if (!from->contiguous) return empty(x.shape(), from->dtype);
  Tensor result(detail::TensorImpl::make(from->dtype, from->rank));
  detail::TensorImpl* impl = result.raw();
  impl->numel = from->numel;
  std::copy_n(from->sizes(), 2 * from->rank, impl->sizes());
  detail::give_storage(*impl, "empty_like", {});
  return result;
}

Tensor full(const Shape& shape, double value, DType dtype, CallSite site) {
  return detail::make_full("full", shape, value, dtype, site);
}
Tensor zeros(const Shape& shape, DType dtype, CallSite site) {
  return detail::make_full("zeros", shape, 0, dtype, site);
}
Tensor ones(const Shape& shape, DType dtype, CallSite site) { return detail::make_full("ones", shape, 1, dtype, site); }
Tensor zeros_like(const Tensor& x) { return full(x.shape(), 0, x.dtype()); }
Tensor ones_like(const Tensor& x) { return full(x.shape(), 1, x.dtype()); }
Tensor full_like(const Tensor& x, double value) { return full(x.shape(), value, x.dtype()); }
Tensor scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor arange(double start, double stop, double step, DType dtype, CallSite site) {
  if (step == 0 || !std::isfinite(step) || !std::isfinite(start) || !std::isfinite(stop))
    fail<ArgumentError>(
        "arange",
        fmt::format("expected finite bounds and a step other than 0, got {}, {}, {}", start, stop, step),
        site);
  if (dtype == int64 && std::max(std::abs(start), std::abs(stop)) >= 0x1p63)
    fail<ArgumentError>("arange", fmt::format("expected bounds that int64 can hold, got {}, {}", start, stop), site);
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  if (count > 1e15) fail<ArgumentError>("arange", fmt::format("expected fewer values, got {}", count), site);
  Tensor result = detail::make_tensor("arange", {static_cast<std::int64_t>(count)}, dtype, site);
  dispatch(dtype, [&]<class T>() {
    T* out = result.mutable_data<T>();
    for (std::int64_t i = 0; i < result.numel(); ++i) out[i] = static_cast<T>(start + step * static_cast<double>(i));
  });
  return result;
}

Tensor arange(std::int64_t n, DType dtype, CallSite site) {
  return arange(0.0, static_cast<double>(n), 1.0, dtype, site);
}

Tensor linspace(double start, double stop, std::int64_t n, DType dtype, CallSite site) {
  if (n < 0) fail<ArgumentError>("linspace", fmt::format("expected values >= 0, got {}", n), site);
  if (dtype == int64 && !(std::max(std::abs(start), std::abs(stop)) < 0x1p63))
    fail<ArgumentError>(
        "linspace", fmt::format("expected bounds that int64 can hold, got {} and {}", start, stop), site);
  Tensor result = detail::make_tensor("linspace", {n}, dtype, site);
  dispatch(dtype, [&]<class T>() {
    T* out = result.mutable_data<T>();
    for (std::int64_t i = 0; i < n; ++i) {
      const double t = n == 1 ? 0 : static_cast<double>(i) / static_cast<double>(n - 1);
      out[i] = static_cast<T>(i == n - 1 && n > 1 ? stop : start + (stop - start) * t);
    }
  });
  return result;
}

Tensor eye(std::int64_t n, std::int64_t m, DType dtype, CallSite site) {
  if (m < 0) m = n;
  Tensor result = detail::make_full("eye", {n, m}, 0, dtype, site);
  dispatch(dtype, [&]<class T>() {
    T* out = result.mutable_data<T>();
    for (std::int64_t i = 0; i < std::min(n, m); ++i) out[i * m + i] = T(1);
  });
  return result;
}

template <class T>
  requires is_element<T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, CallSite site) {
  Tensor result = detail::make_tensor("from_vector", shape, dtype_of<T>, site);
  if (result.numel() != static_cast<std::int64_t>(values.size()))
    fail<ShapeError>(
        "from_vector",
        fmt::format("expected {} values for shape {}, got {}", result.numel(), to_string(shape), values.size()),
        site);
  std::copy(values.begin(), values.end(), result.mutable_data<T>());
  return result;
}
template GRADUS_EXPORT Tensor from_vector(const std::vector<float>&, const Shape&, CallSite);
template GRADUS_EXPORT Tensor from_vector(const std::vector<double>&, const Shape&, CallSite);
template GRADUS_EXPORT Tensor from_vector(const std::vector<std::int64_t>&, const Shape&, CallSite);
template GRADUS_EXPORT Tensor from_vector(const std::vector<bool>&, const Shape&, CallSite);

namespace detail {

void Nested::measure(Shape& shape, int depth, DType& dtype, CallSite site) const {
  const auto ragged = [&](const std::string& got) {
    fail<ShapeError>("tensor", "expected rows of one length, got " + got, site);
  };
  if (!is_list_) {
    if (depth != shape.rank()) ragged("a number where a row belongs");
    dtype = promote(dtype, kind_);
    return;
  }
  const auto n = static_cast<std::int64_t>(items_.size());
  if (depth >= shape.rank()) ragged("a row where a number belongs");
  if (shape[depth] != n) ragged(fmt::format("{} and {}", shape[depth], n));
  for (const Nested& item : items_) item.measure(shape, depth + 1, dtype, site);
}

template <class T>
void Nested::collect(std::vector<T>& out) const {
  if (is_list_) {
    for (const Nested& item : items_) item.collect(out);
  } else {
    out.push_back(kind_ == DType::int64 ? static_cast<T>(whole_) : static_cast<T>(value_));
  }
}

Tensor nested_tensor(const Nested& values, const DType* dtype, CallSite site) {
  Shape shape;
  for (const Nested* level = &values; level->is_list_; level = &level->items_.front()) {
    if (shape.rank() == kMaxRank)
      fail<ShapeError>("tensor", fmt::format("expected at most {} levels of braces, got more", kMaxRank), site);
    shape.push_back(static_cast<std::int64_t>(level->items_.size()));
    if (level->items_.empty()) break;
  }
  DType kind = boolean;
  values.measure(shape, 0, kind, site);
  if (shape.numel() == 0) kind = float32;
  return dispatch(dtype != nullptr ? *dtype : kind, [&]<class T>() {
    std::vector<T> numbers;
    values.collect(numbers);
    return from_vector(numbers, shape, site);
  });
}

}  // namespace detail

// ---- copies and views ----------------------------------------------------------------------------

Tensor view_as(const Tensor& x, const Shape& sizes, const Shape& strides, std::int64_t offset) {
  detail::TensorImpl* from = x.impl();
  Tensor result(detail::TensorImpl::make(from->dtype, sizes.rank()));
  detail::TensorImpl* impl = result.raw();
  impl->numel = 1;
  for (std::int64_t size : sizes)
    if (__builtin_mul_overflow(impl->numel, size, &impl->numel))
      fail<ShapeError>("view", "expected a shape whose elements can be counted, got " + to_string(sizes));
  std::copy(sizes.begin(), sizes.end(), impl->sizes());
  std::copy(strides.begin(), strides.end(), impl->strides());
  impl->contiguous = detail::is_row_major(sizes, strides);
  impl->storage = from->storage;
  impl->storage->refs.increment();
  impl->data = from->data + offset * static_cast<std::int64_t>(size_of(from->dtype));
  return result;
}

Tensor without_attachment(const Tensor& x) {
  detail::TensorImpl* from = x.impl();
  if (from->attachment == nullptr) return x;
  Tensor result(detail::TensorImpl::make(from->dtype, from->rank));
  detail::TensorImpl* impl = result.raw();
  impl->numel = from->numel;
  impl->contiguous = from->contiguous;
  std::copy_n(from->sizes(), 2 * from->rank, impl->sizes());
  impl->storage = from->storage;
  impl->storage->refs.increment();
  impl->data = from->data;
  return result;
}

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? without_attachment(x) : clone(x); }

Tensor clone(const Tensor& x) { return cast(x, x.dtype()); }

Tensor cast(const Tensor& x, DType dtype) {
  Tensor result = empty(x.shape(), dtype);
  detail::copy_elements(*result.raw(), *x.raw());
  return result;
}

void copy_into(Tensor& target, const Tensor& source, CallSite site) {
  if (target.shape() != source.shape())
    fail<ShapeError>(
        "copy_into", fmt::format("expected {}, got {}", to_string(target.shape()), to_string(source.shape())), site);
  ++target.impl()->storage->version;
  const bool overlap = target.raw()->storage == source.raw()->storage;
  detail::copy_elements(*target.raw(), *(overlap ? clone(source) : source).raw());
}

bool equal(const Tensor& a, const Tensor& b, bool nan_equal) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = contiguous(a), y = contiguous(b);
  return dispatch(a.dtype(), [&]<class T>() {
    const T *p = x.data<T>(), *q = y.data<T>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      if (p[i] == q[i]) continue;
      if (!nan_equal || p[i] == p[i] || q[i] == q[i]) return false;
    }
    return true;
  });
}

bool all_close(const Tensor& a, const Tensor& b, double rtol, double atol) {
  if (a.shape() != b.shape()) return false;
  const auto x = a.to_vector(), y = b.to_vector();
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] != y[i] && !(std::abs(x[i] - y[i]) <= atol + rtol * std::abs(y[i]))) return false;
  return true;
}

}  // namespace gradus
