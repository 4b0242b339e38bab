#include "gradus/graph/node.h"

#include "gradus/graph/saved.h"
#include "gradus/tensor/packed.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace gradus {

struct GradientHook::Entry {
  int output;
  std::mutex mutex;
  std::shared_ptr<Node::Hook> hook;  // null once removed
  Tensor values;                     // undefined where the hook takes none
};

void GradientHook::remove() noexcept {
  const std::shared_ptr<Entry> entry = entry_.lock();
  if (entry == nullptr) return;
  std::shared_ptr<Node::Hook> hook;
  Tensor values;
  const std::scoped_lock lock(entry->mutex);
  hook.swap(entry->hook);
  values.swap(entry->values);
}

struct Node::Hooks {
  std::mutex mutex;  // of the entries: threads may set hooks on a leaf that they share
  std::vector<std::shared_ptr<GradientHook::Entry>> entries;
  std::vector<detail::PackedTensor> packed;

  /// Those of all nodes: few have any, so a node has no place for them. Never destroyed: nodes may outlive statics.
  class Table {
   public:
    Hooks& of(const Node* node) {
      const std::scoped_lock lock(mutex_);
      return hooks_[node];
    }
    void remove(const Node* node) {
      decltype(hooks_)::node_type removed;  // what it holds may be nodes with hooks: freed without the lock
      const std::scoped_lock lock(mutex_);
      removed = hooks_.extract(node);
    }

   private:
    std::mutex mutex_;
    std::unordered_map<const Node*, Hooks> hooks_;  // elements stay where they are
  };
  static Table& all() {
    static Table* const table = new Table;
    return *table;
  }
};

namespace {

std::atomic<std::uint64_t> next_id{1};

std::uint64_t take_id() {
  if (!detail::single_threaded()) return next_id.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t id = next_id.load(std::memory_order_relaxed);
  next_id.store(id + 1, std::memory_order_relaxed);
  return id;
}

/// Nodes whose last reference went while another was being destroyed: freeing a long chain must not
/// recurse.
struct Graveyard {
  Node* first;
  bool busy;
};
constinit thread_local Graveyard graveyard{};

}  // namespace

std::uint64_t detail::newest_id() { return next_id.load(std::memory_order_relaxed) - 1; }

// ---- node ----------------------------------------------------------------------------------------

Node::Node(const OpClass& op) : Attachment(op), id_(take_id()), scope_(graph::Scope::current()) {}

Node::~Node() {
  if (hooked_) Hooks::all().remove(this);
}

std::size_t Node::bytes() const {
  std::size_t sizes = 0;
  if (output_count_ > 0) {
    const Output& last = result(output_count_ - 1);
    sizes = last.first_size + last.rank;
  }
  return header_bytes() + tail_bytes(op(), input_count_, saved_count_, output_count_, sizes);
}

Shape Node::shape(int output) const {
  const Output& o = result(output);
  return Shape(std::span<const std::int64_t>(sizes() + o.first_size, o.rank));
}

void Node::release_saved() noexcept {
  for (SavedTensor& s : saved()) s.tensor.reset();
  if (hooked_) hooks().packed.clear();
  released_ = true;
}

Node::Hooks& Node::hooks() const { return Hooks::all().of(this); }

void Node::drop_inputs() noexcept {
  for (Edge& e : std::span(edges(), input_count_))
    if (Node* const node = std::exchange(e.node, nullptr)) node->release();
  std::destroy_n(saved_tensors(), saved_count_);
  if (op().destroy != nullptr) op().destroy(attribute_place());
}

void detail::end_node(Attachment& attachment) noexcept {
  auto& last = static_cast<Node&>(attachment);
  last.mark.store(reinterpret_cast<std::uintptr_t>(graveyard.first), std::memory_order_relaxed);
  graveyard.first = &last;
  if (graveyard.busy) return;
  graveyard.busy = true;
  while (Node* node = graveyard.first) {
    graveyard.first = reinterpret_cast<Node*>(node->mark.load(std::memory_order_relaxed));
    node->drop_inputs();
    const std::size_t size = node->bytes();
    node->~Node();
    deallocate_packed(node, size);
  }
  graveyard.busy = false;
}

GradientHook Node::add_hook(int output, Hook hook, Tensor values) {
  auto entry = std::make_shared<GradientHook::Entry>();
  entry->output = output;
  entry->hook = std::make_shared<Hook>(std::move(hook));
  entry->values = std::move(values);
  Hooks& all = hooks();
  const std::scoped_lock lock(all.mutex);
  if (!hooked_) hooked_ = true;
  std::erase_if(all.entries, [](const auto& e) {
    const std::scoped_lock of_entry(e->mutex);
    return e->hook == nullptr;
  });
  all.entries.push_back(entry);
  return GradientHook(entry);
}

Tensor Node::run_hooks(int output, Tensor cotangent) {
  if (!hooked_) return cotangent;
  std::vector<std::shared_ptr<GradientHook::Entry>> entries;  // a hook may set and remove others, and itself
  {
    Hooks& all = hooks();
    const std::scoped_lock lock(all.mutex);
    entries = all.entries;
  }
  for (const auto& entry : entries) {
    if (entry->output != output) continue;
    std::shared_ptr<Hook> hook;
    Tensor x;
    {
      const std::scoped_lock lock(entry->mutex);
      hook = entry->hook;
      x = entry->values;
    }
    if (hook == nullptr) continue;
    if (x.defined()) x = as_result(output, x);
    Tensor replaced = (*hook)(x, cotangent);
    if (replaced.defined()) cotangent = std::move(replaced);
  }
  return cotangent;
}

Tensor Node::unpack(int slot) const {
  if (!hooked_) return {};
  for (const detail::PackedTensor& p : hooks().packed)
    if (p.slot == slot) return p.unpack();
  return {};
}

Tensor Node::as_result(int output, const Tensor& values) {
  Tensor x = detach(values);
  retain();
  x.raw()->attachment = this;
  x.raw()->output = static_cast<std::uint16_t>(output);
  return x;
}

// ---- leaf ----------------------------------------------------------------------------------------

constexpr OpClass Leaf::kClass{
    {&Leaf::end}, OpInfo{.name = "leaf", .arity = 0}, 0, nullptr, nullptr, nullptr, nullptr, nullptr};

Leaf::Leaf(const Tensor& owner) : Node(kClass) {
  const Shape shape = owner.shape();
  output_count_ = 1;
  std::copy(shape.begin(), shape.end(), sizes());
  first_result_ = output_of(0, owner);
}

Leaf* Leaf::make(const Tensor& owner) {
  const std::size_t tail = tail_bytes(kClass, 0, 0, 1, static_cast<std::size_t>(owner.rank()));
  return new (detail::allocate_packed(sizeof(Leaf) + tail)) Leaf(owner);
}

void Leaf::end(detail::Attachment& attachment) noexcept {
  auto& leaf = static_cast<Leaf&>(attachment);
  const std::size_t size = leaf.bytes();
  leaf.~Leaf();
  detail::deallocate_packed(&leaf, size);
}

Tensor Leaf::gradient() const {
  const Lock lock(lock_);
  return gradient_;
}

void Leaf::set_gradient(Tensor g) {
  const Lock lock(lock_);
  gradient_.swap(g);
}

static Leaf& leaf_of(const Tensor& x, const char* op, CallSite site) {
  if (!is_leaf(x))
    detail::fail<GradientError>(op,
                                requires_grad(x)
                                    ? "expected a leaf, got the result of " + std::string(node_of(x)->name())
                                    : "expected a tensor that requires a gradient, got one that doesn't",
                                site);
  return static_cast<Leaf&>(*node_of(x));
}

bool is_leaf(const Tensor& x) { return requires_grad(x) && node_of(x)->is_leaf(); }

Tensor& set_requires_grad(Tensor& x, bool on, CallSite site) {
  if (!is_floating(x.dtype()))
    detail::fail<DTypeError>(
        "set_requires_grad", fmt::format("expected float32 or float64, got {}", to_string(x.dtype())), site);
  if (requires_grad(x)) {
    Leaf& leaf = leaf_of(x, "set_requires_grad", site);
    if (!on) {
      x.raw()->attachment = nullptr;
      leaf.release();
    }
  } else if (on) {
    x.raw()->attachment = Leaf::make(x);
  }
  return x;
}

Tensor leaf(Tensor x, CallSite site) {
  set_requires_grad(x, true, site);
  return x;
}

Tensor gradient(const Tensor& x, CallSite site) { return leaf_of(x, "gradient", site).gradient(); }

void set_gradient(const Tensor& x, Tensor g, CallSite site) {
  Leaf& leaf = leaf_of(x, "set_gradient", site);
  if (g.defined() && (g.shape() != x.shape() || g.dtype() != x.dtype()))
    detail::fail<ShapeError>("set_gradient",
                             fmt::format("expected {} {}, got {} {}",
                                         to_string(x.dtype()),
                                         to_string(x.shape()),
                                         to_string(g.dtype()),
                                         to_string(g.shape())),
                             site);
  leaf.set_gradient(std::move(g));
}

GradientHook detail::add_gradient_hook(const Tensor& x, Node::Hook hook, bool takes_x, CallSite site) {
  if (!requires_grad(x))
    fail<GradientError>("on_gradient", "expected a tensor that requires a gradient, got one that doesn't", site);
  return node_of(x)->add_hook(x.raw()->output, std::move(hook), takes_x ? detach(x) : Tensor());
}

Tensor detach(const Tensor& x) { return view_as(x, x.shape(), x.strides()); }

// ---- recording -----------------------------------------------------------------------------------

namespace detail {

/// Makes the node of an op that has run.
class Recorder {
 public:
  Recorder(const OpClass& op, std::span<const Tensor* const> inputs, std::span<Tensor> outputs)
      : op_(op),
        inputs_(inputs),
        outputs_(outputs),
        differentiable_(std::min(outputs.size(), static_cast<std::size_t>(op.info.outputs))) {
    choose_inputs();
    for (std::size_t i = 0; i < inputs_.size(); ++i) saved_count_ += keeps_input(i);
    for (std::size_t i = 0; i < outputs_.size(); ++i) saved_count_ += keeps_output(i);
  }

  /// Inlined, so that members are locals: this is the cost of an op on the tape.
  [[gnu::always_inline]] void run(const void* attributes, CallSite site) {
    std::vector<PackedTensor> packed;
    if (saved_hooks != nullptr && saved_count_ > 0) [[unlikely]]
      packed = pack_saved();
    own_results();
    make_node(attributes, site);
    SavedTensor* saved = enter_inputs(node_->saved_tensors());
    enter_results();
    save_outputs(saved);
    if (!packed.empty()) replace_saved(std::move(packed));
  }

 private:
  bool wants(std::size_t i) const { return has_node(*inputs_[i]); }

  void choose_inputs() {
    named_ = static_cast<unsigned>(op_.info.saves) & kAllInputs;
    if (op_.info.saves_factors(inputs_.size()))
      named_ = (wants(1) ? 1U : 0U) | (wants(0) ? 2U : 0U);
    else if (op_.info.arity == kVariadic && named_ != 0)
      named_ = kAllInputs;
  }
  bool keeps_input(std::size_t i) const {
    return (named_ >> std::min(i, kNamedInputs - 1) & 1) != 0 && inputs_[i]->defined();
  }
  bool keeps_output(std::size_t i) const {
    return contains(op_.info.saves, i < differentiable_ ? Saves::output : Saves::extras);
  }

  /// What hooks make of the tensors to be saved.
  std::vector<PackedTensor> pack_saved() const {
    std::vector<PackedTensor> packed;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (keeps_input(i)) pack(packed, *inputs_[i], static_cast<int>(i));
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (keeps_output(i)) pack(packed, detach(outputs_[i]), -1 - static_cast<int>(i));
    return packed;
  }

  /// Gives each result an array of its own, so that owning the node changes no other tensor.
  void own_results() {
    for (Tensor& y : outputs_.first(differentiable_))
      if (!y.raw()->refs.unique() || y.raw()->attachment != nullptr) y = detach(y);
  }

  /// The node, with places for what follows.
  void make_node(const void* attributes, CallSite site) {
    if (differentiable_ > kMostResults || inputs_.size() > kMostInputs)
      fail<ArgumentError>(op_.info.name,
                          fmt::format("expected at most {} inputs and {} results, got {} and {}",
                                      kMostInputs,
                                      kMostResults,
                                      inputs_.size(),
                                      differentiable_),
                          site);
    std::size_t size_count = 0;
    for (const Tensor& y : outputs_.first(differentiable_)) size_count += static_cast<std::size_t>(y.rank());
    const std::size_t tail = Node::tail_bytes(op_, inputs_.size(), saved_count_, differentiable_, size_count);
    node_ = new (allocate_packed(sizeof(Node) + tail)) Node(op_);
    const CallSite where = site_in_force(site);
    node_->file_ = where.file;
    node_->line_ = where.line;
    node_->input_count_ = static_cast<std::uint32_t>(inputs_.size());
    node_->saved_count_ = static_cast<std::uint32_t>(saved_count_);
    node_->output_count_ = static_cast<std::uint16_t>(differentiable_);
    if (op_.copy == nullptr) return;
    try {
      op_.copy(node_->attribute_place(), attributes);
    } catch (...) {
      const std::size_t bytes = sizeof(Node) + tail;
      node_->~Node();
      deallocate_packed(node_, bytes);
      throw;
    }
  }

  /// Edges, and saved inputs from `saved` on; returns the place of the next saved tensor.
  SavedTensor* enter_inputs(SavedTensor* saved) {
    Edge* edge = node_->edges();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor& x = *inputs_[i];
      if (wants(i)) node_of(x)->retain();
      new (edge++) Edge(wants(i) ? Edge{node_of(x), x.raw()->output} : Edge{});
      if (keeps_input(i)) new (saved++) SavedTensor{x, x.version(), static_cast<std::int32_t>(i)};
    }
    return saved;
  }

  /// Makes results own the node.
  void enter_results() {
    std::int64_t* sizes = node_->sizes();
    std::size_t place = 0;
    for (std::size_t i = 0; i < differentiable_; ++i) {
      Tensor& y = outputs_[i];
      TensorImpl* impl = y.raw();
      new (i == 0 ? &node_->first_result_ : node_->more_results() + i - 1) Node::Output(Node::output_of(place, y));
      std::copy_n(impl->sizes(), impl->rank, sizes + place);
      place += impl->rank;
      if (i > 0) node_->retain();
      impl->attachment = node_;
      impl->output = static_cast<std::uint16_t>(i);
    }
  }

  /// All places are filled before the first handle is made, for which memory may be wanting.
  void save_outputs(SavedTensor* saved) {
    SavedTensor* last = saved;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (keeps_output(i)) new (last++) SavedTensor{{}, outputs_[i].version(), -1 - static_cast<std::int32_t>(i)};
    for (; saved != last; ++saved) {
      const auto i = static_cast<std::size_t>(-1 - saved->slot);
      saved->tensor = i < differentiable_ ? detach(outputs_[i]) : outputs_[i];
    }
  }

  /// Puts packed tensors, which are in the order of what is saved, in its place.
  void replace_saved(std::vector<PackedTensor> packed) {
    auto p = packed.begin();
    for (SavedTensor& s : node_->saved()) {
      if (p == packed.end() || p->slot != s.slot) continue;
      s.tensor.reset();
      ++p;
    }
    node_->hooks().packed = std::move(packed);
    node_->hooked_ = true;
  }

  static constexpr unsigned kAllInputs = static_cast<unsigned>(Saves::inputs);
  static constexpr std::size_t kNamedInputs = std::bit_width(kAllInputs);

  const OpClass& op_;
  std::span<const Tensor* const> inputs_;
  std::span<Tensor> outputs_;
  std::size_t differentiable_, saved_count_ = 0;
  unsigned named_ = 0;  // a bit for each of the first inputs: saved; the last one also for all that follow
  Node* node_ = nullptr;
};

void record(const OpClass& op,
            const void* attributes,
            std::span<const Tensor* const> inputs,
            std::span<Tensor> outputs,
            CallSite site) {
  Recorder(op, inputs, outputs).run(attributes, site);
}

}  // namespace detail
}  // namespace gradus
