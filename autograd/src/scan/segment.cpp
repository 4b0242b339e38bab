#include "scan/segment.h"

#include "gradients.h"
#include "scan/replay.h"

#include "gradus/ops/shape.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <utility>

namespace gradus::detail {
namespace {

/// All steps by ops, recorded or not: carry and ys.
List by_ops(const Segment& s, std::span<const Tensor> inputs) {
  const Program& p = *s.program;
  List carry(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(p.carries));
  std::vector<List> ys(p.ys.size(), List(static_cast<std::size_t>(s.steps)));
  for (std::int64_t i = 0; i < s.steps; ++i) {
    const std::int64_t time = slot_of(s.reverse, s.steps, i);
    List values(p.values.size());
    std::copy(carry.begin(), carry.end(), values.begin());
    for (std::size_t k = 0; k < p.xs; ++k) values[p.carries + k] = select(inputs[p.carries + k], 0, time);
    for (std::size_t k = 0; k < p.captured.size(); ++k)
      values[static_cast<std::size_t>(p.captured_values[k])] = inputs[p.carries + p.xs + k];
    run_ops(p, p.ops.size(), values);
    for (std::size_t k = 0; k < ys.size(); ++k)
      ys[k][static_cast<std::size_t>(time)] = values[static_cast<std::size_t>(p.ys[k])];
    for (std::size_t k = 0; k < carry.size(); ++k) carry[k] = values[static_cast<std::size_t>(p.carry[k])];
  }
  for (const List& y : ys) carry.push_back(stack(y, 0));
  return carry;
}

/// The rule, recorded.
Cotangents differentiate_ops(const Segment& s, const Pullback& p) {
  const std::size_t n = s.program->carries + s.program->xs + s.program->captured.size();
  List inputs, from, with;
  std::uint64_t start = 0;
  {
    const RecordingGuard on(true);
    for (std::size_t i = 0; i < n; ++i) inputs.push_back(p.in(static_cast<int>(i)));
    start = newest_id();
    for (Tensor& x : inputs)
      if (has_node(x)) x = fresh_argument(x, true, context.site);
    const List results = by_ops(s, inputs);
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (!p.all[k].defined()) continue;
      from.push_back(results[k]);
      with.push_back(p.all[k]);
    }
  }
  Cotangents result = partial_gradients(start, from, inputs, with, {.create_graph = true});
  result.resize(static_cast<std::size_t>(p.arity()));
  return result;
}

/// The rule on plain memory.
template <class T>
class SegmentGradient {
 public:
  SegmentGradient(const Segment& s, const Pullback& p) : s_(s), program_(*s.program), p_(p) {
    for (const Tensor& g : p.all) cotangents_.push_back(g.defined() ? contiguous(g) : g);
    for (std::size_t k = 0; k < program_.carries; ++k) {
      const Tensor x = p.in(static_cast<int>(k));
      Tensor g = empty(x.shape(), program_.dtype);
      if (cotangents_[k].defined())
        copy_into(g, cotangents_[k]);
      else
        std::fill_n(g.mutable_data<T>(), g.numel(), T(0));
      results_.push_back(std::move(g));
    }
    for (std::size_t k = 0; k < program_.xs; ++k) enter(program_.carries + k, true);
    for (std::size_t k = 0; k < program_.captured.size(); ++k) enter(program_.carries + program_.xs + k, false);
    memory_ = p.in(p.arity() - (s.whole ? 2 : 1));
  }

  Cotangents run() {
    const std::int64_t slots = s_.chunk;
    const auto size = [&](std::int64_t n) { return empty({n}, program_.dtype); };
    Tensor scratch = size(program_.scratch_size), together = size(program_.stacked_size * slots);
    Tensor values = s_.whole ? memory_ : size(program_.memory_size(slots));
    T *zeros = scratch.mutable_data<T>(), *stacked = together.mutable_data<T>();
    T* numbers = const_cast<T*>(values.data<T>());
    for (std::int64_t c = s_.chunks() - 1; c >= 0; --c) {
      const std::int64_t first = c * s_.chunk, count = std::min(s_.chunk, s_.steps - first);
      Replay<T> replay(program_, slots, numbers);
      place(replay, first, slots);
      if (!s_.whole) recompute(replay, c, slots, count);

      replay.set_gradients(zeros, stacked);
      for (std::int64_t i = count - 1; i >= 0; --i) {
        std::fill_n(zeros, program_.summed_size, T(0));
        step(replay, slot_of(s_.reverse, slots, i), slot_of(s_.reverse, s_.steps, first + i));
      }
      replay.finish(first_slot(s_.reverse, slots, count), count);
    }
    Cotangents result(static_cast<std::size_t>(p_.arity()));
    for (std::size_t i = 0; i < results_.size(); ++i)
      if (p_.needs(static_cast<int>(i))) result[i] = results_[i];
    return result;
  }

 private:
  /// An input other than a carry, and room for its gradient, laid out like it.
  void enter(std::size_t i, bool dense) {
    const Tensor x = p_.in(static_cast<int>(i));
    inputs_.push_back(dense ? contiguous(x) : x);
    Tensor g;
    if (p_.needs(static_cast<int>(i))) {
      g = zeros({x.numel()}, program_.dtype);
      g = view_as(g, x.shape(), inputs_.back().strides());
    }
    results_.push_back(std::move(g));
  }

  void place(Replay<T>& replay, std::int64_t first, std::int64_t slots) {
    for (std::size_t b = 0; b < program_.bases.size(); ++b) {
      const Base& base = program_.bases[b];
      if (base.kind != Base::Kind::x && base.kind != Base::Kind::captured) continue;
      const bool is_x = base.kind == Base::Kind::x;
      const std::size_t i = static_cast<std::size_t>(base.index) + (is_x ? 0 : program_.xs);
      const std::int64_t moved = !is_x ? 0 : (s_.reverse ? s_.steps - first - slots : first) * base.size;
      replay.values.first[b] = const_cast<T*>(inputs_[i].template data<T>()) + moved;
      Tensor& g = results_[program_.carries + i];
      if (g.defined()) replay.gradients.first[b] = g.template mutable_data<T>() + moved;
    }
  }

  /// The values of a chunk once more, from the carry kept.
  void recompute(Replay<T>& replay, std::int64_t chunk, std::int64_t slots, std::int64_t count) {
    std::int64_t kept = 0;
    for (std::size_t k = 0; k < program_.carries; ++k) kept += program_.bases[k].size;
    const T* from = memory_.data<T>() + chunk * kept;
    for (std::size_t k = 0; k < program_.carries; ++k) {
      std::copy_n(from, program_.bases[k].size, replay.values.at(static_cast<int>(k), slot_of(s_.reverse, slots, 0)));
      from += program_.bases[k].size;
    }
    replay.prepare(first_slot(s_.reverse, slots, count), count);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t slot = slot_of(s_.reverse, slots, i);
      replay.forward(slot);
      if (i + 1 == count) break;
      for (std::size_t k = 0; k < program_.carries; ++k)
        replay.copy_out(program_.carry[k],
                        program_.carry_rows[k],
                        slot,
                        replay.values.at(static_cast<int>(k), slot_of(s_.reverse, slots, i + 1)));
    }
  }

  /// One step back: `results_` of the carries become those of the carry before.
  void step(Replay<T>& replay, std::int64_t slot, std::int64_t time) {
    for (std::size_t k = 0; k < program_.carries; ++k)
      replay.add_gradient(program_.carry[k], program_.carry_rows[k], slot, results_[k].template data<T>());
    for (std::size_t k = 0; k < program_.ys.size(); ++k) {
      const Tensor& g = cotangents_[program_.carries + k];
      const std::int64_t size = program_.at(program_.ys[k]).shape.numel();
      replay.add_gradient(program_.ys[k], program_.y_rows[k], slot, g.defined() ? g.data<T>() + time * size : nullptr);
    }
    replay.backward(slot);
    for (std::size_t k = 0; k < program_.carries; ++k)
      std::copy_n(replay.gradients.at(static_cast<int>(k), slot),
                  program_.bases[k].size,
                  results_[k].template mutable_data<T>());
  }

  const Segment& s_;
  const Program& program_;
  const Pullback& p_;
  List cotangents_, inputs_, results_;  // inputs: xs and what is captured
  Tensor memory_;                       // all numbers, or the carry at the beginning of each chunk
};

}  // namespace

void run_ops(const Program& p, std::size_t count, List& values) {
  for (std::size_t i = 0; i < count; ++i) {
    const ProgramOp& op = p.ops[i];
    const graph::ScopeGuard scope(op.scope);
    Tensors inputs;
    for (const int v : op.inputs) inputs.push_back(v < 0 ? Tensor() : values[static_cast<std::size_t>(v)]);
    const std::span<const Tensor> list{inputs.begin(), inputs.size()};
    Tensors outputs = run_op(*op.op, op.attributes.get(), TensorPointers(list), op.site, [&] {
      return op.op->forward(op.attributes.get(), list);
    });
    for (std::size_t k = 0; k < outputs.size(); ++k)
      values[static_cast<std::size_t>(op.outputs[k])] = std::move(outputs[k]);
  }
}

Tensors ScanOp::forward(std::span<const Tensor> inputs) const {
  List ys = std::exchange(segment->results, {});
  if (ys.empty()) ys = by_ops(*segment, inputs);
  Tensors results;
  for (const Tensor& y : ys) results.push_back(detach(y));
  return results;
}

Cotangents ScanOp::vjp(const Pullback& p) const {
  if (is_recording()) return differentiate_ops(*segment, p);
  return dispatch_floating(segment->program->dtype, [&]<class T>() { return SegmentGradient<T>(*segment, p).run(); });
}

}  // namespace gradus::detail
