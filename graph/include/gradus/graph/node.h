#pragma once

#include "gradus/graph/op.h"
#include "gradus/graph/scope.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus {

class Node;

/// From a node to the node that made one of its inputs; `node` is null where no gradient is needed.
struct Edge {
  Node* node = nullptr;
  std::uint32_t output = 0;  // which of its results
};

/// A tensor kept for the rule, with the version of its storage at that time. Kept outputs are kept without
/// their node, so that no cycle arises.
struct SavedTensor {
  Tensor tensor;
  std::uint32_t version = 0;
  std::int16_t slot = 0;  // input i is i, output i is -1 - i
};

/// One recorded op. Made by `detail::record`, owned by its results and by the nodes that follow. Edges,
/// saved tensors, shapes of the results and the attributes stand behind the header in one block.
class Node : public detail::Attachment {
 public:
  const OpClass& op() const { return *op_; }
  const char* name() const { return op_->info.name; }
  /// Its place on the tape: greater than that of every node it uses.
  std::uint64_t id() const { return id_; }
  CallSite site() const { return {file_, line_}; }
  /// Null outside any layer.
  const graph::Scope* scope() const { return scope_; }
  bool is_leaf() const { return input_count_ == 0; }

  std::span<const Edge> inputs() const { return {edges(), input_count_}; }
  int output_count() const { return output_count_; }
  Shape shape(int output = 0) const;
  DType dtype(int output = 0) const { return outputs()[output].dtype; }
  /// Those of the op, of its own type; null if it has none.
  const void* attributes() const { return op_->attribute_bytes == 0 ? nullptr : attribute_place(); }

  std::span<SavedTensor> saved() { return {saved_tensors(), saved_count_}; }
  /// True once a backward pass has given the saved tensors back.
  bool is_released() const { return released_; }
  void release_saved() noexcept;
  /// What SavedTensorHooks packed at saving, made again; undefined if there is no such.
  Tensor unpack(int slot) const;

  /// Called with the cotangent of result `output` in each backward pass; what it returns, if defined,
  /// takes its place.
  using Hook = std::function<Tensor(const Tensor&)>;
  void add_hook(int output, Hook hook);
  bool has_hooks() const { return hooks_ != nullptr; }
  /// Runs the hooks of one result.
  Tensor run_hooks(int output, Tensor cotangent) const;

  /// Scratch of backward passes: whose pass holds the node, and where in it. Zero when none does.
  std::atomic<std::uint64_t> mark{0};

 protected:
  friend void detail::record(
      const OpClass&, const void*, std::span<const Tensor* const>, std::span<Tensor>, CallSite);
  struct Output {
    DType dtype;
    std::uint8_t rank;
    std::uint16_t first_size;  // in sizes()
  };
  struct Hooks;

  Node(const OpClass& op, std::size_t header_bytes);
  ~Node() override;
  void destroy() noexcept override;
  void drop_inputs() noexcept;

  // What stands behind the header, in this order.
  std::byte* tail() const {
    return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(this)) + header_bytes_;
  }
  Edge* edges() const { return reinterpret_cast<Edge*>(tail()); }
  SavedTensor* saved_tensors() const {
    return reinterpret_cast<SavedTensor*>(edges() + input_count_);
  }
  std::byte* attribute_place() const {
    return reinterpret_cast<std::byte*>(saved_tensors() + saved_count_);
  }
  std::int64_t* sizes() const {
    return reinterpret_cast<std::int64_t*>(attribute_place() +
                                           (op_->attribute_bytes + 15) / 16 * 16);
  }
  Output* outputs() const { return reinterpret_cast<Output*>(sizes() + size_count_); }
  std::size_t bytes() const {
    return static_cast<std::size_t>(reinterpret_cast<std::byte*>(outputs() + output_count_) -
                                    reinterpret_cast<const std::byte*>(this));
  }

  std::uint16_t input_count_ = 0, saved_count_ = 0, size_count_ = 0;
  std::uint16_t header_bytes_;
  std::uint32_t line_ = 0;
  std::uint8_t output_count_ = 0;
  bool released_ = false;
  const OpClass* op_;
  std::uint64_t id_;
  const char* file_ = nullptr;
  const graph::Scope* scope_;
  Hooks* hooks_ = nullptr;
};

/// The node of a tensor that requires a gradient of its own: a parameter. It holds the sum of the
/// gradients so far.
class Leaf final : public Node {
 public:
  static Leaf* make(const Tensor& owner);

  /// Undefined while there is none.
  Tensor gradient() const;
  void set_gradient(Tensor g);
  /// Replaces the gradient by `update(old)` while no other thread can do so.
  template <class F>
  void update_gradient(F&& update) {
    const Lock lock(lock_);
    gradient_ = update(std::move(gradient_));
  }

  /// For pictures and messages: "net.fc1.weight".
  std::string label;
  /// What a model is given: a picture counts it for no parameter.
  bool is_input = false;

 private:
  explicit Leaf(const Tensor& owner);
  void destroy() noexcept override;

  class Lock {
   public:
    explicit Lock(std::atomic_flag& flag) : flag_(flag) {
      while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true);
    }
    ~Lock() {
      flag_.clear(std::memory_order_release);
      flag_.notify_one();
    }

   private:
    std::atomic_flag& flag_;
  };
  mutable std::atomic_flag lock_ = ATOMIC_FLAG_INIT;
  Tensor gradient_;
};

/// The node that made `x`, or its leaf; null if `x` requires no gradient.
inline Node* node_of(const Tensor& x) { return static_cast<Node*>(x.impl()->attachment); }

/// True if a backward pass would reach `x`.
inline bool requires_grad(const Tensor& x) { return x.impl()->attachment != nullptr; }
/// Makes `x` (all handles to it) a leaf, or takes that back. DTypeError unless it is floating;
/// GradientError if it is the result of a recorded op.
Tensor& set_requires_grad(Tensor& x, bool on = true);
/// `x` as a leaf: for `auto w = leaf(normal({3}))`.
Tensor leaf(Tensor x);
bool is_leaf(const Tensor& x);

/// The gradient accumulated in a leaf; undefined while there is none. GradientError if `x` is no leaf.
Tensor gradient(const Tensor& x);
void set_gradient(const Tensor& x, Tensor g);
/// Forgets it.
inline void zero_grad(const Tensor& x) { set_gradient(x, Tensor()); }

/// Calls `hook` with the gradient of the loss with respect to `x` in each backward pass, before it goes
/// on; what it returns, if defined, takes the gradient's place. GradientError if `x` requires none.
void on_gradient(const Tensor& x, Node::Hook hook);

/// The same values, cut off from the tape.
Tensor detach(const Tensor& x);

}  // namespace gradus
GRADUS_EXPORT_END
