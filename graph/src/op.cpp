#include "gradus/graph/op.h"

#include "gradus/graph/plain_op.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <string>

namespace gradus {

void Tensors::reserve(std::size_t n) {
  if (n <= capacity_) return;
  auto* grown = static_cast<Tensor*>(detail::allocate(n * sizeof(Tensor)));
  std::uninitialized_move_n(begin(), size_, grown);
  std::uninitialized_default_construct_n(grown + size_, n - size_);
  if (heap_ != nullptr) {
    std::destroy_n(heap_, capacity_);
    detail::deallocate(heap_, capacity_ * sizeof(Tensor));
  }
  heap_ = grown;
  capacity_ = n;
}

Tensors::~Tensors() {
  if (heap_ == nullptr) return;
  std::destroy_n(heap_, capacity_);
  detail::deallocate(heap_, capacity_ * sizeof(Tensor));
}

void Tensors::swap(Tensors& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(inline_, other.inline_);
  std::swap(heap_, other.heap_);
}

// ---- watching ----------------------------------------------------------------------------------

namespace detail {

thread_local constinit OpWatch* op_watch = nullptr;

OpWatch::OpWatch() : outer_(std::exchange(op_watch, this)) {}
OpWatch::~OpWatch() {
  OpWatch** at = &op_watch;
  while (*at != nullptr && *at != this) at = &(*at)->outer_;
  if (*at == this) *at = outer_;
}

void Watched::begin() const {
  op_watch = nullptr;
  for (OpWatch* w = watch_; w != nullptr; w = w->outer_) w->begin();
}

void Watched::end(const OpCall& call) const {
  for (OpWatch* w = watch_; w != nullptr; w = w->outer_) w->end(call);
}

}  // namespace detail

// ---- ops from functions ------------------------------------------------------------------------

namespace detail {

const OpClass& plain_class(const char* name, const OpInfo& info) {
  using Attributes = std::shared_ptr<const PlainFunctions>;
  struct Known {
    std::string name;
    OpClass op;
  };
  static std::mutex mutex;
  static auto* const known = new std::deque<Known>;  // nodes may outlive static destructors
  const std::scoped_lock lock(mutex);
  for (const Known& k : *known) {
    const OpInfo& i = k.op.info;
    if (k.name == name && i.arity == info.arity && i.saves == info.saves &&
        i.linearity == info.linearity && i.differentiable == info.differentiable &&
        i.outputs == info.outputs && i.flops == info.flops && i.domain.low == info.domain.low &&
        i.domain.high == info.domain.high &&
        std::memcmp(&i.domain.kinks, &info.domain.kinks, sizeof i.domain.kinks) == 0)
      return k.op;
  }
  OpClass& added =
      known
          ->emplace_back(Known{name,
                               {info,
                                sizeof(Attributes),
                                [](void* to, const void* from) {
                                  new (to) Attributes(*static_cast<const Attributes*>(from));
                                },
                                [](void* a) { static_cast<Attributes*>(a)->~Attributes(); },
                                [](const void* a, std::span<const Tensor> inputs) {
                                  return (*static_cast<const Attributes*>(a))->forward(inputs);
                                },
                                [](const void* a, const Pullback& p) {
                                  return (*static_cast<const Attributes*>(a))->rule(p);
                                },
                                [](const void*, AttributeVisitor&) {}}})
          .op;
  added.info.name = known->back().name.c_str();
  return added;
}

Tensors apply_plain(const OpClass& op,
                    const std::shared_ptr<const PlainFunctions>& functions,
                    std::span<const Tensor> inputs,
                    CallSite site) {
  const Watched watched;
  Tensors results = [&] {
    const ForwardGuard guard(site);
    return functions->forward(inputs);
  }();
  std::vector<const Tensor*> at;
  for (const Tensor& x : inputs) at.push_back(&x);
  if (op.info.differentiable && is_recording() &&
      std::any_of(inputs.begin(), inputs.end(), has_node))
    record(op, &functions, at, {results.begin(), results.size()}, site);
  if (watched) watched.end({op, &functions, at, span_of(results), site});
  return results;
}

}  // namespace detail

double flops_of(const OpClass& op, const void* attributes, const OpShapes& shapes) {
  if (op.flops != nullptr) return op.flops(attributes, shapes);
  std::int64_t most = 0;
  for (const auto& side : {shapes.in, shapes.out})
    for (const Shape& shape : side) most = std::max(most, shape.numel());
  return op.info.flops * static_cast<double>(most);
}

}  // namespace gradus
