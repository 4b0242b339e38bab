#pragma once

#include "gradus/tensor/dtype.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/shape.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

class Tensor;

namespace detail {

class Attachment;
/// What attachments of a kind have in common.
struct AttachmentClass {
  void (*end)(Attachment&) noexcept;  // called when nobody refers to it any more
};

/// What a higher room hangs on a tensor (a node of the tape). The tensor shares its ownership.
class Attachment {
 public:
  void retain() noexcept { refs_.increment(); }
  void release() noexcept {
    if (refs_.decrement()) class_->end(*this);
  }

 protected:
  explicit Attachment(const AttachmentClass& its_class) : class_(&its_class) {}
  ~Attachment() = default;
  const AttachmentClass* class_;
  RefCount refs_;
};

/// Reference-counted bytes; the header and the data are one block, the data 64-byte aligned where they are as many.
struct Storage {
  RefCount refs;
  std::uint32_t version = 0;  // grows with each in-place change
  std::size_t bytes = 0;      // of data

  static Storage* make(std::size_t bytes);
  std::byte* data() noexcept;
  void release() noexcept;
};
inline constexpr std::size_t kStorageHeader = 64;  // less before fewer bytes

struct TensorImpl {
  RefCount refs;
  DType dtype = DType::float32;
  std::uint8_t rank : 7 = 0;
  bool contiguous : 1 = true;
  std::uint16_t output = 0;  // which output of the attached node this is
  std::int64_t numel = 0;
  Storage* storage = nullptr;
  std::byte* data = nullptr;
  Attachment* attachment = nullptr;

  // `rank` sizes, then `rank` strides (in elements), follow the header.
  std::int64_t* sizes() { return reinterpret_cast<std::int64_t*>(this + 1); }
  std::int64_t* strides() { return sizes() + rank; }
  static TensorImpl* make(DType dtype, int rank);
  void destroy() noexcept;
};

/// DTypeError that names both types.
[[noreturn]] void fail_dtype(const char* op, DType expected, DType got, CallSite site = {});
[[noreturn]] void fail_undefined(const char* op);

}  // namespace detail

/// A handle to a reference-counted, strided, n-dimensional array. Copies share the array.
class Tensor {
 public:
  /// No tensor at all; `defined()` is false.
  Tensor() noexcept = default;
  Tensor(const Tensor& other) noexcept : impl_(other.impl_) {
    if (impl_ != nullptr) impl_->refs.increment();
  }
  Tensor(Tensor&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept {
    Tensor(other).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor(std::move(other)).swap(*this);
    return *this;
  }
  ~Tensor() { reset(); }

  void swap(Tensor& other) noexcept { std::swap(impl_, other.impl_); }
  void reset() noexcept {
    if (impl_ != nullptr && impl_->refs.decrement()) impl_->destroy();
    impl_ = nullptr;
  }

  bool defined() const noexcept { return impl_ != nullptr; }
  explicit operator bool() const noexcept = delete;

  DType dtype() const { return impl()->dtype; }
  int rank() const { return impl()->rank; }
  std::int64_t numel() const { return impl()->numel; }
  Shape shape() const { return Shape(std::span(impl()->sizes(), impl()->rank)); }
  /// In elements, not bytes.
  Shape strides() const { return Shape(std::span(impl()->strides(), impl()->rank)); }
  /// The size of one dimension; negative axes count from the back. IndexError if out of range.
  std::int64_t size(std::int64_t axis, CallSite site = CallSite::here()) const;
  /// Row-major without gaps.
  bool is_contiguous() const { return impl()->contiguous; }

  /// The first element. The others follow `strides()`. DTypeError if T is not the element type.
  template <class T>
  const T* data(CallSite site = CallSite::here()) const {
    check_type(dtype_of<T>, site);
    return reinterpret_cast<const T*>(impl_->data);
  }
  /// The same for writing: an in-place change, which a backward pass that saved this tensor will
  /// notice (GradientError there).
  template <class T>
  T* mutable_data(CallSite site = CallSite::here()) {
    check_type(dtype_of<T>, site);
    ++impl_->storage->version;
    return reinterpret_cast<T*>(impl_->data);
  }

  /// The only element, converted. ShapeError unless there is exactly one.
  template <class T = double>
    requires is_element<T>
  T item(CallSite site = CallSite::here()) const;
  /// All elements in row-major order, converted.
  template <class T = double>
    requires is_element<T>
  std::vector<T> to_vector() const;

  /// Counts in-place changes of the storage, through whichever handle.
  std::uint32_t version() const { return impl()->storage->version; }
  /// True if both are the same array (not merely equal).
  bool is_same(const Tensor& other) const noexcept { return impl_ == other.impl_; }

  /// Takes over one reference.
  explicit Tensor(detail::TensorImpl* owned) noexcept : impl_(owned) {}
  detail::TensorImpl* impl() const {
    if (impl_ == nullptr) detail::fail_undefined("tensor");
    return impl_;
  }
  /// Null for an undefined tensor.
  detail::TensorImpl* raw() const noexcept { return impl_; }

 private:
  void check_type(DType expected, CallSite site) const {
    if (impl()->dtype != expected) detail::fail_dtype("data", expected, impl_->dtype, site);
  }
  detail::TensorImpl* impl_ = nullptr;
};

// ---- construction --------------------------------------------------------------------------------

/// Elements with any values; the caller fills them.
Tensor empty(const Shape& shape, DType dtype = float32, CallSite site = CallSite::here());
/// The same of the shape and dtype of x.
Tensor empty_like(const Tensor& x);
/// Elements that are all 0.
Tensor zeros(const Shape& shape, DType dtype = float32, CallSite site = CallSite::here());
/// Elements that are all 1.
Tensor ones(const Shape& shape, DType dtype = float32, CallSite site = CallSite::here());
/// Elements that are all `value`, converted.
Tensor full(const Shape& shape, double value, DType dtype = float32, CallSite site = CallSite::here());
/// Zeros of the shape and dtype of x.
Tensor zeros_like(const Tensor& x);
/// Ones of the shape and dtype of x.
Tensor ones_like(const Tensor& x);
/// `value` in the shape and dtype of x.
Tensor full_like(const Tensor& x, double value);
/// start, start + step, … below (or, with a negative step, above) `stop`. ArgumentError if step is 0
/// or not finite.
Tensor arange(double start, double stop, double step = 1, DType dtype = float32, CallSite site = CallSite::here());
Tensor arange(std::int64_t n, DType dtype = int64, CallSite site = CallSite::here());
/// `n` values from `start` to `stop`, both included.
Tensor linspace(double start, double stop, std::int64_t n, DType dtype = float32, CallSite site = CallSite::here());
/// Ones on the diagonal of an [n, m] matrix; m is n if left out.
Tensor eye(std::int64_t n, std::int64_t m = -1, DType dtype = float32, CallSite site = CallSite::here());

/// Values in row-major order. ShapeError if their number is not that of the shape.
template <class T>
  requires is_element<T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, CallSite site = CallSite::here());
template <class T>
  requires is_element<T>
Tensor from_vector(const std::vector<T>& values, CallSite site = CallSite::here()) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())}, site);
}

namespace detail {

/// One level of nested braces: a number or a list of such.
class Nested {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  Nested(T value)
      : value_(static_cast<double>(value)),
        whole_(whole_part(value)),
        kind_(std::is_same_v<T, bool> ? DType::boolean
              : std::is_integral_v<T> ? DType::int64
                                      : DType::float32) {}
  Nested(std::initializer_list<Nested> items) : items_(items), is_list_(true) {}

 private:
  friend Tensor nested_tensor(const Nested& values, const DType* dtype, CallSite site);
  template <class T>
  static std::int64_t whole_part(T value) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<std::int64_t>(value);
    else
      return 0;
  }
  void measure(Shape& shape, int depth, DType& dtype, CallSite site) const;
  template <class T>
  void collect(std::vector<T>& out) const;

  std::vector<Nested> items_;
  double value_ = 0;
  std::int64_t whole_ = 0;  // exact where the number is whole
  DType kind_ = DType::boolean;
  bool is_list_ = false;
};
Tensor nested_tensor(const Nested& values, const DType* dtype, CallSite site);

}  // namespace detail

/// From nested braces: `tensor({{1.0, 2.0}, {3.0, 4.0}})`. Without a dtype: float32 where a number has
/// a fraction or point, else int64, or bool. ShapeError if the rows are ragged.
inline Tensor tensor(std::initializer_list<detail::Nested> values, CallSite site = CallSite::here()) {
  return detail::nested_tensor(values, nullptr, site);
}
inline Tensor tensor(std::initializer_list<detail::Nested> values, DType dtype, CallSite site = CallSite::here()) {
  return detail::nested_tensor(values, &dtype, site);
}
/// One number, of rank zero.
Tensor scalar(double value, DType dtype = float32);

// ---- copies and views ----------------------------------------------------------------------------
// These know nothing of derivatives; the ops of the same purpose do.

/// The same elements in row-major order; `x` itself (a shared handle, detached) if it is already so.
Tensor contiguous(const Tensor& x);
/// A fresh contiguous copy.
Tensor clone(const Tensor& x);
/// A fresh contiguous copy with each element converted.
Tensor cast(const Tensor& x, DType dtype);
/// The same storage seen through other sizes and strides; `offset` in elements from `x`'s first. The
/// caller vouches for the bounds.
Tensor view_as(const Tensor& x, const Shape& sizes, const Shape& strides, std::int64_t offset = 0);
/// The same array without what is attached to it.
Tensor without_attachment(const Tensor& x);
/// Copies `source` (same shape; converted) into `target` in place.
void copy_into(Tensor& target, const Tensor& source, CallSite site = CallSite::here());

/// True where both have the same dtype, shape and elements (NaN equal to NaN if asked).
bool equal(const Tensor& a, const Tensor& b, bool nan_equal = false);
/// True where shapes agree and |a - b| <= atol + rtol |b| everywhere.
bool all_close(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8);

// ---- printing ------------------------------------------------------------------------------------

struct PrintOptions {
  int precision = 8;              // digits after the point at most
  int edge_items = 3;             // shown at each end where a dimension is shortened
  std::int64_t threshold = 1000;  // with more elements dimensions are shortened
  int line_width = 75;
};
/// As NumPy's str() writes it: "[[1.  2. ]\n [3.  4.5]]". One element of rank zero has all its digits.
std::string to_string(const Tensor& x, const PrintOptions& options = {});
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace gradus
GRADUS_EXPORT_END
