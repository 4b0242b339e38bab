#include "scan/replay.h"

#include "gradus/kernels/gemm.h"
#include "gradus/kernels/sum.h"

#include <algorithm>
#include <tuple>

namespace gradus::detail {
namespace {

/// c = a b + beta c
template <class T>
void multiply(const Matrix<T>& a, const Matrix<T>& b, T beta, const Matrix<T>& c) {
  if (!c.by_rows()) return multiply(b.transposed(), a.transposed(), beta, c.transposed());
  kernels::gemm<T>(!a.by_rows(),
                   !b.by_rows(),
                   c.layout.rows,
                   c.layout.columns,
                   a.layout.columns,
                   T(1),
                   a.data,
                   a.distance(),
                   b.data,
                   b.distance(),
                   beta,
                   c.data,
                   c.distance());
}

/// Rows of as many slots as one matrix.
MatrixLayout stacked(MatrixLayout m, std::int64_t slot_size, std::int64_t count) {
  if (m.rows == 1) m.row_stride = slot_size;
  m.rows *= count;
  return m;
}

template <class T>
void gather(T* row, const T* from, std::int64_t stride, std::int64_t n) {
  if (stride == 1)
    std::copy_n(from, n, row);
  else
    for (std::int64_t i = 0; i < n; ++i) row[i] = from[i * stride];
}
template <class T>
void scatter(T* to, const T* row, std::int64_t stride, bool adds, std::int64_t n) {
  if (adds && stride == 1)
    for (std::int64_t i = 0; i < n; ++i) to[i] += row[i];
  else
    for (std::int64_t i = 0; i < n; ++i) to[i * stride] = adds ? to[i * stride] + row[i] : row[i];
}

}  // namespace

template <class T>
Replay<T>::Replay(const Program& p, std::int64_t slots, T* memory) : p_(p), slots_(slots) {
  std::int64_t longest = 0;
  for (const Instruction& s : p.instructions) longest = std::max(longest, s.rows.n);
  rows_.resize(static_cast<std::size_t>(4 * longest));
  turned_.resize(2 * p.instructions.size());
  for (const Base& base : p.bases) {
    const bool ours = base.kind == Base::Kind::carry || base.kind == Base::Kind::result;
    T* place = base.kept ? memory + base.place * slots : memory + p.kept_size * slots + base.place;
    values.first.push_back(ours ? place : nullptr);
    gradients.first.push_back(nullptr);
  }
  values.stride = p.slot_size;
  for (const Base& base : p.bases) gradients.stride.push_back(base.kind == Base::Kind::x ? base.size : 0);
}

template <class T>
void Replay<T>::set_gradients(T* scratch, T* together) {
  for (std::size_t b = 0; b < p_.bases.size(); ++b) {
    const Base& own = p_.bases[b];
    if ((own.kind != Base::Kind::carry && own.kind != Base::Kind::result) || !own.active) continue;
    const Base& base = own.shares < 0 ? own : p_.bases[static_cast<std::size_t>(own.shares)];
    gradients.first[b] = base.stacked ? together + base.gradient_place * slots_ : scratch + base.gradient_place;
    gradients.stride[b] = base.stacked ? base.size : 0;
    if (base.stacked && !base.sole && own.shares < 0) std::fill_n(gradients.first[b], base.size * slots_, T(0));
  }
}

template <class T>
bool Replay<T>::in_one(const Instruction& s) const {
  const auto fixed = [&](int v) { return v < 0 || p_.base_of(v).kind == Base::Kind::captured; };
  return s.stackable && fixed(s.b) && fixed(s.c);
}

template <class T>
void Replay<T>::prepare(std::int64_t from, std::int64_t count) {
  for (const Instruction& s : p_.instructions) {
    if (!p_.base_of(s.y).hoisted) continue;
    if (s.is_product() && in_one(s)) {
      product(s, from, count);
      continue;
    }
    for (std::int64_t slot = from; slot < from + count; ++slot)
      s.is_product() ? product(s, slot, 1) : elements(s, slot);
  }
}

template <class T>
void Replay<T>::forward(std::int64_t slot) {
  for (const Instruction& s : p_.instructions)
    if (!p_.base_of(s.y).hoisted) s.is_product() ? product(s, slot, 1) : elements(s, slot);
}

template <class T>
void Replay<T>::backward(std::int64_t slot) {
  for (auto s = p_.instructions.rbegin(); s != p_.instructions.rend(); ++s) {
    const Base& base = p_.base_of(s->y);
    if (base.hoisted || !base.active) continue;
    s->is_product() ? product_back(*s, slot, 1, true, !in_one(*s)) : elements_back(*s, slot);
  }
}

template <class T>
void Replay<T>::finish(std::int64_t from, std::int64_t count) {
  for (auto s = p_.instructions.rbegin(); s != p_.instructions.rend(); ++s) {
    const Base& base = p_.base_of(s->y);
    if (!base.active) continue;
    if (s->is_product() && in_one(*s)) {
      product_back(*s, from, count, base.hoisted, true);
    } else if (base.hoisted) {
      for (std::int64_t slot = from; slot < from + count; ++slot)
        s->is_product() ? product_back(*s, slot, 1, true, true) : elements_back(*s, slot);
    }
  }
}

// ---- elements ------------------------------------------------------------------------------------

template <class T>
void Replay<T>::elements(const Instruction& s, std::int64_t slot) {
  const auto f = std::get<StepKernel::Forward<T>>(s.kernel->forward);
  const Rows& rows = s.rows;
  T* y = values.at(p_.at(s.y).base, slot);
  const T* operands[] = {values.at(p_.at(s.a).base, slot), s.b < 0 ? nullptr : values.at(p_.at(s.b).base, slot)};
  if (rows.together()) {
    for (const auto& at : rows.offsets)
      f(s.attributes, y + at[0], operands[0] + at[1], s.b < 0 ? nullptr : operands[1] + at[2], rows.n);
    return;
  }
  for (const auto& at : rows.offsets) {
    const T* in[2] = {nullptr, nullptr};
    for (std::size_t k = 0; k < 2; ++k) {
      if (operands[k] == nullptr) continue;
      in[k] = operands[k] + at[k + 1];
      if (rows.strides[k + 1] == 1) continue;
      T* row = rows_.data() + static_cast<std::int64_t>(k) * rows.n;
      gather(row, in[k], rows.strides[k + 1], rows.n);
      in[k] = row;
    }
    f(s.attributes, y + at[0], in[0], in[1], rows.n);
  }
}

template <class T>
void Replay<T>::elements_back(const Instruction& s, std::int64_t slot) {
  const auto f = std::get<StepKernel::Backward<T>>(s.kernel->backward);
  const Rows& rows = s.rows;
  const int inputs[] = {s.a, s.b};
  unsigned sums = 0;
  for (std::size_t k = 0; k < 2; ++k)
    if (adds(inputs[k]) && rows.strides[k + 1] == 1) sums |= 1U << k;
  const T *y = values.at(p_.at(s.y).base, slot), *g = gradients.at(p_.at(s.y).base, slot);
  for (const auto& at : rows.offsets) {
    const T* in[2] = {nullptr, nullptr};
    T *d[2] = {nullptr, nullptr}, *apart[2] = {nullptr, nullptr};
    for (std::size_t k = 0; k < 2; ++k) {
      if (inputs[k] < 0) continue;
      const int base = p_.at(inputs[k]).base;
      in[k] = values.at(base, slot) + at[k + 1];
      if (wants(inputs[k]) && (s.passed >> k & 1) == 0) d[k] = gradients.at(base, slot) + at[k + 1];
      if (rows.strides[k + 1] == 1) continue;
      T* row = rows_.data() + static_cast<std::int64_t>(2 * k) * rows.n;
      gather(row, in[k], rows.strides[k + 1], rows.n);
      in[k] = row;
      if (d[k] == nullptr) continue;
      apart[k] = std::exchange(d[k], row + rows.n);
    }
    f(s.attributes, g + at[0], y + at[0], in[0], in[1], d[0], d[1], sums, rows.n);
    for (std::size_t k = 0; k < 2; ++k)
      if (apart[k] != nullptr) scatter(apart[k], d[k], rows.strides[k + 1], adds(inputs[k]), rows.n);
  }
}

template <class T>
void Replay<T>::copy_out(int value, const Rows& rows, std::int64_t slot, T* array) const {
  const T* from = values.at(p_.at(value).base, slot);
  for (const auto& at : rows.offsets) gather(array + at[0], from + at[1], rows.strides[1], rows.n);
}

template <class T>
void Replay<T>::add_gradient(int value, const Rows& rows, std::int64_t slot, const T* array) const {
  if (!wants(value)) return;
  T* to = gradients.at(p_.at(value).base, slot);
  const bool sums = adds(value);
  if (array == nullptr && sums) return;
  for (const auto& at : rows.offsets) {
    if (array != nullptr)
      scatter(to + at[1], array + at[0], rows.strides[1], sums, rows.n);
    else
      for (std::int64_t i = 0; i < rows.n; ++i) to[at[1] + i * rows.strides[1]] = T(0);
  }
}

// ---- products ------------------------------------------------------------------------------------

template <class T>
Matrix<T> Replay<T>::right(const Instruction& s, std::int64_t slot, bool transposed) {
  Matrix<T> b{start(values, s.b, slot), s.right};
  if (transposed) b = b.transposed();
  if (b.by_rows() || p_.base_of(s.b).kind != Base::Kind::captured) return b;
  const auto index = 2 * static_cast<std::size_t>(&s - p_.instructions.data()) + (transposed ? 1 : 0);
  const auto [rows, columns, step, distance] = b.layout;
  std::vector<T>& turned = turned_[index];
  if (turned.empty()) {
    turned.resize(static_cast<std::size_t>(rows * columns));
    for (std::int64_t i = 0; i < rows; ++i) gather(turned.data() + i * columns, b.data + i * step, distance, columns);
  }
  return {turned.data(), {rows, columns, columns, 1}};
}

template <class T>
void Replay<T>::product(const Instruction& s, std::int64_t slot, std::int64_t count) {
  const MatrixLayout a = stacked(s.left, p_.base_of(s.a).size, count);
  const std::int64_t n = s.right.columns;
  T* y = start(values, s.y, slot);
  if (s.c >= 0) {
    const T* c = start(values, s.c, slot);
    for (std::int64_t i = 0; i < a.rows; ++i) std::copy_n(c, n, y + i * n);
  }
  multiply<T>({start(values, s.a, slot), a}, right(s, slot, false), s.c < 0 ? T(0) : T(1), {y, {a.rows, n, n, 1}});
}

template <class T>
void Replay<T>::product_back(
    const Instruction& s, std::int64_t slot, std::int64_t count, bool of_input, bool of_captured) {
  const MatrixLayout a = stacked(s.left, p_.base_of(s.a).size, count);
  const std::int64_t n = s.right.columns;
  const Matrix<T> g{start(gradients, s.y, slot), {a.rows, n, n, 1}};
  if (of_input && wants(s.a))
    multiply<T>(g, right(s, slot, true), adds(s.a) ? T(1) : T(0), {start(gradients, s.a, slot), a});
  if (!of_captured) return;
  if (wants(s.b))
    multiply<T>(Matrix<T>{start(values, s.a, slot), a}.transposed(),
                g,
                adds(s.b) ? T(1) : T(0),
                {start(gradients, s.b, slot), s.right});
  if (!wants(s.c)) return;
  std::vector<T, CachingAllocator<T>> sums(static_cast<std::size_t>(n));
  kernels::sum_columns(a.rows, n, g.data, sums.data());
  scatter(start(gradients, s.c, slot), sums.data(), 1, adds(s.c), n);
}

template class Replay<float>;
template class Replay<double>;

}  // namespace gradus::detail
