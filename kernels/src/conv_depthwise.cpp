#include "conv_depthwise.h"

#include "buffer.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/loops.h"
#include "gradus/kernels/sum.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

// A plane is one channel of one image. With its padding it is taken apart by its places modulo the stride, along each
// axis: what one kernel element sees are then neighbours, but for gaps between the rows of results, and a convolution
// is one along a line:
//   y[i] = bias + sum_k w[k] x[tap(k) + i]
// In gaps the cotangent is 0 and is multiplied by what x has there, so infinite numbers in x may make NaN of gradients
// of weights that do not see them.

namespace gradus::kernels {
namespace {

using elementary::Vector;

template <class T>
constexpr std::int64_t kLanes = sizeof(Vector<T>) / sizeof(T);
template <class T>
constexpr std::int64_t kTile = 4 * kLanes<T>;  // numbers that are computed together; lines may be passed by as many

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* at) {
  Vector<T> v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

template <class T>
[[gnu::always_inline]] inline void store(T* at, Vector<T> v) {
  std::memcpy(at, &v, sizeof v);
}

template <class T>
[[gnu::always_inline]] inline void copy(const T* from, std::int64_t n, T* to) {
  constexpr std::int64_t kLast = kLanes<T>;
  if (n < kLast) {
    for (std::int64_t k = 0; k < n; ++k) to[k] = from[k];
    return;
  }
  for (std::int64_t k = 0; k < n - kLast; k += kLast) store(to + k, load(from + k));
  store(to + n - kLast, load(from + n - kLast));
}

/// n neighbours of one array at `here`, every one or `step`-th of another at `there`.
struct Run {
  std::int64_t here, there, n;
};

/// How planes are taken apart; the parts stand one after the other.
struct Parts {
  Triple span, size;               // what the kernel reaches of the padded plane; a part of it
  std::int64_t part, line;         // elements of a part; results with the gaps between their rows
  std::int64_t step;               // between the elements of a run in the plane
  bool all;                        // if the kernel reaches every element
  std::vector<std::int64_t> taps;  // where each kernel element stands for the first result
  std::vector<Run> runs, results;  // of the parts, in the plane; of the line, in the results

  explicit Parts(const ConvSizes& s) : step(s.stride[2]), all(true) {
    for (std::size_t d = 0; d < 3; ++d) {
      span[d] = (s.result[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1;
      size[d] = (span[d] - 1) / s.stride[d] + 1;
      all = all && span[d] >= s.low[d] + s.size[d];
    }
    part = volume(size);
    line = ((s.result[0] - 1) * size[1] + s.result[1] - 1) * size[2] + s.result[2];
    for (std::int64_t i = 0; i < s.kernel[0]; ++i)
      for (std::int64_t j = 0; j < s.kernel[1]; ++j)
        for (std::int64_t k = 0; k < s.kernel[2]; ++k)
          taps.push_back(place(s, {i * s.dilation[0], j * s.dilation[1], k * s.dilation[2]}));
    const std::int64_t stop = std::min(s.size[2], span[2] - s.low[2]);
    for (std::int64_t d = 0; d < std::min(s.size[0], span[0] - s.low[0]); ++d)
      for (std::int64_t h = 0; h < std::min(s.size[1], span[1] - s.low[1]); ++h)
        for (std::int64_t first = 0; first < std::min(step, stop); ++first)
          runs.push_back({place(s, {d + s.low[0], h + s.low[1], first + s.low[2]}),
                          (d * s.size[1] + h) * s.size[2] + first,
                          (stop - first - 1) / step + 1});
    for (std::int64_t d = 0; d < s.result[0]; ++d)
      for (std::int64_t h = 0; h < s.result[1]; ++h)
        results.push_back({(d * size[1] + h) * size[2], (d * s.result[1] + h) * s.result[2], s.result[2]});
  }
  std::int64_t place(const ConvSizes& s, const Triple& at) const {
    std::int64_t which = 0, where = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      which = which * s.stride[d] + at[d] % s.stride[d];
      where = where * size[d] + at[d] / s.stride[d];
    }
    return which * part + where;
  }
};

/// here = there, and there = here; what is gathered after it lies `next` behind. Runs are short: a call of memcpy for
/// each would take most of the time.
template <class T>
void gather(const std::vector<Run>& runs, std::int64_t step, const T* there, T* here, std::int64_t next) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  for (const Run& r : runs) {
    const T* const from = there + r.there;
    for (std::int64_t k = 0; k < r.n * step; k += kLine) __builtin_prefetch(from + next + k);
    T* const to = here + r.here;
    if (step == 1)
      copy(from, r.n, to);
    else
      for (std::int64_t k = 0; k < r.n; ++k) to[k] = from[k * step];
  }
}
template <class T>
void scatter(const std::vector<Run>& runs, std::int64_t step, const T* here, T* there) {
  for (const Run& r : runs) {
    const T* const from = here + r.here;
    T* const to = there + r.there;
    if (step == 1)
      copy(from, r.n, to);
    else
      for (std::int64_t k = 0; k < r.n; ++k) to[k * step] = from[k];
  }
}

struct Tap {
  std::int64_t at, weight;
};

/// out[i] = first + sum over taps of w[weight] in[at + i], for i below n
template <class T>
void sum_taps(std::span<const Tap> taps, const T* w, T first, const T* in, std::int64_t n, T* out) {
  for (std::int64_t i = 0; i < n; i += kTile<T>) {
    Vector<T> sums[4];
    for (Vector<T>& sum : sums) sum = first - Vector<T>{};
    for (const Tap& tap : taps) {
      const T* const from = in + tap.at + i;
      const T weight = w[tap.weight];
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) sums[v] += weight * load(from + v * kLanes<T>);
    }
    for (int v = 0; v < 4; ++v) store(out + i + v * kLanes<T>, sums[v]);
  }
}

/// sums[k] += sum_i g[i] x[taps[k] + i], for K taps and i below n, a multiple of kTile
template <int K, class T>
void add_products(const std::int64_t* taps, const T* x, const T* g, std::int64_t n, double* sums) {
  Vector<T> parts[K][2] = {};
  for (std::int64_t i = 0; i < n; i += 2 * kLanes<T>)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const std::int64_t at = i + v * kLanes<T>;
      const Vector<T> factor = load(g + at);
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) parts[k][v] += factor * load(x + taps[k] + at);
    }
  for (int k = 0; k < K; ++k)
    for (std::int64_t l = 0; l < kLanes<T>; ++l) sums[k] += static_cast<double>(parts[k][0][l] + parts[k][1][l]);
}
template <class T>
void add_products(const Parts& p, const T* x, const T* g, std::int64_t n, double* sums) {
  constexpr std::int64_t kRun = 1024;  // numbers of T that are added up before they become a double
  const std::int64_t count = std::ssize(p.taps);
  for (std::int64_t i = 0; i < n; i += kRun) {
    const std::int64_t run = std::min(kRun, n - i);
    std::int64_t k = 0;
    for (; k + 4 <= count; k += 4) add_products<4>(p.taps.data() + k, x + i, g + i, run, sums + k);
    for (; k < count; ++k) add_products<1>(p.taps.data() + k, x + i, g + i, run, sums + k);
  }
}

bool is_depthwise(const ConvSizes& s) {
  return s.groups > 1 && s.in == s.groups && s.batch * s.out * volume(s.size) * volume(s.result) * volume(s.kernel) > 0;
}

/// Zeros, of which the callers write the same places again and again.
template <class T>
class Padded : public Buffer<T> {
 public:
  explicit Padded(std::int64_t n) : Buffer<T>(n) { std::fill_n(this->get(), n, T(0)); }
};

/// The gradients of the planes of one group, image by image.
template <class T>
class GroupGradients {
 public:
  explicit GroupGradients(const ConvSizes& s)
      : s_(s),
        p_(s),
        per_(s.out / s.groups),
        kernel_(volume(s.kernel)),
        tiles_((p_.line - 1) / kTile<T> + 1),
        length_(2 * p_.part + kTile<T>),
        lines_(per_ * length_),
        parts_(p_.part * volume(s.stride) + kTile<T>),
        taps_(static_cast<std::size_t>(volume(s.stride))),
        sums_(static_cast<std::size_t>(per_ * kernel_)) {
    // Element j of a part is seen by kernel element k for result j - k's place in the part.
    for (std::int64_t o = 0; o < per_; ++o)
      for (std::int64_t k = 0; k < kernel_; ++k) {
        const std::int64_t at = p_.taps[static_cast<std::size_t>(k)];
        taps_[static_cast<std::size_t>(at / p_.part)].push_back(
            {o * length_ + p_.part - at % p_.part, o * kernel_ + k});
      }
  }

  void operator()(std::int64_t group, const T* x, const T* w, const T* g, T* dx, T* dw, T* db) {
    std::vector<double> bias(static_cast<std::size_t>(per_));
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (std::int64_t image = 0; image < s_.batch; ++image) {
      const std::int64_t plane = image * s_.groups + group, next = image + 1 < s_.batch ? s_.groups : 0;
      read(g + plane * per_ * volume(s_.result), next);
      if (dx != nullptr) input(w + group * per_ * kernel_, dx + plane * volume(s_.size));
      if (dw != nullptr) weight(x + plane * volume(s_.size), next);
      if (db != nullptr)
        for (std::int64_t o = 0; o < per_; ++o)
          bias[static_cast<std::size_t>(o)] += block_sum<T>(p_.line, [at = line(o)](std::int64_t i) { return at[i]; });
    }
    const auto convert = [](double v) { return static_cast<T>(v); };
    if (dw != nullptr) std::transform(sums_.begin(), sums_.end(), dw + group * per_ * kernel_, convert);
    if (db != nullptr) std::transform(bias.begin(), bias.end(), db + group * per_, convert);
  }

 private:
  /// The line of output channel o: zeros in front, the results, zeros behind.
  T* line(std::int64_t o) { return lines_.get() + o * length_ + p_.part; }

  void read(const T* g, std::int64_t next) {
    for (std::int64_t o = 0; o < per_; ++o)
      gather(p_.results, 1, g + o * volume(s_.result), line(o), next * per_ * volume(s_.result));
  }
  void input(const T* w, T* dx) {
    const Buffer<T> parts(p_.part * volume(s_.stride) + kTile<T>);
    T* to = parts.get();
    for (const std::vector<Tap>& taps : taps_) {
      sum_taps<T>(taps, w, T(0), lines_.get(), p_.part, to);
      to += p_.part;
    }
    if (!p_.all) std::fill_n(dx, volume(s_.size), T(0));
    scatter(p_.runs, p_.step, parts.get(), dx);
  }
  void weight(const T* x, std::int64_t next) {
    gather(p_.runs, p_.step, x, parts_.get(), next * volume(s_.size));
    for (std::int64_t o = 0; o < per_; ++o)
      add_products(p_, parts_.get(), line(o), tiles_ * kTile<T>, sums_.data() + o * kernel_);
  }

  const ConvSizes& s_;
  const Parts p_;
  const std::int64_t per_, kernel_, tiles_, length_;  // output channels; elements; tiles, elements of a line
  const Padded<T> lines_, parts_;
  std::vector<std::vector<Tap>> taps_;  // for each part, what its elements are summed from
  std::vector<double> sums_;
};

}  // namespace

template <class T>
bool depthwise_conv_forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y) {
  if (!is_depthwise(s)) return false;
  const Parts p(s);
  const std::int64_t per = s.out / s.groups, kernel = volume(s.kernel), results = volume(s.result);
  std::vector<Tap> taps;
  for (const std::int64_t at : p.taps) taps.push_back({at, std::ssize(taps)});
  parallel_for(
      s.batch * s.groups, 1 + kGrain / 2 / (p.part * std::ssize(p.taps)), [&](std::int64_t begin, std::int64_t end) {
        const Padded<T> parts(p.part * volume(s.stride) + kTile<T>);
        const Buffer<T> line(p.line + kTile<T>);
        for (std::int64_t plane = begin; plane < end; ++plane) {
          gather(p.runs, p.step, x + plane * volume(s.size), parts.get(), plane + 1 < end ? volume(s.size) : 0);
          for (std::int64_t o = 0; o < per; ++o) {
            const std::int64_t channel = plane % s.groups * per + o;
            const T first = bias != nullptr ? bias[channel] : T(0);
            sum_taps<T>(taps, w + channel * kernel, first, parts.get(), p.line, line.get());
            scatter(p.results, 1, line.get(), y + (plane * per + o) * results);
          }
        }
      });
  return true;
}

template <class T>
bool depthwise_conv_gradients(const ConvSizes& s, const T* x, const T* w, const T* g, T* dx, T* dw, T* db) {
  if (!is_depthwise(s)) return false;
  parallel_for(s.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    GroupGradients<T> gradients(s);
    for (std::int64_t group = begin; group < end; ++group) gradients(group, x, w, g, dx, dw, db);
  });
  return true;
}

#define GRADUS_DEPTHWISE(T)                                                                 \
  template bool depthwise_conv_forward(const ConvSizes&, const T*, const T*, const T*, T*); \
  template bool depthwise_conv_gradients(const ConvSizes&, const T*, const T*, const T*, T*, T*, T*);
GRADUS_DEPTHWISE(float)
GRADUS_DEPTHWISE(double)
#undef GRADUS_DEPTHWISE

}  // namespace gradus::kernels
