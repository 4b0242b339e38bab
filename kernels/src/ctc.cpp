#include "gradus/kernels/ctc.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::kernels {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// log(e^a + e^b + e^c); NaN if one is.
double log_sum(double a, double b, double c = kNever) {
  const double most = std::max(a, std::max(b, c));
  if (!(most > kNever)) return a + b + c;
  return most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most));
}

/// Logarithms of one sample's probabilities.
template <class T>
struct Emissions {
  const T* data;
  std::int64_t step;
  double at(std::int64_t t, std::int64_t c) const { return static_cast<double>(data[t * step + c]); }
};

/// alpha[t][s] is the logarithm of the probability of all paths that are in state s at t, up to there (equations 6, 7).
template <class T>
std::vector<double> forward_paths(const Emissions<T>& p, std::int64_t steps, const CtcStates& states) {
  const std::size_t n = states.size();
  std::vector<double> alpha(static_cast<std::size_t>(steps) * n, kNever);
  for (std::int64_t t = 0; t < steps; ++t) {
    double* here = alpha.data() + static_cast<std::size_t>(t) * n;
    const double* before = here - n;
    for (std::size_t s = 0; s < n; ++s) {
      if (t == 0 && s > 1) break;
      const double from =
          t == 0 ? 0
                 : log_sum(before[s], s > 0 ? before[s - 1] : kNever, states.skips[s] != 0 ? before[s - 2] : kNever);
      if (from != kNever) here[s] = from + p.at(t, states.label[s]);
    }
  }
  return alpha;
}

/// The logarithm of the probability of all paths (equation 8).
double total(const std::vector<double>& alpha, std::size_t states) {
  if (alpha.empty()) return states == 1 ? 0 : kNever;
  const double* last = alpha.data() + alpha.size();
  return log_sum(last[-1], states > 1 ? last[-2] : kNever);
}

/// d(-log p) / d log_probs of one sample, times g: each state's share in all paths, which goes back to the states
/// before it by their shares in it. (Equations 10 to 15 as probabilities, so that nothing large is subtracted.)
template <class T>
void add_gradient(const Emissions<T>& p, std::int64_t steps, const CtcStates& states, double g, T* out) {
  const std::size_t n = states.size();
  const std::vector<double> alpha = forward_paths(p, steps, states);
  const double all = total(alpha, n);
  if (steps == 0 || all == kNever) return;
  std::vector<double> share(n, 0), before(n);
  for (std::size_t s = n < 2 ? 0 : n - 2; s < n; ++s) share[s] = std::exp(alpha[alpha.size() - n + s] - all);
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    for (std::size_t s = 0; s < n; ++s)
      if (share[s] != 0) out[t * p.step + states.label[s]] -= static_cast<T>(g * share[s]);
    if (t == 0) break;
    const double* from = alpha.data() + static_cast<std::size_t>(t - 1) * n;
    std::fill(before.begin(), before.end(), 0.0);
    for (std::size_t s = 0; s < n; ++s) {
      if (share[s] == 0) continue;
      const std::size_t ways = s == 0 ? 1 : states.skips[s] == 0 ? 2 : 3;
      double most = from[s], part[3], sum = 0;
      for (std::size_t k = 1; k < ways; ++k) most = std::max(most, from[s - k]);
      for (std::size_t k = 0; k < ways; ++k) sum += part[k] = std::exp(from[s - k] - most);
      for (std::size_t k = 0; k < ways; ++k) before[s - k] += share[s] * (part[k] / sum);
    }
    share.swap(before);
  }
}

/// f(i, emissions, steps, states) for each sample, on several threads.
template <class T, class F>
void for_each_sample(const CtcSamples<T>& all, F f) {
  parallel_for(all.samples, 1, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      f(i,
        Emissions<T>{all.log_probs + i * all.classes, all.samples * all.classes},
        all.steps[i],
        CtcStates(all.targets + i * all.width, all.lengths[i], all.blank));
  });
}

}  // namespace

CtcStates::CtcStates(const std::int64_t* target, std::int64_t length, std::int64_t blank) {
  label.assign(static_cast<std::size_t>(2 * length + 1), blank);
  skips.assign(label.size(), 0);
  for (std::int64_t i = 0; i < length; ++i) {
    const auto s = static_cast<std::size_t>(2 * i + 1);
    label[s] = target[i];
    skips[s] = i > 0 && target[i] != target[i - 1] ? 1 : 0;
  }
}

template <class T>
void ctc_losses(const CtcSamples<T>& all, T* losses) {
  for_each_sample(all, [=](std::int64_t i, auto p, std::int64_t steps, const CtcStates& states) {
    losses[i] = static_cast<T>(0 - total(forward_paths(p, steps, states), states.size()));
  });
}

template <class T>
void ctc_gradients(const CtcSamples<T>& all, const T* g, T* dx) {
  for_each_sample(all, [=](std::int64_t i, auto p, std::int64_t steps, const CtcStates& states) {
    add_gradient(p, steps, states, static_cast<double>(g[i]), dx + i * all.classes);
  });
}

template GRADUS_EXPORT void ctc_losses(const CtcSamples<float>&, float*);
template GRADUS_EXPORT void ctc_losses(const CtcSamples<double>&, double*);
template GRADUS_EXPORT void ctc_gradients(const CtcSamples<float>&, const float*, float*);
template GRADUS_EXPORT void ctc_gradients(const CtcSamples<double>&, const double*, double*);

}  // namespace gradus::kernels
