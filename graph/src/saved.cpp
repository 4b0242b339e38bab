#include "gradus/graph/saved.h"

#include "gradus/graph/node.h"

#include <fmt/format.h>

namespace gradus {
namespace detail {

thread_local constinit const SavedTensorHooks* saved_hooks = nullptr;

/// The version of a tensor in a handle.
static std::uint32_t version_in(const std::any& handle) {
  const auto* x = std::any_cast<Tensor>(&handle);
  return x != nullptr && x->defined() ? x->version() : 0;
}

Tensor PackedTensor::unpack() const {
  if (version_in(handle) != version)
    fail<GradientError>("saved_tensor_hooks",
                        fmt::format("expected a packed tensor as it was when recorded (version {}), "
                                    "got it changed in place since (version {})",
                                    version,
                                    version_in(handle)));
  const NoGrad guard;
  Tensor x = (*unpacker)(handle);
  if (!x.defined() || x.dtype() != dtype || x.shape() != shape)
    fail<GradientError>("saved_tensor_hooks",
                        fmt::format("expected unpack to give {} {}, got {}",
                                    to_string(dtype),
                                    to_string(shape),
                                    x.defined() ? fmt::format("{} {}", to_string(x.dtype()), to_string(x.shape()))
                                                : "an undefined tensor"));
  return x;
}

void pack(std::vector<PackedTensor>& packed, const Tensor& x, int slot) {
  if (is_leaf(x)) return;
  const NoGrad guard;
  const SavedTensorHooks* hooks = std::exchange(saved_hooks, nullptr);
  struct Restore {
    const SavedTensorHooks* hooks;
    ~Restore() { saved_hooks = hooks; }
  } const restore{hooks};
  std::any handle = hooks->pack(detach(x));
  const std::uint32_t version = version_in(handle);
  packed.push_back({slot, x.dtype(), x.shape(), std::move(handle), hooks->unpacker(), version});
}

}  // namespace detail

SavedTensorHooks::SavedTensorHooks(Pack pack, Unpack unpack)
    : pack_(std::move(pack)),
      unpack_(std::make_shared<const Unpack>(std::move(unpack))),
      outer_(std::exchange(detail::saved_hooks, this)) {}

SavedTensorHooks::~SavedTensorHooks() { detail::saved_hooks = outer_; }

}  // namespace gradus
