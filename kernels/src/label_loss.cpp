#include "gradus/kernels/label_loss.h"

#include "gradus/kernels/sum.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

template <class T>
T weight_of(const Labels<T>& at, std::int64_t c) {
  return at.weight != nullptr ? at.weight[c] : T(1);
}

}  // namespace

template <class T>
double label_weight(const Labels<T>& at) {
  const std::int64_t n = at.lines.count();
  if (at.weight == nullptr && !at.ignores) return static_cast<double>(n);
  double total = 0;
  for (std::int64_t r = 0; r < n; ++r)
    if (const std::int64_t label = at.labels[r]; at.counts(label)) total += static_cast<double>(weight_of(at, label));
  return total;
}

template <class T>
double label_losses(const Labels<T>& at, const T* x, T* losses) {
  const std::int64_t classes = at.lines.size, step = at.lines.inner;
  const T hard = static_cast<T>(1 - at.smoothing), soft = static_cast<T>(at.smoothing / static_cast<double>(classes));
  double total = 0;
  for (std::int64_t r = 0; r < at.lines.count(); ++r) {
    T loss = 0;
    if (const std::int64_t label = at.labels[r]; at.counts(label)) {
      const T* const row = x + at.lines.start(r);
      // A class of weight 0 may have an infinite logarithm.
      const auto part = [&](T share, std::int64_t c) {
        const T q = share * weight_of(at, c);
        return q == 0 ? q : q * row[c * step];
      };
      loss = -part(hard, label);
      if (at.smoothing != 0)
        for (std::int64_t c = 0; c < classes; ++c) loss -= part(soft, c);
    }
    if (losses != nullptr) losses[r] = loss;
    total += static_cast<double>(loss);
  }
  return total;
}

template <class T>
void label_coefficients(const Labels<T>& at, double scale, T* q) {
  const std::int64_t classes = at.lines.size, step = at.lines.inner;
  const T hard = static_cast<T>(scale * (1 - at.smoothing)),
          soft = static_cast<T>(scale * at.smoothing / static_cast<double>(classes));
  std::fill_n(q, at.lines.count() * classes, T(0));
  for (std::int64_t r = 0; r < at.lines.count(); ++r) {
    const std::int64_t label = at.labels[r];
    if (!at.counts(label)) continue;
    T* const row = q + at.lines.start(r);
    if (at.smoothing != 0)
      for (std::int64_t c = 0; c < classes; ++c) row[c * step] = soft * weight_of(at, c);
    row[label * step] += hard * weight_of(at, label);
  }
}

template <class T>
void label_gradient(const Labels<T>& at, double scale, bool each, const T* g, T* dx) {
  const std::int64_t classes = at.lines.size, step = at.lines.inner;
  const T hard = static_cast<T>(1 - at.smoothing), soft = static_cast<T>(at.smoothing / static_cast<double>(classes));
  const auto all =
      static_cast<T>(block_sum<T>(at.smoothing == 0 ? 0 : classes, [&](std::int64_t c) { return weight_of(at, c); }));
  for (std::int64_t r = 0; r < at.lines.count(); ++r) {
    const std::int64_t label = at.labels[r];
    T* const row = dx + at.lines.start(r);
    if (!at.counts(label)) {
      for (std::int64_t c = 0; c < classes; ++c) row[c * step] = 0;
      continue;
    }
    const T factor = static_cast<T>(scale) * (each ? g[r] : *g);
    const T own = factor * hard * weight_of(at, label), along = own + factor * soft * all;
    for (std::int64_t c = 0; c < classes; ++c) row[c * step] *= along;
    if (at.smoothing != 0)
      for (std::int64_t c = 0; c < classes; ++c) row[c * step] -= factor * soft * weight_of(at, c);
    row[label * step] -= own;
  }
}

#define GRADUS_LABEL_LOSS(T)                                                    \
  template GRADUS_EXPORT double label_weight(const Labels<T>&);                 \
  template GRADUS_EXPORT double label_losses(const Labels<T>&, const T*, T*);   \
  template GRADUS_EXPORT void label_coefficients(const Labels<T>&, double, T*); \
  template GRADUS_EXPORT void label_gradient(const Labels<T>&, double, bool, const T*, T*);
GRADUS_LABEL_LOSS(float)
GRADUS_LABEL_LOSS(double)
#undef GRADUS_LABEL_LOSS

}  // namespace gradus::kernels
