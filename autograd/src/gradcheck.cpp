#include "gradus/autograd/gradcheck.h"

#include "checked_function.h"
#include "differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <ostream>
#include <tuple>

namespace gradus {
namespace detail {
namespace {

double finite_or_infinite(double x) { return std::isfinite(x) ? x : INFINITY; }

constexpr std::size_t kMixed = ~std::size_t{0};

/// One derivative compared: where, both values, and the size and noise to judge it by.
struct Pair {
  std::size_t output, input;
  double analytic, numeric, size, noise, error;
};

class Check {
 public:
  Check(const CheckedFunction& s, const CheckOptions& options, const char* what)
      : s_(s),
        options_(options),
        random_(Generator(options.seed).split(1)),
        tape_(s),
        differences_([&s](std::span<const Tensor> at) { return s.values(at); }, s.xs, s.moved, options.eps) {
    report_.what = what;
    report_.accepted = options.rtol;
  }

  Report run() {
    if (!repeatable()) return finish();
    for (double y : differences_.value())
      if (!std::isfinite(y)) {
        find(fmt::format("the {} is not finite: {}", s_.result, y));
        return finish();
      }
    const auto n = static_cast<std::int64_t>(differences_.size());
    const auto m = static_cast<std::int64_t>(tape_.size());
    for (int i = 0; i < options_.directions && n > 0; ++i) compare_direction();
    if (m * n <= options_.entries)
      compare_entries();
    else if (n <= options_.entries)
      compare_combination();
    if (const auto name = tape_.changed(s_)) find(fmt::format("the {} was changed in place", *name));
    return finish();
  }

 private:
  void find(std::string finding) {
    report_.ok = false;
    report_.findings.push_back(std::move(finding));
  }

  /// Two evaluations and two passes must agree to the last bit, and nearly so with and without recording
  /// (where other kernels may run).
  bool repeatable() {
    const RecordedCall again(s_);
    const auto same = [](const Tensor& a, const Tensor& b) { return equal(contiguous(a), contiguous(b), true); };
    if (!std::equal(
            tape_.results().begin(), tape_.results().end(), again.results().begin(), again.results().end(), same)) {
      find(fmt::format("the {} differs from run to run (seed the generator that f draws from)", s_.result));
      return false;
    }
    const Row recorded = tape_.values(), plain = differences_.value();
    const auto close = [&](double a, double b) {
      // Cotangents are of order 1: what cancels to less keeps rounding errors of that order.
      const double accepted = 64 * differences_.rounding() * std::max(1.0, differences_.magnitude());
      return a == b || std::abs(a - b) <= accepted || (a != a && b != b);
    };
    if (!std::equal(recorded.begin(), recorded.end(), plain.begin(), plain.end(), close)) {
      find(fmt::format("the {} is another when it is recorded", s_.result));
      return false;
    }
    const Row c = draw_row(tape_.size(), random_), first = tape_.pull(c);
    const auto same_bits = [](double a, double b) { return a == b || (a != a && b != b); };
    for (const Row& other : {tape_.pull(c), again.pull(c)})
      if (!std::equal(first.begin(), first.end(), other.begin(), other.end(), same_bits)) {
        find(fmt::format("the derivative of the {} differs from run to run", s_.result));
        return false;
      }
    return true;
  }

  void compare_direction() {
    const Row c = draw_row(tape_.size(), random_), v = draw_row(differences_.size(), random_);
    const Row g = tape_.pull(c);
    const Quotient q = differences_.along(v);
    Pair pair{kMixed, kMixed, 0, 0, 0, 0, 0};
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double part = g[i] * v[i] * differences_.scale(i);
      pair.analytic += part;
      pair.size += std::abs(part);
    }
    combine(pair, q, c);
    direction_ = v;
    cotangent_ = c;
    judge({&pair, 1});
  }

  static void combine(Pair& pair, const Quotient& q, const Row& c) {
    for (std::size_t j = 0; j < c.size(); ++j) {
      pair.numeric += c[j] * q.value[j];
      pair.error += std::abs(c[j]) * q.error[j];
    }
    pair.noise = q.noise * std::sqrt(static_cast<double>(c.size()));
  }

  void compare_entries() {
    const std::size_t m = tape_.size(), n = differences_.size();
    std::vector<Pair> pairs(m * n);
    Row unit(m);
    for (std::size_t j = 0; j < m; ++j) {
      unit[j] = 1;
      const Row g = tape_.pull(unit);
      unit[j] = 0;
      for (std::size_t i = 0; i < n; ++i) pairs[i * m + j] = {j, i, g[i], 0, 0, 0, 0};
    }
    for (std::size_t i = 0; i < n; ++i) {
      const Quotient q = differences_.entry(i);
      for (std::size_t j = 0; j < m; ++j) {
        Pair& pair = pairs[i * m + j];
        pair.numeric = q.value[j];
        pair.error = q.error[j];
        pair.noise = q.noise;
      }
    }
    judge_by_input(pairs, m);
  }

  void compare_combination() {
    const Row c = draw_row(tape_.size(), random_), g = tape_.pull(c);
    cotangent_ = c;
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < g.size(); ++i) {
      pairs.push_back({kMixed, i, g[i], 0, 0, 0, 0});
      combine(pairs.back(), differences_.entry(i), c);
    }
    judge_by_input(pairs, 1);
  }

  /// Each input tensor has its own scale. `per_entry` pairs belong to each entry of the row of inputs.
  void judge_by_input(std::vector<Pair>& pairs, std::size_t per_entry) {
    std::size_t from = 0;
    for (const Tensor& x : tape_.inputs()) {
      const std::span<Pair> block(pairs.data() + from, static_cast<std::size_t>(x.numel()) * per_entry);
      double size = 0;
      for (const Pair& p : block)
        for (double value : {p.analytic, p.numeric})
          if (std::isfinite(value)) size = std::max(size, std::abs(value));
      for (Pair& p : block) p.size = size;
      judge(block);
      from += block.size();
    }
  }

  void judge(std::span<const Pair> block) {
    double analytic = 0, size = 0, noise = 0;
    for (const Pair& p : block) {
      ++report_.compared;
      analytic = std::max(analytic, std::abs(p.analytic));
      size = p.size;
      noise = std::max(noise, p.noise);
      const double off = finite_or_infinite(std::abs(p.analytic - p.numeric));
      // What noise or atol would excuse counts as not large enough to be compared.
      const double beside = std::max({std::abs(p.analytic),
                                      std::abs(p.numeric),
                                      0.01 * p.size,
                                      (p.noise + options_.atol) / std::max(options_.rtol, 1e-16)});
      const double relative = off == 0 ? 0 : finite_or_infinite(off / beside);
      const bool bad = relative > options_.rtol;
      if (bad) report_.ok = false;
      report_.max_absolute_error = std::max(report_.max_absolute_error, off);
      report_.max_relative_error = std::max(report_.max_relative_error, relative);
      // An entry says more than a combination that is as wrong.
      const std::tuple rank(bad, bad && p.output != kMixed, relative);
      if (worst_ && rank <= worst_rank_) continue;
      worst_ = p;
      worst_rank_ = rank;
      worst_direction_ = direction_;
      worst_cotangent_ = cotangent_;
    }
    if (noise > 1e-4 * size && analytic > 100 * differences_.rounding() * differences_.magnitude() && !inconclusive_) {
      inconclusive_ = true;
      find(fmt::format("nothing can be said: derivatives of {:.2g} are lost in the rounding of values of {:.2g}",
                       size,
                       differences_.magnitude()));
    }
  }

  std::string name_of(const List& tensors, std::size_t i, const std::string& name) const {
    const auto [k, at] = locate(tensors, i);
    return name + (at.empty() ? "" : to_string(at));
  }

  Report finish() {
    if (worst_) {
      const Pair& p = *worst_;
      Report::Entry& e = report_.worst;
      e.analytic = p.analytic;
      e.numeric = p.numeric;
      std::string of = "a combination of all results", by = "a random direction";
      if (p.output != kMixed) {
        std::tie(e.output, e.output_at) = locate(tape_.results(), p.output);
        of = name_of(tape_.results(),
                     p.output,
                     tape_.results().size() == 1 ? s_.result : fmt::format("{} {}", s_.result, e.output));
      }
      if (p.input != kMixed) {
        const auto [k, at] = locate(tape_.inputs(), p.input);
        e.input = static_cast<int>(s_.moved[static_cast<std::size_t>(k)]);
        e.input_at = at;
        by = name_of(tape_.inputs(), p.input, s_.inputs[static_cast<std::size_t>(e.input)]);
      }
      e.name = fmt::format("d {} / d {}", of, by);
      if (!report_.ok) explain(p);
    }
    return std::move(report_);
  }

  /// What may be behind the worst entry.
  void explain(const Pair& p) {
    if (!std::get<0>(worst_rank_)) return;
    if (!std::isfinite(p.analytic)) find(fmt::format("the gradient is not finite: {}", p.analytic));
    if (!std::isfinite(p.numeric)) {
      find("f is not finite near this point, so there is nothing to compare with");
      return;
    }
    Row direction = worst_direction_, weights = worst_cotangent_;
    if (p.input != kMixed) {
      direction.assign(differences_.size(), 0);
      direction[p.input] = 1;
    }
    if (p.output != kMixed) {
      weights.assign(tape_.size(), 0);
      weights[p.output] = 1;
    }
    const auto [right, left] = differences_.one_sided(direction, weights);
    if (!std::isnan(right) || !std::isnan(left))
      find(
          fmt::format("not differentiable here? The difference quotients are {:.6g} to the right and {:.6g} "
                      "to the left",
                      right,
                      left));
    else if (p.error > options_.rtol * std::max(std::abs(p.numeric), p.size))
      find(fmt::format("the numeric value is uncertain by {:.2g}: f is not smooth, or not precise, enough", p.error));
  }

  const CheckedFunction& s_;
  const CheckOptions& options_;
  Generator random_;
  RecordedCall tape_;
  Differences differences_;
  Report report_;
  std::optional<Pair> worst_;
  std::tuple<bool, bool, double> worst_rank_{};  // it is wrong; it is one entry; by how much
  bool inconclusive_ = false;
  Row direction_, cotangent_, worst_direction_, worst_cotangent_;
};

/// Value and gradient computed in float32 beside those in float64, at a point that both can represent.
void compare_float32(const CheckedFunction& s, const CheckOptions& options, Report& report) {
  CheckedFunction single = s, twice = s;
  for (std::size_t k : s.moved) {
    single.xs[k] = cast(s.xs[k], float32);
    twice.xs[k] = cast(single.xs[k], float64);
  }
  const RecordedCall a(single), b(twice);
  Generator random = Generator(options.seed).split(2);
  const Row c = draw_row(b.size(), random);
  const auto compare = [&](const char* what, const Row& x, const Row& y) {
    double size = 0, off = x.size() == y.size() ? 0 : INFINITY;
    for (double v : y) size = std::max(size, std::abs(v));
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!(std::abs(x[i] - y[i]) <= off)) off = std::abs(x[i] - y[i]);
    if (off <= options.float32_rtol * size) return;
    report.ok = false;
    report.findings.push_back(
        fmt::format("the {} in float32 is off by {:.2g} beside values of {:.2g}", what, off, size));
  };
  compare("value", a.values(), b.values());
  if (a.size() == b.size()) compare("gradient", a.pull(c), b.pull(c));
}

}  // namespace

Report check_derivative(
    int order, const Function& f, std::span<const Tensor> xs, const CheckOptions& options, CallSite site) {
  static constexpr const char* kNames[] = {"gradcheck", "gradgradcheck", "third derivative"};
  const char* what = kNames[std::clamp(order, 1, 3) - 1];
  CheckedFunction s = checked_function(f, xs, what, site);
  Generator random = Generator(options.seed).split(0);
  for (int k = 1; k < order; ++k) s = gradient_of(s, random);
  Report report = Check(s, options, what).run();
  if (options.float32_rtol > 0) compare_float32(s, options, report);
  return report;
}

}  // namespace detail

std::string to_string(const Report& r) {
  std::string text = fmt::format("{}: {}, {} derivatives compared, largest relative error {:.2g} (accepted {:.2g})\n",
                                 r.what,
                                 r.ok ? "ok" : "failed",
                                 r.compared,
                                 r.max_relative_error,
                                 r.accepted);
  if (!r.worst.name.empty())
    text += fmt::format("  worst: {} is {:.10g} by the rule, {:.10g} by differences\n",
                        r.worst.name,
                        r.worst.analytic,
                        r.worst.numeric);
  for (const std::string& finding : r.findings) text += "  " + finding + "\n";
  return text;
}

std::ostream& operator<<(std::ostream& out, const Report& report) { return out << to_string(report); }

}  // namespace gradus
