#include "scan/program.h"

#include "gradus/graph/saved.h"
#include "gradus/tensor/strided.h"

#include <algorithm>
#include <new>
#include <numeric>

namespace gradus::detail {
namespace {

/// A copy of an op's attributes.
std::shared_ptr<const std::byte> copy_attributes(const OpClass& op, const void* attributes) {
  if (op.copy == nullptr) return nullptr;
  auto* place = static_cast<std::byte*>(::operator new(op.attribute_bytes));
  std::shared_ptr<std::byte> raw(place, [](std::byte* p) { ::operator delete(p); });
  op.copy(place, attributes);
  return {place, [raw, destroy = op.destroy](const std::byte* p) {
            if (destroy != nullptr) destroy(const_cast<std::byte*>(p));
          }};
}

/// Whether each element has a place of its own, and there are no others between them.
bool is_whole(const Tensor& x) {
  std::vector<std::pair<std::int64_t, std::int64_t>> axes;  // strides and sizes
  for (int d = 0; d < x.rank(); ++d)
    if (x.raw()->sizes()[d] != 1) axes.emplace_back(x.raw()->strides()[d], x.raw()->sizes()[d]);
  std::sort(axes.begin(), axes.end());
  std::int64_t next = 1;
  for (const auto& [stride, size] : axes) {
    if (stride != next) return false;
    next *= size;
  }
  return x.numel() > 0;
}

/// Rows of operands of one shape.
Rows rows_of(const Shape& shape, std::array<const Value*, 3> operands) {
  const Loops<3> loops(shape.rank(),
                       shape.begin(),
                       {operands[0]->strides.begin(), operands[1]->strides.begin(), operands[2]->strides.begin()});
  Rows rows;
  rows.n = loops.inner_size();
  for (int k = 0; k < 3; ++k) rows.strides[static_cast<std::size_t>(k)] = loops.inner_stride(k);
  loops.for_each_row([&](std::array<std::int64_t, 3> at) {
    for (std::size_t k = 0; k < 3; ++k) at[k] += operands[k]->offset;
    rows.offsets.push_back(at);
  });
  return rows;
}

/// From a value to an array without gaps: the array is the first operand.
Rows rows_to_array(const Value& v) {
  const Value array{v.base, 0, v.shape, contiguous_strides(v.shape)};
  return rows_of(v.shape, {&array, &v, &v});
}

bool is_dense(const Value& v) {
  const Shape dense = contiguous_strides(v.shape);
  for (int d = 0; d < v.shape.rank(); ++d)
    if (v.shape[d] != 1 && v.strides[d] != dense[d]) return false;
  return true;
}

/// All but the last dimension as one; a vector is a row.
bool rows_layout(const Value& v, MatrixLayout& m) {
  const int rank = v.shape.rank();
  const std::int64_t columns = v.shape[rank - 1];
  if (rank == 2) {
    m = {v.shape[0], columns, v.strides[0], v.strides[1]};
    return true;
  }
  m = {v.shape.numel() / columns, columns, rank == 1 ? columns * v.strides[0] : columns, v.strides[rank - 1]};
  return rank == 1 || is_dense(v);
}

/// Whether gemm can read and write it: one of its strides is 1, and no element is met twice.
bool fits(const MatrixLayout& m) {
  const bool by_rows = (m.columns == 1 || m.column_stride == 1) && (m.rows == 1 || m.row_stride >= m.columns);
  const bool by_columns = (m.rows == 1 || m.row_stride == 1) && (m.columns == 1 || m.column_stride >= m.rows);
  return by_rows || by_columns;
}

/// Lays the instruction of a product out; false if it can't be.
bool plan_product(const Program& p, const ProgramOp& op, Instruction& step) {
  step.a = op.inputs[0];
  step.b = op.inputs[1];
  step.c = op.inputs.size() > 2 ? op.inputs[2] : -1;
  bool transposed = op.op->step_kernel->kind == StepKernel::Kind::transposed_product;
  if (!transposed && p.at(step.b).shape.rank() == 1 && p.at(step.a).shape.rank() <= 2) {
    std::swap(step.a, step.b);  // W x = (x^T W^T)^T
    transposed = true;
  }
  if (p.at(step.b).shape.rank() > 2 || !rows_layout(p.at(step.a), step.left) || !rows_layout(p.at(step.b), step.right))
    return false;
  if (transposed) {
    std::swap(step.right.rows, step.right.columns);
    std::swap(step.right.row_stride, step.right.column_stride);
  }
  if (step.left.columns != step.right.rows || !fits(step.left) || !fits(step.right)) return false;
  if (step.c >= 0 && (p.at(step.c).shape.rank() != 1 || !is_dense(p.at(step.c)))) return false;
  const Base& base = p.base_of(step.a);
  step.stackable = base.kind != Base::Kind::captured && step.left.column_stride == 1 &&
                   (step.left.rows == 1 || base.size == step.left.rows * step.left.row_stride);
  return true;
}

/// Keeps what the rule of an op reads.
void keep_saved(Program& p, const ProgramOp& op) {
  const auto saves = [&](Saves what) { return contains(op.op->info.saves, what); };
  const auto keep = [&](int v) {
    if (v >= 0) p.bases[static_cast<std::size_t>(p.at(v).base)].kept = true;
  };
  if (saves(Saves::output)) keep(op.outputs[0]);
  if (saves(Saves::input0)) keep(op.inputs[0]);
  if (saves(Saves::input1) && op.inputs.size() > 1) keep(op.inputs[1]);
}

/// What is computed, by whom, and what a gradient reaches; false if an op can't be run on plain memory.
bool plan_instructions(Program& p) {
  for (const ProgramOp& op : p.ops) {
    const StepKernel& kernel = *op.op->step_kernel;
    if (kernel.kind == StepKernel::Kind::view) continue;
    Instruction step{&kernel, op.attributes.get(), op.outputs[0], op.inputs[0]};
    if (step.is_product()) {
      if (!plan_product(p, op, step)) return false;
    } else {
      step.b = op.inputs.size() > 1 ? op.inputs[1] : -1;
      const Value &y = p.at(step.y), &a = p.at(step.a), &b = step.b < 0 ? a : p.at(step.b);
      if (a.shape != y.shape || b.shape != y.shape) return false;
      step.rows = rows_of(y.shape, {&y, &a, &b});
    }
    Base& base = p.bases[static_cast<std::size_t>(p.at(step.y).base)];
    base.hoisted = true;
    for (const int input : {step.a, step.b, step.c}) {
      if (input < 0) continue;
      const Base& from = p.base_of(input);
      base.hoisted = base.hoisted && (from.hoisted || from.kind == Base::Kind::x || from.kind == Base::Kind::captured);
      base.active = base.active || (p.recording && from.active);
    }
    base.stacked = base.hoisted || step.is_product();
    base.kept = base.kept || base.hoisted;
    if (base.active) keep_saved(p, op);
    p.instructions.push_back(std::move(step));
  }
  return true;
}

std::int64_t rounded(std::int64_t size) { return (size + 15) / 16 * 16; }

bool is_ours(const Base& base) { return base.kind == Base::Kind::carry || base.kind == Base::Kind::result; }

/// Marks bases of which each number is used once: then its gradient comes from one place.
void find_sole(Program& p) {
  std::vector<std::vector<std::uint8_t>> used(p.bases.size());
  for (std::size_t b = 0; b < p.bases.size(); ++b)
    if (is_ours(p.bases[b])) used[b].resize(static_cast<std::size_t>(p.bases[b].size));
  const auto use = [&](int v) {
    if (v < 0 || !is_ours(p.base_of(v))) return;
    std::vector<std::uint8_t>& uses = used[static_cast<std::size_t>(p.at(v).base)];
    const Rows rows = rows_to_array(p.at(v));
    for (const auto& at : rows.offsets)
      for (std::int64_t i = 0; i < rows.n; ++i) {
        std::uint8_t& times = uses[static_cast<std::size_t>(at[1] + i * rows.strides[1])];
        times = static_cast<std::uint8_t>(std::min(2, times + 1));
      }
  };
  for (const Instruction& s : p.instructions)
    if (p.base_of(s.y).active)
      for (const int v : {s.a, s.b, s.c}) use(v);
  for (const std::vector<int>& results : {p.carry, p.ys}) std::for_each(results.begin(), results.end(), use);
  for (std::size_t b = 0; b < p.bases.size(); ++b)
    p.bases[b].sole = is_ours(p.bases[b]) && std::all_of(used[b].begin(), used[b].end(), [](int n) { return n == 1; });
}

/// Lets an input that is used once share the gradient of a result that passes its own on.
void share_gradients(Program& p) {
  for (auto s = p.instructions.rbegin(); s != p.instructions.rend(); ++s) {
    const int to = p.at(s->y).base;
    if (!p.bases[static_cast<std::size_t>(to)].active) continue;
    const int inputs[] = {s->a, s->b};
    for (unsigned k = 0; k < 2; ++k) {
      if ((s->kernel->passes >> k & 1) == 0 || inputs[k] < 0) continue;
      const Value& v = p.at(inputs[k]);
      Base& base = p.bases[static_cast<std::size_t>(v.base)];
      if (base.kind != Base::Kind::result || !base.active || !base.sole || v.offset != 0 || !is_dense(v) ||
          v.shape.numel() != base.size)
        continue;
      const Base& y = p.bases[static_cast<std::size_t>(to)];
      base.shares = y.shares < 0 ? to : y.shares;
      Base& root = p.bases[static_cast<std::size_t>(base.shares)];
      root.stacked = root.stacked || base.stacked;
      s->passed |= 1U << k;
    }
  }
}

void plan_memory(Program& p) {
  const auto put = [](std::int64_t& sum, std::int64_t size) { return std::exchange(sum, sum + rounded(size)); };
  for (Base& base : p.bases) {
    const bool ours = is_ours(base);
    base.kept = base.kept || base.kind == Base::Kind::carry;
    p.slot_size.push_back(base.kind == Base::Kind::x || (ours && base.kept) ? base.size : 0);
    if (ours) base.place = put(base.kept ? p.kept_size : p.passing_size, base.size);
  }
  for (const bool sole : {false, true}) {
    for (Base& base : p.bases)
      if (is_ours(base) && base.active && base.shares < 0 && base.sole == sole)
        base.gradient_place = put(base.stacked ? p.stacked_size : p.scratch_size, base.size);
    if (!sole) p.summed_size = p.scratch_size;
  }
  for (const int v : p.carry) p.carry_rows.push_back(rows_to_array(p.at(v)));
  for (const int v : p.ys) p.y_rows.push_back(rows_to_array(p.at(v)));
}

}  // namespace

Recording::Recording(std::span<const Tensor> carry, std::span<const Tensor> x) : program_(std::make_shared<Program>()) {
  Program& p = *program_;
  p.recording = is_recording();
  p.carries = carry.size();
  p.xs = x.size();
  fits_ = !carry.empty() && is_floating(carry[0].dtype()) && saved_hooks == nullptr;
  if (!fits_) return;
  p.dtype = carry[0].dtype();
  for (std::size_t k = 0; k < carry.size(); ++k) enter(carry[k], Base::Kind::carry, static_cast<int>(k));
  for (std::size_t k = 0; k < x.size(); ++k) enter(x[k], Base::Kind::x, static_cast<int>(k));
}

int Recording::enter(const Tensor& x, Base::Kind kind, int index) {
  Program& p = *program_;
  const bool varies = kind != Base::Kind::captured;
  fits_ = fits_ && x.dtype() == p.dtype && is_whole(x) && (!varies || x.is_contiguous());
  const int number = static_cast<int>(p.values.size());
  p.values.push_back({static_cast<int>(p.bases.size()), 0, x.shape(), x.strides()});
  p.bases.push_back({kind, index, x.numel(), false, has_node(x)});
  fits_ = numbers_.emplace(x.raw(), Seen{number, x.version()}).second && fits_;
  kept_.push_back(x);
  return number;
}

int Recording::number_of(const Tensor& x) {
  if (const auto known = numbers_.find(x.raw()); known != numbers_.end()) {
    fits_ = fits_ && known->second.version == x.version();
    return known->second.value;
  }
  Program& p = *program_;
  const int number = enter(x, Base::Kind::captured, static_cast<int>(p.captured.size()));
  p.captured.push_back(x);
  p.versions.push_back(x.version());
  p.captured_values.push_back(number);
  return number;
}

void Recording::end(const OpCall& call) {
  fits_ = fits_ && asked_ && recorded_ == program_->recording && call.op.step_kernel != nullptr && add(call);
}

bool Recording::add(const OpCall& call) {
  ProgramOp op{
      &call.op, copy_attributes(call.op, call.attributes), {}, {}, site_in_force(call.site), graph::Scope::current()};
  for (const Tensor* x : call.inputs) {
    op.inputs.push_back(x->defined() ? number_of(*x) : -1);
    if (op.inputs.size() < 3 && !x->defined()) return false;
  }
  if (!fits_ || !add_outputs(call, op)) return false;
  program_->ops.push_back(std::move(op));
  return true;
}

bool Recording::add_outputs(const OpCall& call, ProgramOp& op) {
  Program& p = *program_;
  const Storage* from = call.inputs[0]->raw()->storage;
  for (const Tensor& y : call.outputs) {
    const auto number = static_cast<int>(p.values.size());
    op.outputs.push_back(number);
    if (call.op.step_kernel->kind != StepKernel::Kind::view) {
      for (const Tensor* x : call.inputs)
        if (x->defined() && x->raw()->storage == y.raw()->storage) return false;  // in place
      enter(y, Base::Kind::result, 0);
      p.bases.back().active = false;
      continue;
    }
    if (y.raw()->storage != from) return false;  // a copy
    const Value& x = p.at(op.inputs[0]);
    const std::int64_t moved = (y.raw()->data - call.inputs[0]->raw()->data) / std::int64_t(size_of(p.dtype));
    p.values.push_back({x.base, x.offset + moved, y.shape(), y.strides()});
    if (!numbers_.emplace(y.raw(), Seen{number, y.version()}).second) return false;
    kept_.push_back(y);
  }
  return true;
}

bool Recording::unchanged() const {
  return std::all_of(kept_.begin(), kept_.end(), [&](const Tensor& x) {
    const bool hooked = has_node(x) && !is_leaf(x) && node_of(x)->has_hooks();
    return !hooked && x.version() == numbers_.at(x.raw()).version;
  });
}

std::shared_ptr<Program> Recording::finish(std::span<const Tensor> carry, std::span<const Tensor> ys) {
  Program& p = *program_;
  if (!fits_ || !unchanged()) return nullptr;
  for (const bool last : {false, true})
    for (const Tensor& y : last ? ys : carry) {
      const auto known = numbers_.find(y.raw());
      if (known == numbers_.end()) return nullptr;
      (last ? p.ys : p.carry).push_back(known->second.value);
    }
  p.active = p.recording && std::any_of(p.bases.begin(), p.bases.end(), [](const Base& b) { return b.active; });
  for (Base& base : p.bases)
    if (base.kind == Base::Kind::carry) base.active = p.active;
  if (!plan_instructions(p)) return nullptr;
  find_sole(p);
  share_gradients(p);
  plan_memory(p);
  return program_;
}

}  // namespace gradus::detail
