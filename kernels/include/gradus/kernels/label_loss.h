#pragma once

// The cross-entropy of labels. T is float or double.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// A label for each line along the classes of a dense [N, C, *]. The loss of line r is -sum_c q_c x_c, with x the
/// logarithms of probabilities and q_c = weight_c ((1 - smoothing) [c is the label] + smoothing / C); where the label
/// is the ignored one, q is 0.
template <class T>
struct Labels {
  Lines lines;
  const std::int64_t* labels;  // each below C, or ignored
  const T* weight = nullptr;   // C; null for 1
  double smoothing = 0;
  bool ignores = false;
  std::int64_t ignored = 0;

  bool counts(std::int64_t label) const { return !ignores || label != ignored; }
};

/// The sum of the weights of the labels that count: what the mean of the losses divides by.
template <class T>
double label_weight(const Labels<T>& at);
/// The sum of the losses, which are stored unless `losses` is null.
template <class T>
double label_losses(const Labels<T>& at, const T* x, T* losses);
/// q scale
template <class T>
void label_coefficients(const Labels<T>& at, double scale, T* q);
/// dx = scale g (y sum_c q_c - q), given in dx the softmax y. g has one element, or with `each` one a line.
template <class T>
void label_gradient(const Labels<T>& at, double scale, bool each, const T* g, T* dx);

}  // namespace gradus::kernels
GRADUS_EXPORT_END
