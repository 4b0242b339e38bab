#include "gradus/tensor/foreign.h"

#include "make.h"

#include <algorithm>
#include <cstdlib>

namespace gradus::detail {
namespace {

struct ForeignStorage : Storage {
  ForeignMemory memory;
};

}  // namespace

void end_foreign(Storage& storage) noexcept {
  auto& foreign = static_cast<ForeignStorage&>(storage);
  foreign.memory.end(foreign.memory.context);
  delete &foreign;
}

std::size_t data_bytes(const Storage& storage) { return storage.bytes & ~kForeign; }

Tensor foreign_tensor(const ForeignMemory& memory, DType dtype, const Shape& sizes, const Shape& strides) {
  Tensor result(TensorImpl::make(dtype, sizes.rank()));
  TensorImpl* const impl = result.raw();
  std::copy(sizes.begin(), sizes.end(), impl->sizes());
  std::copy(strides.begin(), strides.end(), impl->strides());
  impl->numel = sizes.numel();
  impl->contiguous = is_row_major(sizes, strides);
  impl->data = static_cast<std::byte*>(memory.data);
  std::int64_t last = 0;  // how far elements lie apart at most
  for (int d = 0; d < sizes.rank(); ++d) last += std::max<std::int64_t>(sizes[d] - 1, 0) * std::abs(strides[d]);
  auto* const storage = new ForeignStorage;
  storage->bytes = kForeign | (impl->numel == 0 ? 0 : static_cast<std::size_t>(last + 1) * size_of(dtype));
  storage->memory = memory;
  impl->storage = storage;
  return result;
}

}  // namespace gradus::detail
