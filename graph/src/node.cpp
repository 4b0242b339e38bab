#include "gradus/graph/node.h"

#include "gradus/graph/saved.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <vector>

namespace gradus {

struct Node::Hooks {
  struct Entry {
    int output;
    Hook hook;
  };
  std::vector<Entry> entries;
  std::vector<detail::PackedTensor> packed;
};

namespace {

std::atomic<std::uint64_t> next_id{1};

std::uint64_t take_id() {
  if (!detail::single_threaded()) return next_id.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t id = next_id.load(std::memory_order_relaxed);
  next_id.store(id + 1, std::memory_order_relaxed);
  return id;
}

constexpr OpClass kLeafClass{
    OpInfo{.name = "leaf", .arity = 0}, 0, nullptr, nullptr, nullptr, nullptr, nullptr};

/// Nodes whose last reference went while another was being destroyed: freeing a long chain must not
/// recurse.
struct Graveyard {
  Node* first;
  bool busy;
};
constinit thread_local Graveyard graveyard{};

[[noreturn]] void fail_at(const Node& node, const std::string& message) {
  std::string scope;
  if (node.scope() != nullptr) scope = detail::scope_text.load()(node.scope());
  throw GradientError(node.name(), message, std::move(scope), node.site());
}

}  // namespace

// ---- node
// ----------------------------------------------------------------------------------------

Node::Node(const OpClass& op, std::size_t header_bytes)
    : header_bytes_(static_cast<std::uint16_t>(header_bytes)),
      op_(&op),
      id_(take_id()),
      scope_(graph::Scope::current()) {}

Node::~Node() { delete hooks_; }

Shape Node::shape(int output) const {
  const Output& o = outputs()[output];
  return Shape(std::span<const std::int64_t>(sizes() + o.first_size, o.rank));
}

void Node::release_saved() noexcept {
  for (SavedTensor& s : saved()) s.tensor.reset();
  if (hooks_ != nullptr) hooks_->packed.clear();
  released_ = true;
}

void Node::drop_inputs() noexcept {
  for (Edge& e : std::span(edges(), input_count_))
    if (e.node != nullptr) std::exchange(e.node, nullptr)->release();
  std::destroy_n(saved_tensors(), saved_count_);
  if (op_->destroy != nullptr) op_->destroy(attribute_place());
}

void Node::destroy() noexcept {
  mark.store(reinterpret_cast<std::uintptr_t>(graveyard.first), std::memory_order_relaxed);
  graveyard.first = this;
  if (graveyard.busy) return;
  graveyard.busy = true;
  while (Node* node = graveyard.first) {
    graveyard.first = reinterpret_cast<Node*>(node->mark.load(std::memory_order_relaxed));
    node->drop_inputs();
    const std::size_t size = node->bytes();
    node->~Node();
    detail::deallocate(node, size);
  }
  graveyard.busy = false;
}

void Node::add_hook(int output, Hook hook) {
  if (hooks_ == nullptr) hooks_ = new Hooks;
  hooks_->entries.push_back({output, std::move(hook)});
}

Tensor Node::run_hooks(int output, Tensor cotangent) const {
  if (hooks_ == nullptr) return cotangent;
  for (const auto& entry : hooks_->entries) {
    if (entry.output != output) continue;
    Tensor replaced = entry.hook(cotangent);
    if (replaced.defined()) cotangent = std::move(replaced);
  }
  return cotangent;
}

Tensor Node::unpack(int slot) const {
  if (hooks_ == nullptr) return {};
  for (const detail::PackedTensor& p : hooks_->packed)
    if (p.slot == slot) return p.unpack();
  return {};
}

// ---- leaf
// ----------------------------------------------------------------------------------------

Leaf::Leaf(const Tensor& owner) : Node(kLeafClass, sizeof(Leaf)) {
  const Shape shape = owner.shape();
  output_count_ = 1;
  size_count_ = static_cast<std::uint8_t>(shape.rank());
  std::copy(shape.begin(), shape.end(), sizes());
  *outputs() = {owner.dtype(), static_cast<std::uint8_t>(shape.rank()), 0};
}

Leaf* Leaf::make(const Tensor& owner) {
  const std::size_t tail =
      static_cast<std::size_t>(owner.rank()) * sizeof(std::int64_t) + sizeof(Output);
  return new (detail::allocate(sizeof(Leaf) + tail)) Leaf(owner);
}

void Leaf::destroy() noexcept {
  const std::size_t size = bytes();
  this->~Leaf();
  detail::deallocate(this, size);
}

Tensor Leaf::gradient() const {
  const Lock lock(lock_);
  return gradient_;
}

void Leaf::set_gradient(Tensor g) {
  const Lock lock(lock_);
  gradient_.swap(g);
}

static Leaf& leaf_of(const Tensor& x, const char* op) {
  if (!is_leaf(x))
    detail::fail<GradientError>(
        op,
        requires_grad(x) ? "expected a leaf, got the result of " + std::string(node_of(x)->name())
                         : "expected a tensor that requires a gradient, got one that doesn't");
  return static_cast<Leaf&>(*node_of(x));
}

bool is_leaf(const Tensor& x) { return requires_grad(x) && node_of(x)->is_leaf(); }

Tensor& set_requires_grad(Tensor& x, bool on) {
  if (!is_floating(x.dtype()))
    detail::fail<DTypeError>(
        "set_requires_grad",
        fmt::format("expected float32 or float64, got {}", to_string(x.dtype())));
  if (requires_grad(x)) {
    Leaf& leaf = leaf_of(x, "set_requires_grad");
    if (!on) {
      x.raw()->attachment = nullptr;
      leaf.release();
    }
  } else if (on) {
    x.raw()->attachment = Leaf::make(x);
  }
  return x;
}

Tensor leaf(Tensor x) {
  set_requires_grad(x);
  return x;
}

Tensor gradient(const Tensor& x) { return leaf_of(x, "gradient").gradient(); }

void set_gradient(const Tensor& x, Tensor g) {
  Leaf& leaf = leaf_of(x, "set_gradient");
  if (g.defined() && (g.shape() != x.shape() || g.dtype() != x.dtype()))
    detail::fail<ShapeError>("set_gradient",
                             fmt::format("expected {} {}, got {} {}",
                                         to_string(x.dtype()),
                                         to_string(x.shape()),
                                         to_string(g.dtype()),
                                         to_string(g.shape())));
  leaf.set_gradient(std::move(g));
}

void on_gradient(const Tensor& x, Node::Hook hook) {
  if (!requires_grad(x))
    detail::fail<GradientError>("on_gradient",
                                "expected a tensor that requires a gradient, got one that doesn't");
  node_of(x)->add_hook(x.raw()->output, std::move(hook));
}

Tensor detach(const Tensor& x) { return view_as(x, x.shape(), x.strides()); }

// ---- hooks on saved tensors
// ------------------------------------------------------------------------

namespace detail {

thread_local constinit const SavedTensorHooks* saved_hooks = nullptr;

/// The version of a tensor in a handle.
static std::uint32_t version_in(const std::any& handle) {
  const auto* x = std::any_cast<Tensor>(&handle);
  return x != nullptr && x->defined() ? x->version() : 0;
}

Tensor PackedTensor::unpack() const {
  if (version_in(handle) != version)
    fail<GradientError>(
        "saved_tensor_hooks",
        fmt::format("expected a packed tensor as it was when recorded (version {}), "
                    "got it changed in place since (version {})",
                    version,
                    version_in(handle)));
  const NoGrad guard;
  Tensor x = (*unpacker)(handle);
  if (!x.defined() || x.dtype() != dtype || x.shape() != shape)
    fail<GradientError>(
        "saved_tensor_hooks",
        fmt::format("expected unpack to give {} {}, got {}",
                    to_string(dtype),
                    to_string(shape),
                    x.defined() ? fmt::format("{} {}", to_string(x.dtype()), to_string(x.shape()))
                                : "an undefined tensor"));
  return x;
}

/// What the hooks in force make of a tensor, kept with the others; leaves are left alone.
static void pack(std::vector<PackedTensor>& packed, const Tensor& x, int slot) {
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

// ---- recording
// -----------------------------------------------------------------------------------

namespace detail {

/// An array of its own for a result, so that attaching a node to it changes no other tensor.
static void make_own(Tensor& result) {
  if (!result.raw()->refs.unique() || result.raw()->attachment != nullptr) result = detach(result);
}

void record(const OpClass& op,
            const void* attributes,
            std::span<const Tensor* const> inputs,
            std::span<Tensor> outputs,
            CallSite site) {
  const auto differentiable =
      std::min<std::size_t>(outputs.size(), static_cast<std::size_t>(op.info.outputs));
  const auto wants = [&](std::size_t i) { return has_node(*inputs[i]); };

  // A factor of a product is needed only for the gradients of the others.
  std::uint64_t keep = static_cast<unsigned>(op.info.saves) & static_cast<unsigned>(Saves::inputs);
  if (op.info.linearity == Linearity::bilinear && inputs.size() == 2 &&
      keep == static_cast<unsigned>(Saves::inputs))
    keep = (wants(1) ? 1U : 0U) | (wants(0) ? 2U : 0U);
  const bool every_input = op.info.arity == kVariadic && keep != 0;
  const auto keeps_input = [&](std::size_t i) {
    return (every_input || (i < 8 && (keep >> i & 1) != 0)) && inputs[i]->defined();
  };
  const auto keeps_output = [&](std::size_t i) {
    return (i == 0 && contains(op.info.saves, Saves::output)) ||
           (i >= differentiable && contains(op.info.saves, Saves::extras));
  };
  std::size_t saved_count = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) saved_count += keeps_input(i);
  for (std::size_t i = 0; i < outputs.size(); ++i) saved_count += keeps_output(i);

  std::vector<PackedTensor> packed;
  if (saved_hooks != nullptr && saved_count > 0) [[unlikely]] {
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (keeps_input(i)) pack(packed, *inputs[i], static_cast<int>(i));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (keeps_output(i)) pack(packed, detach(outputs[i]), -1 - static_cast<int>(i));
  }

  std::size_t size_count = 0;
  for (std::size_t i = 0; i < differentiable; ++i)
    size_count += static_cast<std::size_t>(outputs[i].rank());
  constexpr std::size_t most_inputs = std::numeric_limits<std::int16_t>::max();
  if (differentiable > 255 || inputs.size() > most_inputs)
    fail<ArgumentError>(op.info.name,
                        fmt::format("expected at most {} inputs and 255 results, got {} and {}",
                                    most_inputs,
                                    inputs.size(),
                                    differentiable),
                        site);
  const std::size_t bytes =
      sizeof(Node) + inputs.size() * sizeof(Edge) + saved_count * sizeof(SavedTensor) +
      (op.attribute_bytes + 15) / 16 * 16 + size_count * sizeof(std::int64_t) +
      differentiable * sizeof(Node::Output);
  Node* node = new (allocate(bytes)) Node(op, sizeof(Node));
  const CallSite where = context.pinned ? context.site : site;
  node->file_ = where.file;
  node->line_ = where.line;
  node->input_count_ = static_cast<std::uint16_t>(inputs.size());
  node->saved_count_ = static_cast<std::uint16_t>(saved_count);
  node->output_count_ = static_cast<std::uint8_t>(differentiable);
  node->size_count_ = static_cast<std::uint16_t>(size_count);
  if (op.copy != nullptr) op.copy(node->attribute_place(), attributes);

  SavedTensor* saved = node->saved_tensors();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = *inputs[i];
    Edge* edge = new (node->edges() + i) Edge;
    if (wants(i)) {
      edge->node = node_of(x);
      edge->node->retain();
      edge->output = x.raw()->output;
    }
    if (keeps_input(i)) new (saved++) SavedTensor{x, x.version(), static_cast<std::int16_t>(i)};
  }

  std::int64_t* sizes = node->sizes();
  std::uint16_t at = 0;
  for (std::size_t i = 0; i < differentiable; ++i) {
    make_own(outputs[i]);
    TensorImpl* impl = outputs[i].raw();
    new (node->outputs() + i) Node::Output{impl->dtype, impl->rank, at};
    std::copy_n(impl->sizes(), impl->rank, sizes + at);
    at = static_cast<std::uint16_t>(at + impl->rank);
    if (i > 0) node->retain();
    impl->attachment = node;
    impl->output = static_cast<std::uint8_t>(i);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (keeps_output(i))
      new (saved++) SavedTensor{i < differentiable ? detach(outputs[i]) : outputs[i],
                                outputs[i].version(),
                                static_cast<std::int16_t>(-1 - static_cast<int>(i))};

  if (packed.empty()) return;
  for (SavedTensor& s : node->saved())
    for (const PackedTensor& p : packed)
      if (p.slot == s.slot) s.tensor.reset();
  node->hooks_ = new Node::Hooks{{}, std::move(packed)};
}

}  // namespace detail

// ---- what a rule sees
// ----------------------------------------------------------------------------

static Tensor find_saved(Node& node, int slot, const char* what, int index) {
  if (node.is_released())
    fail_at(node,
            "expected a graph that still has its saved tensors, got one that an earlier backward "
            "pass has used "
            "up (pass retain_graph to go through it again)");
  for (const SavedTensor& s : node.saved()) {
    if (s.slot != slot) continue;
    if (!s.tensor.defined()) return node.unpack(slot);
    if (s.tensor.version() != s.version)
      fail_at(
          node,
          fmt::format(
              "expected {} {} as it was when recorded (version {}), got it changed in place since "
              "(version {})",
              what,
              index,
              s.version,
              s.tensor.version()));
    return s.tensor;
  }
  fail_at(
      node,
      fmt::format("expected {} {} among what the op saves (OpInfo::saves), got none", what, index));
}

/// The same values as a result of a node.
static Tensor behind(Node& node, std::uint32_t output, const Tensor& values) {
  Tensor x = detach(values);
  node.retain();
  x.raw()->attachment = &node;
  x.raw()->output = static_cast<std::uint8_t>(output);
  return x;
}

Tensor Pullback::in(int i) const {
  const OpInfo& info = node_.op().info;
  // A factor that no wanted cotangent depends on was not saved: whatever stands for it is not used.
  if (info.linearity == Linearity::bilinear && info.saves == Saves::inputs && arity() == 2 &&
      !needs(1 - i) && !node_.is_released()) {
    Shape none = shape(i);
    for (std::int64_t& stride : none) stride = 0;
    return view_as(zeros({1}, dtype(i)), shape(i), none);
  }
  Tensor x = find_saved(node_, i, "input", i);
  const Edge& edge = node_.inputs()[static_cast<std::size_t>(i)];
  return is_recording() && edge.node != nullptr && !detail::has_node(x)
             ? behind(*edge.node, edge.output, x)
             : x;
}

Tensor Pullback::out(int i) const {
  Tensor y = find_saved(node_, -1 - i, "output", i);
  return is_recording() && i < node_.output_count()
             ? behind(node_, static_cast<std::uint32_t>(i), y)
             : y;
}

bool Pullback::needs(int i) const {
  return node_.inputs()[static_cast<std::size_t>(i)].node != nullptr;
}

const OpClass& Pullback::op() const { return node_.op(); }

int Pullback::arity() const { return static_cast<int>(node_.inputs().size()); }

static const Edge& wanted_edge(const Node& node, int i) {
  const Edge& edge = node.inputs()[static_cast<std::size_t>(i)];
  if (edge.node == nullptr)
    fail_at(node,
            fmt::format("expected the rule to ask only for shapes of inputs it needs, got input {}",
                        i));
  return edge;
}

Shape Pullback::shape(int i) const {
  const Edge& edge = wanted_edge(node_, i);
  return edge.node->shape(static_cast<int>(edge.output));
}

DType Pullback::dtype(int i) const {
  const Edge& edge = wanted_edge(node_, i);
  return edge.node->dtype(static_cast<int>(edge.output));
}

}  // namespace gradus
