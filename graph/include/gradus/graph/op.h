#pragma once

#include "gradus/graph/arg.h"
#include "gradus/graph/recording.h"
#include "gradus/tensor/tensor.h"

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// What an op keeps for its rule; combine with |. Only what is named can be asked of a Pullback.
enum class Saves : std::uint16_t {
  nothing = 0,
  input0 = 1,
  input1 = 2,
  input2 = 4,
  input3 = 8,
  inputs = 0xff,
  output = 0x100,  // the differentiable outputs
  extras = 0x200,  // the outputs behind the differentiable ones
};
constexpr Saves operator|(Saves a, Saves b) {
  return static_cast<Saves>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Whether `some` is, at least in part, among `all`.
constexpr bool contains(Saves all, Saves some) {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(some)) != 0;
}

/// `bilinear`: linear in each input while the others are held.
enum class Linearity : std::uint8_t { none, linear, bilinear };

/// Where test values are drawn from, and the points in it without a derivative, which they avoid.
struct Domain {
  double low = -2, high = 2;
  std::array<double, 3> kinks{std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::quiet_NaN()};
};
constexpr Domain domain(double low, double high, std::initializer_list<double> kinks = {}) {
  Domain d{low, high};
  std::size_t i = 0;
  for (double k : kinks) d.kinks[i++] = k;
  return d;
}

inline constexpr int kVariadic = -1;  // the arity of an op that takes any number of inputs

/// All that is said of an op besides its functions.
struct OpInfo {
  const char* name = "";
  int arity = 1;  // or kVariadic
  Saves saves = Saves::nothing;
  Linearity linearity = Linearity::none;
  bool differentiable = true;  // false: results never require a gradient
  int outputs = 1;             // differentiable ones, at most kMostResults; forward may return more
  Domain domain{};
  double flops = 1;  // for each element of the largest tensor; 0 for an op that only moves them

  /// True for a product, of which each factor is saved only if the gradient of the other is wanted.
  constexpr bool saves_factors(std::size_t inputs) const {
    return linearity == Linearity::bilinear && saves == Saves::inputs && inputs == 2;
  }
};

/// A short list of tensors; no allocation up to four.
class Tensors {
 public:
  Tensors() = default;
  Tensors(std::initializer_list<Tensor> items) {
    reserve(items.size());
    for (const Tensor& t : items) push_back(t);
  }
  explicit Tensors(std::size_t n) { resize(n); }
  Tensors(const Tensors& other) {
    reserve(other.size_);
    for (const Tensor& t : other) push_back(t);
  }
  Tensors(Tensors&& other) noexcept { swap(other); }
  Tensors& operator=(Tensors other) noexcept {
    swap(other);
    return *this;
  }
  ~Tensors();

  void push_back(Tensor t) {
    if (size_ == capacity_) reserve(2 * capacity_);
    begin()[size_++] = std::move(t);
  }
  void resize(std::size_t n) {
    reserve(n);
    while (size_ > n) begin()[--size_].reset();
    size_ = n;
  }
  void reserve(std::size_t n);
  void swap(Tensors& other) noexcept;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Tensor* begin() { return heap_ != nullptr ? heap_ : inline_.data(); }
  Tensor* end() { return begin() + size_; }
  const Tensor* begin() const { return heap_ != nullptr ? heap_ : inline_.data(); }
  const Tensor* end() const { return begin() + size_; }
  template <class I>
  Tensor& operator[](I i) {
    return begin()[i];
  }
  template <class I>
  const Tensor& operator[](I i) const {
    return begin()[i];
  }

 private:
  static constexpr std::size_t kInline = 4;
  std::size_t size_ = 0, capacity_ = kInline;
  std::array<Tensor, kInline> inline_{};
  Tensor* heap_ = nullptr;
};

/// One cotangent an input; an undefined tensor stands for zero.
using Cotangents = Tensors;

class Node;
struct OpClass;
namespace detail {
struct StepKernel;
void end_node(Attachment& node) noexcept;
}  // namespace detail

/// Of an op's inputs and outputs; of rank 0 where the shape of an input is not known.
struct OpShapes {
  std::span<const Shape> in, out;
};

/// What a rule is given: the cotangent of the result and what the op saved. A rule is pure: it reads this,
/// returns one cotangent an input and is written with public ops, so it can be differentiated itself.
class Pullback {
 public:
  Pullback(Node& node, std::span<const Tensor> cotangents) : g(cotangents[0]), all(cotangents), node_(node) {}

  /// The cotangent of the (first) result, of its shape and dtype.
  const Tensor& g;
  /// Those of all results; undefined where nothing flowed back.
  std::span<const Tensor> all;

  /// Input i as it was; GradientError if it was not saved or has changed in place since.
  Tensor in(int i) const;
  /// Output i as it was; recorded as the op's result, so second derivatives pass through it.
  Tensor out(int i = 0) const;
  /// True where the cotangent of input i is wanted; the others may be left undefined.
  bool needs(int i) const;
  int arity() const;
  const OpClass& op() const;
  /// The shape and dtype of an input whose cotangent is wanted, saved or not.
  Shape shape(int i = 0) const;
  DType dtype(int i = 0) const;

 private:
  Node& node_;
};

/// Reads the attributes of an op, for pictures and error texts.
class AttributeVisitor {
 public:
  virtual void operator()(std::string_view name, double value) = 0;
  virtual void operator()(std::string_view name, std::int64_t value) = 0;
  virtual void operator()(std::string_view name, bool value) = 0;
  virtual void operator()(std::string_view name, std::string_view value) = 0;
  virtual void operator()(std::string_view name, const Shape& value) = 0;
  void operator()(std::string_view name, int value) { (*this)(name, std::int64_t{value}); }
  void operator()(std::string_view name, const char* value) { (*this)(name, std::string_view(value)); }
  void operator()(std::string_view name, DType value) { (*this)(name, std::string_view(to_string(value))); }

 protected:
  ~AttributeVisitor() = default;
};

/// An op type seen without its type. One object each: `op_class<O>`, or what `detail::intern` gives for a name.
struct OpClass : detail::AttachmentClass {
  OpInfo info;
  std::size_t attribute_bytes;
  void (*copy)(void* to, const void* from);  // null where there are no attributes
  void (*destroy)(void* attributes);         // null where there is nothing to do
  Tensors (*forward)(const void* attributes, std::span<const Tensor> inputs);
  Cotangents (*vjp)(const void* attributes, const Pullback&);          // null: no rule
  void (*visit)(const void* attributes, AttributeVisitor&);            // null where there are no attributes
  double (*flops)(const void* attributes, const OpShapes&) = nullptr;  // null: by OpInfo::flops
  Tensor (*add_to)(const void* attributes, const Pullback&, Tensor sum) = nullptr;  // null: there is none
  const detail::StepKernel* step_kernel = nullptr;                                  // null: there is none
};

/// Floating-point operations that one forward of the op takes, by its own account.
double flops_of(const OpClass& op, const void* attributes, const OpShapes& shapes);

/// The base of ops. An op is a struct with
///   static constexpr OpInfo info
///   forward(const Tensor&…) const       as many as its arity, or a std::span<const Tensor> if variadic;
///                                       gives a Tensor, or Tensors if there are several results
///   Cotangents vjp(const Pullback&) const    unless it is not differentiable
///   void visit(V&& v) const             v("axis", axis) for each attribute, if it has any
///   double flops(const OpShapes& s) const    of its forward, where OpInfo::flops can't say it
///   Tensor add_to(const Pullback& p, Tensor sum) const    `sum`, which nobody else sees, with the cotangent of the
///                                       first input added in place: where the rule gives zeros but for a part
struct Op {};

namespace detail {

template <class O, std::size_t... I>
auto call_forward(const O& op, std::span<const Tensor> inputs, std::index_sequence<I...>) {
  return op.forward(inputs[I]...);
}

/// An op by its attributes; one without any is made anew.
template <class O>
decltype(auto) op_of(const void* attributes) {
  if constexpr (std::is_empty_v<O>)
    return O{};
  else
    return *static_cast<const O*>(attributes);
}

template <class O>
Tensors erased_forward(const void* attributes, std::span<const Tensor> inputs) {
  const O& op = op_of<O>(attributes);
  const auto call = [&] {
    if constexpr (O::info.arity == kVariadic)
      return op.forward(inputs);
    else
      return call_forward(op, inputs, std::make_index_sequence<static_cast<std::size_t>(O::info.arity)>{});
  };
  if constexpr (std::is_same_v<decltype(call()), Tensor>)
    return {call()};
  else
    return call();
}

template <class O, std::size_t... I>
constexpr bool forward_takes(std::index_sequence<I...>) {
  return requires(const O& op, const Tensor& x) { op.forward((void(I), x)...); };
}
template <class O>
constexpr bool forward_fits() {
  if constexpr (O::info.arity == kVariadic)
    return requires(const O& op, std::span<const Tensor> inputs) { op.forward(inputs); };
  else
    return forward_takes<O>(std::make_index_sequence<static_cast<std::size_t>(O::info.arity)>{});
}
template <class O>
concept RuleFits = requires(const O& op, const Pullback& p) {
  { op.vjp(p) } -> std::convertible_to<Cotangents>;
};
template <class O>
concept HasRule = RuleFits<O> || requires { &O::vjp; };

/// In the place of an op that was refused, so that no more is said of it.
struct Refused {
  template <class... Args>
  Tensor operator()(Args&&...) const;
};

/// True if the struct is an op; else a compile error that says what is missing.
template <class O>
constexpr bool is_op() {
  constexpr bool info = requires { static_cast<const OpInfo&>(O::info); };
  static_assert(info, "an op has a member: static constexpr OpInfo info{.name = \"twice\"};");
  if constexpr (info) {
    constexpr bool forward = forward_fits<O>(), rule = RuleFits<O> || !HasRule<O>;
    static_assert(forward,
                  "an op has a member: Tensor forward(const Tensor& x) const, with as many tensors "
                  "as OpInfo::arity says");
    static_assert(rule, "an op's rule is a member: Cotangents vjp(const Pullback& p) const");
    return forward && rule;
  }
  return false;
}

template <class O>
constexpr OpClass make_op_class() {
  static_assert(alignof(O) <= alignof(double), "attributes of an op are aligned like double at most");
  OpClass c{{&end_node}, O::info, 0, nullptr, nullptr, &erased_forward<O>, nullptr, nullptr};
  if constexpr (!std::is_empty_v<O>) {
    c.attribute_bytes = sizeof(O);
    c.copy = [](void* to, const void* from) { new (to) O(*static_cast<const O*>(from)); };
    if constexpr (!std::is_trivially_destructible_v<O>) c.destroy = [](void* op) { static_cast<O*>(op)->~O(); };
  }
  if constexpr (RuleFits<O>)
    c.vjp = [](const void* op, const Pullback& p) -> Cotangents { return op_of<O>(op).vjp(p); };
  if constexpr (requires(const O& op, AttributeVisitor& v) { op.visit(v); })
    c.visit = [](const void* op, AttributeVisitor& v) { op_of<O>(op).visit(v); };
  if constexpr (requires(const O& op, const OpShapes& s) { op.flops(s); })
    c.flops = [](const void* op, const OpShapes& s) -> double { return op_of<O>(op).flops(s); };
  if constexpr (requires(const O& op, const Pullback& p, Tensor sum) { op.add_to(p, sum); })
    c.add_to = [](const void* op, const Pullback& p, Tensor sum) { return op_of<O>(op).add_to(p, std::move(sum)); };
  if constexpr (requires { O::step_kernel(); }) c.step_kernel = O::step_kernel();
  return c;
}

/// Leaves a node for an op that has run; the outputs then require a gradient. The caller has seen that
/// recording is on and that some input requires a gradient.
void record(const OpClass& op,
            const void* attributes,
            std::span<const Tensor* const> inputs,
            std::span<Tensor> outputs,
            CallSite site);

/// While an op's forward runs: nothing is recorded, and errors name the caller.
class ForwardGuard {
 public:
  explicit ForwardGuard(CallSite site) : recording_(false), pin_(site) {}

 private:
  RecordingGuard recording_;
  SitePin pin_;
};

/// An op that has run, and left its node if one was due; without outputs, one that is to run.
struct OpCall {
  const OpClass& op;
  const void* attributes;
  std::span<const Tensor* const> inputs;
  std::span<const Tensor> outputs;
  CallSite site;
};

/// Is told of each op that runs on this thread while it lives, but not of those within an op's forward.
class OpWatch {
 public:
  OpWatch();
  virtual ~OpWatch();
  OpWatch(const OpWatch&) = delete;
  OpWatch& operator=(const OpWatch&) = delete;
  virtual void begin() {}
  /// Asked between these, but not about rules: true where `results` are what the op gives. Its forward does not run
  /// then, and nothing is recorded of it.
  virtual bool replaces(const OpCall&, Tensors& /*results*/) { return false; }
  virtual void end(const OpCall& call) = 0;

 private:
  friend class Watched;
  OpWatch* outer_;
};
extern thread_local constinit OpWatch* op_watch;  // the innermost

/// An op that those who watch are told of.
class Watched {
 public:
  Watched() : watch_(op_watch) {
    if (watch_ != nullptr) [[unlikely]]
      begin();
  }
  ~Watched() {
    if (watch_ != nullptr) [[unlikely]]
      op_watch = watch_;
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  explicit operator bool() const { return watch_ != nullptr; }
  /// True where one of those who watch gives the results; all have been told of the op then.
  bool replaces(const OpCall& call, Tensors& results) const;
  void end(const OpCall& call) const;

 private:
  void begin() const;
  OpWatch* watch_;
};

inline bool has_node(const Tensor& x) { return x.raw() != nullptr && x.raw()->attachment != nullptr; }

/// What a forward gave, one tensor or several.
template <class R>
std::span<Tensor> outputs_of(R& result) {
  if constexpr (std::is_same_v<R, Tensor>)
    return {&result, 1};
  else
    return {result.begin(), result.size()};
}

template <class R>
R first_or_all(Tensors& results) {
  if constexpr (std::is_same_v<R, Tensor>)
    return std::move(results[0]);
  else
    return std::move(results);
}

/// Runs `forward()`, in which nothing is recorded, as a call of the op: leaves a node where one is due, and tells
/// those who watch. Every op runs through here.
template <class F>
[[gnu::always_inline]] inline auto run_op(
    const OpClass& op, const void* attributes, std::span<const Tensor* const> inputs, CallSite site, F&& forward) {
  const Watched watched;
  using Result = decltype(forward());
  if constexpr (std::is_same_v<Result, Tensor> || std::is_same_v<Result, Tensors>) {
    if (watched) [[unlikely]]
      if (Tensors known; watched.replaces({op, attributes, inputs, {}, site}, known))
        return first_or_all<Result>(known);
  }
  Result result = [&] {
    const ForwardGuard guard(site);
    return forward();
  }();
  if (op.info.differentiable && context.recording) {
    bool wanted = false;
    for (const Tensor* x : inputs) wanted = wanted || has_node(*x);
    if (wanted) record(op, attributes, inputs, outputs_of(result), site);
  }
  if (watched) [[unlikely]]
    watched.end({op, attributes, inputs, outputs_of(result), site});
  return result;
}

/// Pointers to the tensors of a list.
class TensorPointers {
 public:
  explicit TensorPointers(std::span<const Tensor> list) : size_(list.size()) {
    if (size_ > kFew) many_.resize(size_);
    const Tensor** at = many_.empty() ? few_.data() : many_.data();
    for (const Tensor& x : list) *at++ = &x;
  }
  operator std::span<const Tensor* const>() const { return {many_.empty() ? few_.data() : many_.data(), size_}; }

 private:
  static constexpr std::size_t kFew = 16;
  std::size_t size_;
  std::array<const Tensor*, kFew> few_;  // the first size_ of them
  std::vector<const Tensor*, CachingAllocator<const Tensor*>> many_;
};

/// The one object of all classes of this name, forward function and info; kept to the end of the program.
const OpClass& intern(const OpClass& op);

}  // namespace detail

/// The constant description of the op type O, which its nodes point to.
template <class O>
inline constexpr OpClass op_class = detail::make_op_class<O>();

/// Runs an op of fixed arity and leaves a node where one is due. Gives what `op.forward` gives. An
/// undefined tensor stands for an input left out.
template <class O, class... Rest>
auto apply(const O& op, Arg first, const Rest&... rest) {
  if constexpr (detail::is_op<O>()) {
    constexpr bool fits = O::info.arity == 1 + sizeof...(Rest);
    static_assert(fits, "apply takes the op and as many tensors as OpInfo::arity says");
    if constexpr (fits) {
      const Tensor* const inputs[] = {&first.tensor, &static_cast<const Tensor&>(rest)...};
      return detail::run_op(op_class<O>, &op, inputs, first.site, [&] {
        return op.forward(first.tensor, static_cast<const Tensor&>(rest)...);
      });
    } else {
      return Tensor();
    }
  } else {
    return Tensor();
  }
}

/// The same for a variadic op.
template <class O>
auto apply_list(const O& op, std::span<const Tensor> inputs, CallSite site) {
  return detail::run_op(op_class<O>, &op, detail::TensorPointers(inputs), site, [&] { return op.forward(inputs); });
}

/// An op type as a function: `make_op<Outer>()(a, b)`.
template <class O>
struct OpFunction {
  using op_type = O;
  O op{};

  template <class... Rest>
    requires(O::info.arity == 1 + sizeof...(Rest))
  auto operator()(Arg first, const Rest&... rest) const {
    return apply(op, first, rest...);
  }
  auto operator()(std::span<const Tensor> inputs, CallSite site = CallSite::here()) const
    requires(O::info.arity == kVariadic)
  {
    return apply_list(op, inputs, site);
  }
};
template <class O>
constexpr auto make_op(O op = {}) {
  if constexpr (detail::is_op<O>())
    return OpFunction<O>{op};
  else
    return detail::Refused{};
}

}  // namespace gradus
GRADUS_EXPORT_END
