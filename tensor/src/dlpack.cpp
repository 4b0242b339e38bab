#include "gradus/tensor/dlpack.h"

#include "gradus/tensor/foreign.h"

#include <fmt/format.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

namespace gradus {
namespace {

using detail::fail;
using dlpack::ManagedTensor;
using dlpack::ManagedTensorVersioned;

constexpr std::int32_t kCpu = 1;
constexpr std::uint8_t kInt = 0, kFloat = 2, kBool = 6;
constexpr std::uint32_t kMajor = 1, kMinor = 0;
constexpr std::uint64_t kReadOnly = 1;
constexpr const char* kOp = "from_dlpack";

dlpack::DataType type_of(DType dtype) {
  const std::uint8_t code = is_floating(dtype) ? kFloat : dtype == boolean ? kBool : kInt;
  return {code, static_cast<std::uint8_t>(8 * size_of(dtype)), 1};
}

DType dtype_of_dlpack(const dlpack::DataType& type, CallSite site) {
  for (const DType dtype : {float32, float64, int64, boolean})
    if (const auto known = type_of(dtype);
        type.code == known.code && type.bits == known.bits && type.lanes == known.lanes)
      return dtype;
  fail<DTypeError>(
      kOp,
      fmt::format("expected float32, float64, int64 or bool, got elements of code {}, {} bits and {} lanes",
                  type.code,
                  type.bits,
                  type.lanes),
      site);
}

struct Layout {
  Shape sizes, strides;
};
Layout layout_of(const dlpack::DLTensor& x, CallSite site) {
  if (x.ndim < 0 || x.ndim > kMaxRank || (x.ndim > 0 && x.shape == nullptr))
    fail<ShapeError>(kOp, fmt::format("expected at most {} axes, got {}", kMaxRank, x.ndim), site);
  Layout layout;
  std::int64_t numel = 1;
  for (std::int32_t d = 0; d < x.ndim; ++d) {
    layout.sizes.push_back(x.shape[d]);
    if (x.shape[d] < 0 || __builtin_mul_overflow(numel, x.shape[d], &numel))
      fail<ShapeError>(kOp, "expected sizes >= 0 that can be counted, got " + to_string(layout.sizes), site);
  }
  layout.strides = layout.sizes;
  std::int64_t step = 1;
  for (std::int32_t d = x.ndim - 1; d >= 0; --d) {
    layout.strides[d] = x.strides == nullptr ? step : x.strides[d];
    step *= std::max<std::int64_t>(x.shape[d], 1);
  }
  return layout;
}

template <class Managed>
Tensor take(Managed* managed, CallSite site) {
  const dlpack::DLTensor& x = managed->tensor;
  if (x.device.type != kCpu)
    fail<ArgumentError>(kOp, fmt::format("expected memory of the CPU (device 1), got device {}", x.device.type), site);
  const DType dtype = dtype_of_dlpack(x.dtype, site);
  const Layout layout = layout_of(x, site);
  const std::int64_t numel = layout.sizes.numel();
  auto* const data = x.data == nullptr ? nullptr : static_cast<std::byte*>(x.data) + x.byte_offset;
  if ((data == nullptr && numel > 0) || reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) != 0)
    fail<ArgumentError>(
        kOp,
        fmt::format("expected elements aligned to {} bytes, got them at {}", size_of(dtype), static_cast<void*>(data)),
        site);
  return detail::foreign_tensor({data,
                                 managed,
                                 [](void* context) {
                                   auto* const self = static_cast<Managed*>(context);
                                   if (self->deleter != nullptr) self->deleter(self);
                                 }},
                                dtype,
                                layout.sizes,
                                layout.strides);
}

/// A tensor that is held for others.
template <class Managed>
struct Lent {
  Managed managed{};
  Tensor tensor;
  std::vector<std::int64_t> sizes, strides;
};
template <class Managed>
Managed* lend(const Tensor& x) {
  auto lent = std::make_unique<Lent<Managed>>();
  const Shape sizes = x.shape(), strides = x.strides();
  lent->tensor = without_attachment(x);
  lent->sizes.assign(sizes.begin(), sizes.end());
  lent->strides.assign(strides.begin(), strides.end());
  lent->managed.tensor = {.data = x.raw()->data,
                          .device = {kCpu, 0},
                          .ndim = x.rank(),
                          .dtype = type_of(x.dtype()),
                          .shape = lent->sizes.data(),
                          .strides = lent->strides.data(),
                          .byte_offset = 0};
  lent->managed.context = lent.get();
  lent->managed.deleter = [](Managed* self) { delete static_cast<Lent<Managed>*>(self->context); };
  return &lent.release()->managed;
}

void check_there(const void* managed, CallSite site) {
  if (managed == nullptr) fail<ArgumentError>(kOp, "expected an array, got a null pointer", site);
}

}  // namespace

Tensor from_dlpack(ManagedTensor* managed, CallSite site) {
  check_there(managed, site);
  return take(managed, site);
}

Tensor from_dlpack(ManagedTensorVersioned* managed, CallSite site) {
  check_there(managed, site);
  if (managed->version.major != kMajor)
    fail<ArgumentError>(
        kOp,
        fmt::format("expected DLPack {}, got {}.{}", kMajor, managed->version.major, managed->version.minor),
        site);
  Tensor x = take(managed, site);
  return (managed->flags & kReadOnly) == 0 ? x : clone(x);
}

ManagedTensor* to_dlpack(const Tensor& x) { return lend<ManagedTensor>(x); }

ManagedTensorVersioned* to_dlpack_versioned(const Tensor& x) {
  auto* const managed = lend<ManagedTensorVersioned>(x);
  managed->version = {kMajor, kMinor};
  return managed;
}

}  // namespace gradus
