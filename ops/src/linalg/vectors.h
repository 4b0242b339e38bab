#pragma once

// The vectors of svd and eigh where values are equal: any basis of the space that they span is as good, so no
// derivative of them exists, and none is made up.

#include "family.h"

namespace gradus::detail {

/// Where in a tensor [*, k, columns] a decomposition has its rows of vectors: `left` columns from the first on,
/// one with the values, and for svd `right` more.
struct Packing {
  const char* of = "";  // "eigh"
  std::int64_t left = 0, right = 0;
  bool two = false;         // there are vectors on the right; else those on the left serve as both
  bool basis_free = false;  // a derivative between equal values is 0, not an error
  std::int64_t columns() const { return left + 1 + (two ? right : 0); }

  template <class V>
  void visit(V&& v) const {
    v("of", of);
    v("left", left);
    v("right", right);
    v("basis_free", basis_free);
  }
};

/// Both sides' vectors as rows. Their gradient is checked: GradientError where some reaches one of equal values,
/// unless `basis_free`.
Tensor left(const Packing& p, const Tensor& y);
Tensor right(const Packing& p, const Tensor& y);

/// Which values are equal within rounding, 4 k epsilon times the largest of k values.
struct Equal {
  Tensor pairs;  // bool [*, k, k], each with itself included
  Tensor zeros;  // bool [*, k]
  bool any;      // some pair of two, or a zero that leaves vectors open where left and right differ
};
Equal equal_values(const Packing& p, const Tensor& y);

/// `gradient`, the cotangent of a matrix with factors y; its own derivative is an error where it changes vectors of
/// equal values.
Tensor determined(const Packing& p, const Equal& equal, const Tensor& y, const Tensor& gradient);

/// What `left` and `right` record.
struct SpectrumVectors : Op {
  static constexpr OpInfo info{.name = "spectrum_vectors", .saves = Saves::input0, .flops = 0};
  Packing packing;
  std::int64_t first = 0, count = 0;
  Tensor forward(const Tensor& y) const;
  Cotangents vjp(const Pullback& p) const;
  template <class V>
  void visit(V&& v) const {
    packing.visit(v);
    v("first", first);
  }
};

/// What `determined` adds: 0, whose derivative is an error.
struct SpectrumUndetermined : Op {
  static constexpr OpInfo info{.name = "spectrum_undetermined", .saves = Saves::input0, .flops = 0};
  Packing packing;
  Tensor forward(const Tensor& y) const;
  Cotangents vjp(const Pullback& p) const;
  template <class V>
  void visit(V&& v) const {
    packing.visit(v);
  }
};

}  // namespace gradus::detail
