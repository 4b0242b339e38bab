#include "scan/run.h"

#include "scan/replay.h"

#include "gradus/ops/shape.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

namespace gradus::detail {
namespace {

/// The same array, on the same place of the tape.
bool is_same(const Tensor& a, const Tensor& b) {
  const TensorImpl *p = a.raw(), *q = b.raw();
  return p->data == q->data && p->storage == q->storage && p->dtype == q->dtype && p->attachment == q->attachment &&
         p->output == q->output && a.shape() == b.shape() && a.strides() == b.strides();
}

/// Puts x in the place of `y` on the tape, for all who hold it.
void adopt(Tensor& x, const Tensor& y) {
  TensorImpl& impl = *x.raw();
  if (has_node(y)) node_of(y)->retain();
  if (impl.attachment != nullptr) impl.attachment->release();
  impl.attachment = y.raw()->attachment;
  impl.output = y.raw()->output;
}

/// The place on the tape of all tensors of a step that requires a gradient, before they have one of their own.
struct StepOp : Op {
  static constexpr OpInfo info{.name = "scan"};
  Tensor forward(const Tensor& x) const { return detach(x); }
};

/// Gives the ops of a body their results, which are computed already, as long as they are those of the program; once
/// they are not, `differs` is called.
class Comparison final : public OpWatch {
 public:
  /// `fixed` says which values are those of what is captured.
  Comparison(const Program& p,
             const List& values,
             const std::vector<std::uint8_t>& fixed,
             std::function<void(std::size_t ops)> differs)
      : program_(p), values_(values), fixed_(fixed), differs_(std::move(differs)) {}

  void end(const OpCall&) override {}
  bool replaces(const OpCall& call, Tensors& results) override {
    if (failed_) return false;
    if (at_ == program_.ops.size() || !is_next(call)) {
      fail();
      return false;
    }
    for (const int v : program_.ops[at_++].outputs) results.push_back(values_[static_cast<std::size_t>(v)]);
    return true;
  }
  /// What follows is recorded.
  void fail() {
    failed_ = true;
    differs_(at_);
  }
  bool failed() const { return failed_; }
  bool complete() const { return at_ == program_.ops.size(); }

  /// Whether x is that value of the step, and the same as when it was recorded.
  bool is_value(int v, const Tensor& x) const {
    const Tensor& known = values_[static_cast<std::size_t>(v)];
    if (!fixed_[static_cast<std::size_t>(v)]) return x.raw() == known.raw();
    const Base& base = program_.base_of(v);
    const auto k = static_cast<std::size_t>(base.index);
    const bool whole = known.raw() == program_.captured[k].raw();
    if (x.version() != program_.versions[k] || (whole && has_node(x) != base.active)) return false;
    return x.raw() == known.raw() || (whole && is_same(x, known));
  }

 private:
  bool is_next(const OpCall& call) const {
    const ProgramOp& op = program_.ops[at_];
    if (&call.op != op.op || context.recording != program_.recording || call.inputs.size() != op.inputs.size() ||
        !op.op->step_kernel->same(call.attributes, op.attributes.get()))
      return false;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const int v = op.inputs[i];
      const Tensor& x = *call.inputs[i];
      if (v < 0 || !x.defined()) {
        if (v >= 0 || x.defined()) return false;
        continue;
      }
      if (!is_value(v, x)) return false;
    }
    return true;
  }

  const Program& program_;
  const List& values_;
  const std::vector<std::uint8_t>& fixed_;
  std::function<void(std::size_t)> differs_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

template <class T>
class Run {
 public:
  Run(ScanState& state, std::shared_ptr<const Program> program)
      : state_(state),
        program_(*program),
        segment_(std::make_shared<Segment>()),
        first_(state.done),
        planned_(state.steps - state.done),
        reverse_(state.options.reverse) {
    constexpr std::int64_t kFew = 16;  // where nothing is kept for a rule
    const std::int64_t most = !program_.active                     ? kFew
                              : state.options.checkpoint_every > 0 ? state.options.checkpoint_every
                                                                   : planned_;
    chunk_ = std::min(most, planned_);
    *segment_ = {std::move(program), 0, chunk_, chunk_ == planned_, reverse_, {}};
    start_ = state.carry;
    if (program_.active) somewhere_ = apply(StepOp{}, leaf(zeros({}, program_.dtype)));
    for (std::size_t k = 0; k < program_.carries; ++k) carry_size_ += program_.bases[k].size;
    for (const int v : program_.ys) ys_.push_back(empty(with_steps(program_.at(v).shape, planned_), program_.dtype));
    last_ = empty({carry_size_}, program_.dtype);
    kept_ = empty({(planned_ + chunk_ - 1) / chunk_, carry_size_}, program_.dtype);
    std::int64_t at = 0;
    for (std::size_t k = 0; k < program_.carries; ++k) {
      Tensor part = view_as(last_, start_[k].shape(), contiguous_strides(start_[k].shape()), at);
      copy_into(part, start_[k]);
      at += program_.bases[k].size;
    }
    lay_out();
  }

  std::int64_t run() {
    while (segment_->steps < planned_)
      if (!step()) return segment_->steps;
    end();
    return segment_->steps;
  }

 private:
  static Shape with_steps(Shape shape, std::int64_t n) {
    shape.insert(0, n);
    return shape;
  }

  /// Memory, and a handle to each value in it.
  void lay_out() {
    memory_ = empty({program_.memory_size(chunk_)}, program_.dtype);
    replay_ = std::make_unique<Replay<T>>(program_, chunk_, memory_.mutable_data<T>());
    for (const Value& v : program_.values) {
      const Base& base = program_.bases[static_cast<std::size_t>(v.base)];
      const Tensor& of = base.kind == Base::Kind::captured ? program_.captured[static_cast<std::size_t>(base.index)]
                         : base.kind == Base::Kind::x      ? state_.xs[static_cast<std::size_t>(base.index)]
                                                           : memory_;
      values_.push_back(view_as(of, v.shape, v.strides, base.kind == Base::Kind::captured ? v.offset : 0));
    }
    for (std::size_t v = 0; v < values_.size() && program_.active; ++v)
      if (program_.base_of(static_cast<int>(v)).active) adopt(values_[v], somewhere_);
    for (std::size_t k = 0; k < program_.captured.size(); ++k)
      values_[static_cast<std::size_t>(program_.captured_values[k])] = program_.captured[k];
    version_ = versions();
    storage_handles_ = memory_.raw()->storage->refs.count();
    for (std::size_t v = 0; v < values_.size(); ++v) {
      const Value& value = program_.values[v];
      T* const first = replay_->values.first[static_cast<std::size_t>(value.base)];
      if (first != nullptr) values_[v].raw()->data = reinterpret_cast<std::byte*>(first + value.offset);
      if (program_.slot_size[static_cast<std::size_t>(value.base)] != 0)
        moving_.push_back({values_[v].raw(), value.base, value.offset});
      fixed_.push_back(program_.base_of(static_cast<int>(v)).kind == Base::Kind::captured);
    }
    handles_.assign(values_.size(), 1);
    for (const std::vector<int>& results : {program_.carry, program_.ys})
      for (const int v : results) ++handles_[static_cast<std::size_t>(v)];
  }

  std::uint64_t versions() const {
    std::uint64_t sum = memory_.version();
    for (const Tensor& x : state_.xs) sum += x.version();
    return sum;
  }

  /// Points the arrays of a chunk, and computes what does not need the carry.
  void begin_chunk() {
    const std::int64_t first = segment_->steps, count = std::min(chunk_, planned_ - first);

    for (std::size_t b = 0; b < program_.bases.size(); ++b) {
      const Base& base = program_.bases[b];
      const auto i = static_cast<std::size_t>(base.index);
      if (base.kind == Base::Kind::captured)
        replay_->values.first[b] = const_cast<T*>(program_.captured[i].template data<T>());
      if (base.kind != Base::Kind::x) continue;
      const std::int64_t at = first_ + first, time = reverse_ ? state_.steps - at - chunk_ : at;
      replay_->values.first[b] = const_cast<T*>(state_.xs[i].template data<T>()) + time * base.size;
    }
    std::copy_n(last_.data<T>(), carry_size_, unversioned(kept_) + first / chunk_ * carry_size_);
    const T* from = last_.data<T>();
    for (std::size_t k = 0; k < program_.carries; ++k) {
      const std::int64_t n = program_.bases[k].size;
      std::copy_n(from, n, replay_->values.at(static_cast<int>(k), slot_of(reverse_, chunk_, 0)));
      from += n;
    }
    replay_->prepare(first_slot(reverse_, chunk_, count), count);
  }

  static T* unversioned(Tensor& x) { return reinterpret_cast<T*>(x.raw()->data); }

  /// Computes a step and calls the body; false where it did something else, and its own results were taken.
  bool step() {
    const std::int64_t i = segment_->steps % chunk_;
    if (i == 0) begin_chunk();
    const std::int64_t slot = slot_of(reverse_, chunk_, i);
    replay_->forward(slot);
    const std::int64_t every = state_.options.compare_every, number = segment_->steps + 1;
    if (number % every != 0 && number != planned_) {
      take(slot, i);
      return true;
    }
    for (const Moving& v : moving_)
      v.impl->data = reinterpret_cast<std::byte*>(replay_->values.at(v.base, slot) + v.offset);
    Comparison comparison(program_, values_, fixed_, [this](std::size_t ops) { record_ops(ops); });
    const std::span<const Tensor> all(values_);
    Scanned given = state_.body(all.first(program_.carries), all.subspan(program_.carries, program_.xs));
    if (versions() != version_)
      fail<GradientError>("scan",
                          "expected a body that leaves tensors of its step as they are, got one that changes "
                          "one in place",
                          state_.site);
    if (somewhere_.defined() && node_of(somewhere_)->has_hooks())
      fail<GradientError>("scan",
                          "expected a body that sets hooks on gradients in its first step or not at all, got one that "
                          "does so later",
                          state_.site);
    if (!comparison.failed() && !(comparison.complete() && gives(comparison, given))) comparison.fail();
    if (comparison.failed() && every > 1)
      fail<ArgumentError>("scan",
                          fmt::format("expected a body that does the same at each step, as it is called for one in {}, "
                                      "got another op, number, tensor or result at step {}",
                                      every,
                                      first_ + number - 1),
                          state_.site);
    if (comparison.failed()) {
      state_.take(std::move(given));
      return false;
    }
    take(slot, i);
    return true;
  }

  /// Whether a body gave the results of the program and kept no other tensor of the step.
  bool gives(const Comparison& comparison, const Scanned& given) const {
    if (given.carry.size() != program_.carry.size() || given.ys.size() != program_.ys.size()) return false;
    const auto compare = [&](const List& got, const std::vector<int>& expected) {
      for (std::size_t k = 0; k < got.size(); ++k)
        if (!got[k].defined() || !comparison.is_value(expected[k], got[k])) return false;
      return true;
    };
    if (!compare(given.carry, program_.carry) || !compare(given.ys, program_.ys)) return false;
    for (std::size_t v = 0; v < values_.size(); ++v)
      if (!fixed_[v] && values_[v].raw()->refs.count() != handles_[v]) return false;
    return memory_.raw()->storage->refs.count() == storage_handles_;
  }

  /// Copies results of a step to where they stay.
  void take(std::int64_t slot, std::int64_t i) {
    const std::int64_t at = slot_of(reverse_, planned_, segment_->steps);
    for (std::size_t k = 0; k < ys_.size(); ++k)
      replay_->copy_out(program_.ys[k],
                        program_.y_rows[k],
                        slot,
                        unversioned(ys_[k]) + at * program_.at(program_.ys[k]).shape.numel());
    ++segment_->steps;
    const bool ends = i + 1 == chunk_ || segment_->steps == planned_;
    T* to = unversioned(last_);
    for (std::size_t k = 0; k < program_.carries; ++k) {
      T* next = ends ? to : replay_->values.at(static_cast<int>(k), slot_of(reverse_, chunk_, i + 1));
      replay_->copy_out(program_.carry[k], program_.carry_rows[k], slot, next);
      to += program_.bases[k].size;
    }
    ends_chunk_ = ends;
  }

  /// The steps so far as one op: its carry and ys become those of the scan.
  void end() {
    const std::int64_t n = segment_->steps;
    if (n == 0) return;
    List& results = segment_->results;
    std::int64_t at = 0;
    for (std::size_t k = 0; k < program_.carries; ++k) {
      Tensor carry = empty(start_[k].shape(), program_.dtype);
      const T* from = ends_chunk_ ? last_.data<T>() + at
                                  : replay_->values.at(static_cast<int>(k), slot_of(reverse_, chunk_, n % chunk_));
      std::copy_n(from, carry.numel(), unversioned(carry));
      results.push_back(std::move(carry));
      at += program_.bases[k].size;
    }
    for (Tensor& y : ys_) {
      Shape shape = y.shape();
      shape[0] = n;
      results.push_back(view_as(y, shape, y.strides(), reverse_ ? (planned_ - n) * y.strides()[0] : 0));
    }
    List inputs = start_;
    const std::int64_t time = reverse_ ? state_.steps - first_ - n : first_;
    for (const Tensor& x : state_.xs) inputs.push_back(slice(Arg(x, state_.site), 0, time, time + n));
    inputs.insert(inputs.end(), program_.captured.begin(), program_.captured.end());
    inputs.push_back(segment_->whole ? memory_ : Tensor());
    inputs.push_back(kept_);
    Tensors outputs = apply_list(ScanOp{{}, segment_}, inputs, state_.site);
    saved_as_used(outputs);
    for (std::size_t k = 0; k < program_.carries; ++k) state_.carry[k] = outputs[k];
    if (state_.ys.empty()) state_.ys.resize(ys_.size());
    for (std::size_t k = 0; k < ys_.size(); ++k) state_.ys[k].push_back(outputs[program_.carries + k]);
    state_.done += n;
  }

  /// What is captured was used as it was at the beginning, whatever its version is now.
  void saved_as_used(const Tensors& outputs) const {
    if (!has_node(outputs[0])) return;
    const std::size_t before = program_.carries + program_.xs;
    for (SavedTensor& s : node_of(outputs[0])->saved()) {
      const auto i = static_cast<std::size_t>(s.slot);
      if (i >= before && i < before + program_.captured.size()) s.version = program_.versions[i - before];
    }
  }

  /// Puts the first ops of the step at hand on the tape, and the steps before it.
  void record_ops(std::size_t ops) {
    OpWatch* const inner = std::exchange(op_watch, outer_);
    struct Restore {
      OpWatch* inner;
      ~Restore() { op_watch = inner; }
    } const restore{inner};
    const RecordingGuard as_before(program_.recording);
    end();
    const List x = state_.x(state_.done);
    for (std::size_t k = 0; k < program_.carries; ++k) adopt(values_[k], state_.carry[k]);
    for (std::size_t k = 0; k < program_.xs; ++k) adopt(values_[program_.carries + k], x[k]);
    List recorded = values_;
    run_ops(program_, ops, recorded);
    for (std::size_t v = program_.carries + program_.xs; v < values_.size(); ++v)
      if (recorded[v].raw() != values_[v].raw()) adopt(values_[v], recorded[v]);
  }

  ScanState& state_;
  const Program& program_;
  std::shared_ptr<Segment> segment_;
  std::int64_t first_, planned_, chunk_ = 1, carry_size_ = 0;
  bool reverse_, ends_chunk_ = true;
  OpWatch* outer_ = op_watch;
  List start_, values_, ys_;
  Tensor somewhere_;             // on the tape
  Tensor memory_, last_, kept_;  // numbers of a chunk; the carry where one ends; where each begins
  std::uint64_t version_ = 0;
  std::unique_ptr<Replay<T>> replay_;
  struct Moving {
    TensorImpl* impl;
    int base;
    std::int64_t offset;
  };
  std::vector<Moving> moving_;       // values that lie elsewhere in each step
  std::vector<std::uint8_t> fixed_;  // whether a value is of what is captured
  std::uint32_t storage_handles_ = 0;
  std::vector<std::uint32_t> handles_;  // that a step leaves of each value
};

}  // namespace

std::int64_t run_program(ScanState& state, const std::shared_ptr<const Program>& program) {
  return dispatch_floating(program->dtype, [&]<class T>() { return Run<T>(state, program).run(); });
}

}  // namespace gradus::detail
