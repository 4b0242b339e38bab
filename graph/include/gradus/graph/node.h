#pragma once

#include "gradus/graph/op.h"
#include "gradus/graph/scope.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus {

class Node;
namespace detail {
class Recorder;
}

namespace detail {

/// A Node* in six bytes: no address that a system gives a program unasked has more.
class NodePointer {
 public:
  NodePointer(Node* node = nullptr) {
    const auto address = reinterpret_cast<std::uintptr_t>(node);
    parts_ = {static_cast<std::uint16_t>(address),
              static_cast<std::uint16_t>(address >> 16),
              static_cast<std::uint16_t>(address >> 32)};
  }
  operator Node*() const {
    return reinterpret_cast<Node*>(parts_[0] | std::uintptr_t{parts_[1]} << 16 | std::uintptr_t{parts_[2]} << 32);
  }
  Node* operator->() const { return *this; }

 private:
  std::array<std::uint16_t, 3> parts_;
};

}  // namespace detail

/// From a node to the node that made one of its inputs; `node` is null where no gradient is needed.
struct Edge {
  detail::NodePointer node;
  std::uint16_t output = 0;  // which of its results
};

/// A tensor kept for the rule, with the version of its storage at that time. Kept outputs are kept without
/// their node, so that no cycle arises.
struct SavedTensor {
  Tensor tensor;
  std::uint32_t version = 0;
  std::int32_t slot = 0;  // input i is i, output i is -1 - i
};

/// More results of one op that a gradient reaches are an ArgumentError.
inline constexpr std::size_t kMostResults = 65535;
/// More inputs of one op that a gradient reaches are an ArgumentError.
inline constexpr std::size_t kMostInputs = 0x7fffffff;

/// Takes a hook on a gradient away again. The hook is the tape's: it stays without its handle.
class GradientHook {
 public:
  GradientHook() = default;
  /// As if it had never been set, also in graphs recorded before; what the hook holds is let go.
  void remove() noexcept;

 private:
  friend class Node;
  struct Entry;
  explicit GradientHook(std::weak_ptr<Entry> entry) : entry_(std::move(entry)) {}
  std::weak_ptr<Entry> entry_;
};

/// One recorded op. Made by `detail::record`, owned by its results and by the nodes that follow. Edges,
/// saved tensors, shapes of the results and the attributes stand behind the header in one block.
class Node : public detail::Attachment {
 private:
  std::uint32_t input_count_ = 0;  // first: it fills a gap

 public:
  const OpClass& op() const { return static_cast<const OpClass&>(*class_); }
  const char* name() const { return op().info.name; }
  /// Its place on the tape: greater than that of every node it uses.
  std::uint64_t id() const { return id_; }
  CallSite site() const { return {file_, line_}; }
  /// Null outside any layer.
  const graph::Scope* scope() const { return scope_; }
  bool is_leaf() const { return input_count_ == 0; }

  std::span<const Edge> inputs() const { return {edges(), input_count_}; }
  int output_count() const { return output_count_; }
  Shape shape(int output = 0) const;
  DType dtype(int output = 0) const { return static_cast<DType>(result(output).dtype); }
  /// Those of the op, of its own type; null if it has none.
  const void* attributes() const { return op().attribute_bytes == 0 ? nullptr : attribute_place(); }

  std::span<SavedTensor> saved() { return {saved_tensors(), saved_count_}; }
  /// True once a backward pass has given the saved tensors back.
  bool is_released() const { return released_; }
  void release_saved() noexcept;
  /// What SavedTensorHooks packed at saving, made again; undefined if there is no such.
  Tensor unpack(int slot) const;
  /// The same values as one of its results.
  Tensor as_result(int output, const Tensor& values);

  /// Called with a result and its cotangent in each backward pass; what it returns, if defined, takes the
  /// cotangent's place.
  using Hook = std::function<Tensor(const Tensor& x, const Tensor& g)>;
  /// The hook of result `output` is given a handle to it made of `values`, which are not on the tape.
  GradientHook add_hook(int output, Hook hook, Tensor values);
  bool has_hooks() const { return hooked_; }
  /// Runs the hooks of one result.
  Tensor run_hooks(int output, Tensor cotangent);

  /// Scratch of backward passes: whose pass holds the node, and where in it. Zero when none does.
  std::atomic<std::uint64_t> mark{0};

 protected:
  friend class detail::Recorder;
  static constexpr std::uint32_t kPlaceBits = 20, kRankBits = 4, kDTypeBits = 8;
  struct Output {
    std::uint32_t first_size : kPlaceBits;  // in sizes()
    std::uint32_t rank : kRankBits;
    std::uint32_t dtype : kDTypeBits;
  };
  static_assert(kMostResults * kMaxRank < 1 << kPlaceBits && kMaxRank < 1 << kRankBits);
  static Output output_of(std::size_t first_size, const Tensor& x) {
    return {static_cast<std::uint32_t>(first_size) & ((1U << kPlaceBits) - 1),
            static_cast<std::uint32_t>(x.rank()) & ((1U << kRankBits) - 1),
            static_cast<std::uint32_t>(x.dtype()) & ((1U << kDTypeBits) - 1)};
  }
  struct Hooks;
  friend void detail::end_node(detail::Attachment& node) noexcept;

  explicit Node(const OpClass& op);
  ~Node();
  void drop_inputs() noexcept;
  /// Of a node that has some, or is to have.
  Hooks& hooks() const;

  // What stands behind the header, in this order.
  static std::size_t attribute_space(const OpClass& op) { return (op.attribute_bytes + 7) / 8 * 8; }
  static std::size_t result_space(std::size_t results) {
    return results < 2 ? 0 : results / 2 * 2 * sizeof(Output);  // of those after the first
  }
  static std::size_t tail_bytes(
      const OpClass& op, std::size_t inputs, std::size_t saved, std::size_t results, std::size_t sizes) {
    return inputs * sizeof(Edge) + saved * sizeof(SavedTensor) + attribute_space(op) + result_space(results) +
           sizes * sizeof(std::int64_t);
  }
  std::size_t header_bytes() const;
  std::size_t bytes() const;
  std::byte* tail() const { return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(this)) + header_bytes(); }
  Edge* edges() const { return reinterpret_cast<Edge*>(tail()); }
  SavedTensor* saved_tensors() const { return reinterpret_cast<SavedTensor*>(edges() + input_count_); }
  std::byte* attribute_place() const { return reinterpret_cast<std::byte*>(saved_tensors() + saved_count_); }
  Output* more_results() const { return reinterpret_cast<Output*>(attribute_place() + attribute_space(op())); }
  std::int64_t* sizes() const {
    return reinterpret_cast<std::int64_t*>(reinterpret_cast<std::byte*>(more_results()) + result_space(output_count_));
  }
  const Output& result(int output) const { return output == 0 ? first_result_ : more_results()[output - 1]; }

  std::uint32_t saved_count_ = 0, line_ = 0;
  Output first_result_{};
  std::uint16_t output_count_ = 0;
  bool released_ = false, hooked_ = false;
  std::uint64_t id_;
  const char* file_ = nullptr;
  const graph::Scope* scope_;
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
  friend class Node;
  explicit Leaf(const Tensor& owner);
  ~Leaf() = default;
  static void end(detail::Attachment& leaf) noexcept;
  static const OpClass kClass;

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

inline std::size_t Node::header_bytes() const { return is_leaf() ? sizeof(Leaf) : sizeof(Node); }

/// The node that made `x`, or its leaf; null if `x` requires no gradient.
inline Node* node_of(const Tensor& x) { return static_cast<Node*>(x.impl()->attachment); }

/// True if a backward pass would reach `x`.
inline bool requires_grad(const Tensor& x) { return x.impl()->attachment != nullptr; }
/// Makes `x` (all handles to it) a leaf, or takes that back. DTypeError unless it is floating;
/// GradientError if it is the result of a recorded op.
Tensor& set_requires_grad(Tensor& x, bool on = true, CallSite site = CallSite::here());
/// `x` as a leaf: for `auto w = leaf(normal({3}))`.
Tensor leaf(Tensor x, CallSite site = CallSite::here());
/// True for a tensor that requires a gradient and that no op gave.
bool is_leaf(const Tensor& x);

/// The gradient accumulated in a leaf; undefined while there is none. GradientError if `x` is no leaf.
Tensor gradient(const Tensor& x, CallSite site = CallSite::here());
/// Puts g in its place, or nothing. ShapeError unless g has the shape and dtype of x; GradientError as above.
void set_gradient(const Tensor& x, Tensor g, CallSite site = CallSite::here());
/// Forgets it.
inline void zero_grad(const Tensor& x, CallSite site = CallSite::here()) { set_gradient(x, Tensor(), site); }

/// Calls `hook` with the gradient of the loss with respect to `x` in each backward pass, before it goes on:
///
///     on_gradient(h, [](const Tensor& g) { return clamp(g, -1, 1); });
///     auto handle = on_gradient(w, [&](const Tensor& w, const Tensor& g) { ratio = norm(g) / norm(w); });
///     handle.remove();
///
///   hook      takes the gradient, or x and the gradient; what it returns, if a defined tensor, takes the
///             gradient's place
///   handle    removes the hook. Hooks go with the tape of x, and stay while it lives if the handle is dropped.
///             What is made from x (`to`, a copy of a model, a loaded one) has none
///   errors    GradientError if x requires no gradient
/// A hook that holds x itself (`[x]`) holds the tape that holds the hook, and nothing of it is freed unless the
/// hook is removed. Take x as an argument instead: as it is then, on the tape, and kept as values only.
template <class F>
GradientHook on_gradient(const Tensor& x, F hook, CallSite site = CallSite::here());

namespace detail {

/// The id of the newest node: those made from now on exceed it.
std::uint64_t newest_id();

GradientHook add_gradient_hook(const Tensor& x, Node::Hook hook, bool takes_x, CallSite site);

/// What a hook gives, or an undefined tensor.
template <class F, class... Args>
Tensor call_hook(F& f, const Args&... args) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&, const Args&...>>) {
    f(args...);
    return {};
  } else {
    return f(args...);
  }
}

}  // namespace detail

template <class F>
GradientHook on_gradient(const Tensor& x, F hook, CallSite site) {
  constexpr bool takes_x = std::is_invocable_v<F&, const Tensor&, const Tensor&>;
  static_assert(takes_x || std::is_invocable_v<F&, const Tensor&>,
                "a hook takes a gradient, or a tensor and its gradient");
  return detail::add_gradient_hook(
      x,
      [hook = std::move(hook)]([[maybe_unused]] const Tensor& at, const Tensor& g) mutable {
        if constexpr (takes_x)
          return detail::call_hook(hook, at, g);
        else
          return detail::call_hook(hook, g);
      },
      takes_x,
      site);
}

/// The same values, cut off from the tape.
Tensor detach(const Tensor& x);

}  // namespace gradus
GRADUS_EXPORT_END
