#include "gradus/ops/ctc.h"

#include "loss/loss.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/ctc.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <limits>

namespace gradus {
namespace detail {
namespace {

constexpr auto kName = "ctc_loss";
constexpr double kNever = -std::numeric_limits<double>::infinity();

/// The states of all samples, [N, 2 S + 1], those that a sample doesn't have included.
struct Lattice {
  Tensor labels, starts, ends, skips;
  Tensor live;  // [T, N, 2 S + 1]: on a path from a start to an end

  Lattice(std::int64_t steps,
          const Tensor& targets,
          const Tensor& input_lengths,
          const Tensor& target_lengths,
          std::int64_t blank) {
    const std::int64_t n = targets.size(0), width = 2 * targets.size(1) + 1;
    const Tensor given = contiguous(targets);
    const auto inputs = input_lengths.to_vector<std::int64_t>(), lengths = target_lengths.to_vector<std::int64_t>();
    std::vector<std::int64_t> label(static_cast<std::size_t>(n * width), blank), skip(label.size(), 0),
        end(label.size(), 0), start(label.size(), 0);
    std::vector<std::int64_t> on(label.size() * static_cast<std::size_t>(steps), 0);
    for (std::int64_t i = 0; i < n; ++i) {
      const CtcStates states(
          given.data<std::int64_t>() + i * targets.size(1), lengths[static_cast<std::size_t>(i)], blank);
      const auto row = static_cast<std::size_t>(i * width);
      for (std::size_t s = 0; s < states.size(); ++s) {
        label[row + s] = states.label[s];
        skip[row + s] = states.skips[s];
        start[row + s] = s < 2 ? 1 : 0;
        end[row + s] = s + 2 >= states.size() ? 1 : 0;
      }
      const auto count = static_cast<std::size_t>(inputs[static_cast<std::size_t>(i)]);
      const auto flag = [&](std::size_t t, std::size_t s) -> std::int64_t& { return on[t * label.size() + row + s]; };
      for (std::size_t t = 0; t < count; ++t)
        for (std::size_t s = 0; s < states.size(); ++s)
          flag(t, s) = t == 0 ? start[row + s]
                              : flag(t - 1, s) | (s > 0 ? flag(t - 1, s - 1) : 0) |
                                    (states.skips[s] != 0 ? flag(t - 1, s - 2) : 0);
      for (std::size_t t = count; t-- > 0;)
        for (std::size_t s = 0; s < states.size(); ++s) {
          const auto goes = [&](std::size_t k) {
            return s + k < states.size() && (k < 2 || states.skips[s + k] != 0) && flag(t + 1, s + k) != 0;
          };
          const bool reaches = t + 1 == count ? end[row + s] != 0 : goes(0) || goes(1) || goes(2);
          flag(t, s) &= reaches ? 1 : 0;
        }
    }
    const auto flags = [&](const std::vector<std::int64_t>& v, const Shape& shape) {
      return not_equal_to(from_vector(v, shape), 0.0);
    };
    labels = from_vector(label, {n, width});
    starts = flags(start, {n, width}), ends = flags(end, {n, width});
    skips = flags(skip, {n, width}), live = flags(on, {steps, n, width});
  }

  /// What comes to each state [N, 2 S + 1] from itself and from the states before it: [3, N, 2 S + 1], or [1, N, 1].
  Tensor ways(const Tensor& x) const {
    if (x.size(1) == 1) return unsqueeze(x, 0);
    const auto moved = [&](std::int64_t k) { return pad(x, {k, -k}, PadMode::constant, kNever); };
    return stack({x, moved(1), where(skips, moved(2), kNever)});
  }
  /// The sums of what goes back along these ways.
  static Tensor back(const Tensor& parts) {
    const std::vector<Tensor> each = unbind(parts, 0);
    if (each.size() == 1) return each[0];
    return add(add(each[0], pad(each[1], {-1, 1})), pad(each[2], {-2, 2}));
  }
};

/// The gradient for log_probs with public ops, so that it can be differentiated: [T, N, C].
Tensor composed_gradient(const Tensor& log_probs,
                         const Lattice& lattice,
                         const Tensor& input_lengths,
                         const Tensor& g) {
  if (log_probs.numel() == 0) return zeros_like(log_probs);
  const Tensor index = broadcast_to(lattice.labels, lattice.live.shape());
  const auto lengths = input_lengths.to_vector<std::int64_t>();
  const Tensor last = unsqueeze(sub(input_lengths, 1), 1);      // [N, 1]
  const auto shares = [](const Tensor& x, const Tensor& sum) {  // of nothing in nothing: 0
    return exp(sub(x, where(equal_to(sum, kNever), 0.0, sum)));
  };

  const Tensor emitted = gather(to(log_probs, float64), 2, index);
  const std::vector<Tensor> e = unbind(where(lattice.live, emitted, kNever), 0);
  std::vector<Tensor> alpha{where(lattice.starts, e[0], kNever)}, parts(1), paths(e.size());
  for (std::size_t t = 1; t < e.size(); ++t) {
    const Tensor ways = lattice.ways(alpha.back()), sum = logsumexp(ways, 0, true);
    parts.push_back(shares(ways, sum));
    alpha.push_back(add(squeeze(sum, 0), e[t]));
  }
  Tensor share = zeros(lattice.ends.shape(), float64);
  for (std::size_t t = e.size(); t-- > 0;) {
    if (t + 1 < e.size()) share = Lattice::back(mul(share, parts[t + 1]));
    if (std::find(lengths.begin(), lengths.end(), static_cast<std::int64_t>(t) + 1) != lengths.end()) {
      const Tensor ends = where(lattice.ends, alpha[t], kNever);
      const Tensor here = equal_to(last, static_cast<double>(t));
      share = where(here, shares(ends, logsumexp(ends, 1, true)), share);
    }
    paths[t] = share;
  }
  const Tensor sums = scatter_add(zeros(log_probs.shape(), float64), 2, index, stack(paths));
  return mul(to(sums, log_probs.dtype()), neg(unsqueeze(g, 1)));
}

/// Losses [N] of log_probs [T, N, C] and targets [N, S].
struct CtcLoss : Op {
  static constexpr OpInfo info{.name = kName, .arity = 4, .saves = Saves::inputs, .flops = 20};
  std::int64_t blank = 0;
  template <class V>
  void visit(V&& v) const {
    v("blank", blank);
  }

  Tensor forward(const Tensor& log_probs,
                 const Tensor& targets,
                 const Tensor& input_lengths,
                 const Tensor& target_lengths) const {
    Tensor y = empty({log_probs.size(1)}, log_probs.dtype());
    dispatch_floating(y.dtype(), [&]<class T>() {
      const Samples<T> all(log_probs, targets, input_lengths, target_lengths, blank);
      ctc_losses(all.kernel, y.mutable_data<T>());
    });
    return y;
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor log_probs = p.in(0);
    Cotangents result(4);
    if (is_recording()) {
      result[0] =
          composed_gradient(log_probs, Lattice(log_probs.size(0), p.in(1), p.in(2), p.in(3), blank), p.in(2), p.g);
      return result;
    }
    Tensor d = zeros(log_probs.shape(), log_probs.dtype());
    const Tensor g = dense(p.g);
    dispatch_floating(d.dtype(), [&]<class T>() {
      const Samples<T> all(log_probs, p.in(1), p.in(2), p.in(3), blank);
      ctc_gradients(all.kernel, g.data<T>(), d.mutable_data<T>());
    });
    result[0] = d;
    return result;
  }

 private:
  template <class T>
  struct Samples {
    Tensor x, labels, inputs, lengths;
    kernels::CtcSamples<T> kernel;

    Samples(const Tensor& log_probs,
            const Tensor& targets,
            const Tensor& input_lengths,
            const Tensor& target_lengths,
            std::int64_t blank)
        : x(dense(log_probs)),
          labels(dense(targets)),
          inputs(dense(input_lengths)),
          lengths(dense(target_lengths)),
          kernel{.samples = x.size(1),
                 .classes = x.size(2),
                 .width = labels.size(1),
                 .blank = blank,
                 .log_probs = x.template data<T>(),
                 .targets = labels.template data<std::int64_t>(),
                 .steps = inputs.template data<std::int64_t>(),
                 .lengths = lengths.template data<std::int64_t>()} {}
  };
};

// ---- checks --------------------------------------------------------------------------------------

[[noreturn]] void fail_shapes(Arg log_probs,
                              const Tensor& targets,
                              const Tensor& input_lengths,
                              const Tensor& target_lengths) {
  fail<ShapeError>(kName,
                   fmt::format("expected log_probs [T, N, C], targets [N, S] or [sum of lengths] and lengths "
                               "[N], or [T, C], [S] and [], got {}, {}, {} and {}",
                               to_string(log_probs->shape()),
                               to_string(targets.shape()),
                               to_string(input_lengths.shape()),
                               to_string(target_lengths.shape())),
                   log_probs.site);
}

/// Lengths between 0 and `most`.
std::vector<std::int64_t> lengths_of(const char* what, const Tensor& lengths, std::int64_t most, CallSite site) {
  std::vector<std::int64_t> all = lengths.to_vector<std::int64_t>();
  for (const std::int64_t length : all)
    if (length < 0 || length > most)
      fail<ArgumentError>(kName, fmt::format("expected {} lengths in 0..{}, got {}", what, most, length), site);
  return all;
}

/// Targets as rows [N, S], 0 beyond their lengths.
Tensor rows_of(Arg log_probs, const Tensor& targets, const Tensor& target_lengths, std::int64_t n, std::int64_t blank) {
  const bool joined = targets.rank() == 1 && log_probs->rank() == 3;
  const std::int64_t classes = log_probs->size(-1);
  const auto lengths = lengths_of("target", target_lengths, targets.size(-1), log_probs.site);
  std::int64_t all = 0, most = 0;
  for (const std::int64_t length : lengths) {
    all += length;
    most = std::max(most, length);
  }
  if (joined && all != targets.numel())
    fail<ShapeError>(
        kName,
        fmt::format(
            "expected {} targets in a row for lengths that sum up to it, got {}", all, to_string(targets.shape())),
        log_probs.site);
  const auto given = targets.to_vector<std::int64_t>();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n * most), 0);
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t length = lengths[static_cast<std::size_t>(i)];
    const std::int64_t first = joined ? next : i * targets.size(-1);
    for (std::int64_t k = 0; k < length; ++k) {
      const std::int64_t label = given[static_cast<std::size_t>(first + k)];
      if (label < 0 || label >= classes)
        fail<IndexError>(kName, fmt::format("expected targets in 0..{}, got {}", classes - 1, label), log_probs.site);
      if (label == blank)
        fail<ArgumentError>(kName, fmt::format("expected targets other than the blank, got {}", label), log_probs.site);
      rows[static_cast<std::size_t>(i * most + k)] = label;
    }
    next += length;
  }
  return from_vector(rows, {n, most});
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor ctc_loss(Arg log_probs,
                const Tensor& targets,
                const Tensor& input_lengths,
                const Tensor& target_lengths,
                const CtcOptions& options) {
  check_floating(kName, log_probs);
  for (const Tensor* t : {&targets, &input_lengths, &target_lengths})
    if (t->dtype() != int64)
      fail<DTypeError>(
          kName, fmt::format("expected int64 targets and lengths, got {}", to_string(t->dtype())), log_probs.site);
  const bool one = log_probs->rank() == 2;
  const Shape batch = one ? Shape{} : Shape{log_probs->rank() == 3 ? log_probs->size(1) : -1};
  const bool rows = targets.rank() == 2 && !one && targets.size(0) == log_probs->size(1);
  if ((!one && log_probs->rank() != 3) || input_lengths.shape() != batch || target_lengths.shape() != batch ||
      !(targets.rank() == 1 || rows))
    fail_shapes(log_probs, targets, input_lengths, target_lengths);
  const std::int64_t classes = log_probs->size(-1);
  if (options.blank < 0 || options.blank >= classes)
    fail<IndexError>(
        kName, fmt::format("expected a blank in 0..{}, got {}", classes - 1, options.blank), log_probs.site);
  lengths_of("input", input_lengths, log_probs->size(0), log_probs.site);
  const SitePin pin(log_probs.site);
  const Tensor x = one ? unsqueeze(log_probs, 1) : log_probs.tensor;
  const std::int64_t n = x.size(1);
  const Tensor lengths = reshape(target_lengths, {n});
  CtcLoss op;
  op.blank = options.blank;
  Tensor y =
      apply(op, x, rows_of(log_probs, targets, target_lengths, n, options.blank), reshape(input_lengths, {n}), lengths);
  if (options.zero_infinity) y = where(isinf(y), 0.0, y);
  if (options.reduction == Reduction::none) return one ? squeeze(y, 0) : y;
  if (options.reduction == Reduction::sum) return sum(y);
  return mean(div(y, cast(where(less(lengths, 1), 1.0, lengths), y.dtype())));
}

namespace detail {

std::span<const OpEntry> ctc_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {kName,
       &op_class<CtcLoss>,
       {"-ln Σ Π p over the alignments of a target, reduced", "-g P(class at t | target)"},
       [] {
         const Sample log_probs{{4, 2, 3}, domain(-2, 0)}, targets{{2, 2}, domain(1, 3), Sample::Kind::index};
         const auto call = [](std::vector<std::int64_t> inputs, std::vector<std::int64_t> lengths, CtcOptions options) {
           return [=](In in) { return ctc_loss(in[0], in[1], from_vector(inputs), from_vector(lengths), options); };
         };
         return Examples{
             {"mean", {log_probs, targets}, call({4, 4}, {2, 2}, {})},
             {"none, lengths", {log_probs, targets}, call({3, 4}, {1, 2}, {.reduction = Reduction::none})},
             {"in a row, last blank",
              {{{4, 2, 3}, domain(-2, 0)}, {{3}, domain(0, 2), Sample::Kind::index}},
              call({4, 3}, {2, 1}, {.blank = 2, .reduction = Reduction::sum})},
             {"one sample, impossible",
              {{{2, 3}, domain(-2, 0)}},
              [](In in) {
                return ctc_loss(
                    in[0], tensor({1, 1}), zeros({}, int64) + 2.0, zeros({}, int64) + 2.0, {.zero_infinity = true});
              }},
             {"no samples", {{{4, 0, 3}}}, [](In in) {
                const Tensor none = zeros({0}, int64);
                return ctc_loss(in[0], zeros({0, 2}, int64), none, none, {.reduction = Reduction::sum});
              }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus
