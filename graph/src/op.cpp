#include "gradus/graph/op.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
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

bool Watched::replaces(const OpCall& call, Tensors& results) const {
  bool replaced = false;
  for (OpWatch* w = watch_; w != nullptr && !replaced; w = w->outer_) replaced = w->replaces(call, results);
  if (replaced) end({call.op, call.attributes, call.inputs, {results.begin(), results.size()}, call.site});
  return replaced;
}

void Watched::end(const OpCall& call) const {
  for (OpWatch* w = watch_; w != nullptr; w = w->outer_) w->end(call);
}

}  // namespace detail

// ---- classes -----------------------------------------------------------------------------------

namespace {

bool same(const Domain& a, const Domain& b) {
  return a.low == b.low && a.high == b.high &&
         std::memcmp(&a.kinks, &b.kinks, sizeof a.kinks) == 0;  // NaN stands for none
}

bool same(const OpInfo& a, const OpInfo& b) {
  return std::string_view(a.name) == b.name && a.arity == b.arity && a.saves == b.saves && a.linearity == b.linearity &&
         a.differentiable == b.differentiable && a.outputs == b.outputs && a.flops == b.flops &&
         same(a.domain, b.domain);
}

}  // namespace

const OpClass& detail::intern(const OpClass& op) {
  struct Known {
    std::string name;
    OpClass op;
  };
  static std::mutex mutex;
  static auto* const known = new std::deque<Known>;  // nodes may outlive static destructors
  const std::scoped_lock lock(mutex);
  for (const Known& k : *known)
    if (k.op.forward == op.forward && same(k.op.info, op.info)) return k.op;
  Known& added = known->emplace_back(Known{op.info.name, op});
  added.op.info.name = added.name.c_str();
  return added.op;
}

double flops_of(const OpClass& op, const void* attributes, const OpShapes& shapes) {
  if (op.flops != nullptr) return op.flops(attributes, shapes);
  std::int64_t most = 0;
  for (const auto& side : {shapes.in, shapes.out})
    for (const Shape& shape : side) most = std::max(most, shape.numel());
  return op.info.flops * static_cast<double>(most);
}

}  // namespace gradus
