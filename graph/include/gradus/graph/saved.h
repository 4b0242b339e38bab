#pragma once

#include "gradus/tensor/tensor.h"

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// While it lives, what ops on this thread save for their rules is kept as `pack` makes it, and made again by
/// `unpack` each time a rule asks for it: in a smaller type, in a file, or not at all.
///
///     const SavedTensorHooks hooks([](const Tensor& x) { return to(x, float32); },
///                                  [](const Tensor& p) { return to(p, float64); });
///
///   pack      takes a saved input or output, of which it may keep a handle, and gives anything copyable
///   unpack    takes that, or a const std::any& that holds it, and gives a tensor of the same shape and
///             dtype; called in the backward pass, when the guard may be gone
/// Both run without recording, and derivatives of higher order pass through what was packed as usual. Leaves
/// are kept as they are, as they live on elsewhere. A tensor that several ops save is packed by each. The
/// innermost hooks are in force.
class SavedTensorHooks {
 public:
  using Pack = std::function<std::any(const Tensor&)>;
  using Unpack = std::function<Tensor(const std::any&)>;

  SavedTensorHooks(Pack pack, Unpack unpack);
  template <class P, class U, class R = std::decay_t<std::invoke_result_t<P&, const Tensor&>>>
    requires(!std::is_invocable_v<U&, const std::any&> && std::is_invocable_v<U&, const R&>)
  SavedTensorHooks(P pack, U unpack)
      : SavedTensorHooks(Pack(std::move(pack)), Unpack([unpack = std::move(unpack)](const std::any& handle) mutable {
                           return unpack(std::any_cast<const R&>(handle));
                         })) {}
  ~SavedTensorHooks();
  SavedTensorHooks(const SavedTensorHooks&) = delete;
  SavedTensorHooks& operator=(const SavedTensorHooks&) = delete;

  std::any pack(const Tensor& x) const { return pack_(x); }
  const std::shared_ptr<const Unpack>& unpacker() const { return unpack_; }

 private:
  Pack pack_;
  std::shared_ptr<const Unpack> unpack_;  // outlives the guard
  const SavedTensorHooks* outer_;
};

namespace detail {

extern thread_local constinit const SavedTensorHooks* saved_hooks;  // the innermost

/// A saved tensor as hooks keep it.
struct PackedTensor {
  int slot;  // as that of SavedTensor
  DType dtype;
  Shape shape;
  std::any handle;
  std::shared_ptr<const SavedTensorHooks::Unpack> unpacker;
  std::uint32_t version;  // of the handle, if it is a tensor

  /// GradientError if what comes out is not like what went in, or a packed tensor has changed in place.
  Tensor unpack() const;
};
/// Adds what the hooks in force make of a tensor; leaves are left alone.
void pack(std::vector<PackedTensor>& packed, const Tensor& x, int slot);

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END
