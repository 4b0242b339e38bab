// How the time for one op grows with how many there are: long chains, gradients nested in a loop, tensors taken apart
// into rows. Linear ones keep their time for one.
//
//   gradus_bench_growth [RUNS [MOST]]
//
// With MOST only short ones run, and the program fails where the largest time for one is more than MOST times the
// smallest: what is quadratic comes to 8 or more.

#include "workload_spec.h"

#include "gradus/gradus.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

namespace {

using namespace gradus;

/// Microseconds of the fastest of `runs`.
double fastest(int runs, const std::function<void()>& f) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    f();
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return best;
}

struct Growth {
  int runs, up_to;
  double most;
  bool linear = true;

  /// One line: the time for one of n, for each n, and the largest of these over the smallest.
  void row(std::string_view name, const std::vector<int>& counts, const std::function<void(int n)>& f) {
    fmt::print("{:<28}", name);
    std::vector<double> times;
    for (const int n : counts) {
      if (n > up_to) continue;
      times.push_back(fastest(runs, [&] { f(n); }) / n);
      fmt::print("  {:>8}: {:7.3f}", n, times.back());
    }
    const double ratio = *std::max_element(times.begin(), times.end()) / *std::min_element(times.begin(), times.end());
    fmt::print("  {:6.2f}{}\n", ratio, ratio > most ? "  not linear" : "");
    std::fflush(stdout);
    linear = linear && ratio <= most;
  }
};

void chain(int ops, std::int64_t length) {
  const Tensor x = leaf(full({length}, bench::kChainStart));
  backward(sum(bench::chain(x, ops / 2)));
}

/// x goes down the slope of sum(w x^2), each step recorded behind the last.
void nested_gradients(int steps) {
  const Tensor w = leaf(ones({8}));
  Tensor x = leaf(ones({8}));
  for (int i = 0; i < steps; ++i) x = x - 0.001 * grad([&](const Tensor& v) { return sum(w * square(v)); })(x);
  backward(sum(x));
}

void sum_of_rows(const std::vector<Tensor>& rows) {
  Tensor y = rows[0];
  for (std::size_t i = 1; i < rows.size(); ++i) y = y + rows[i];
  backward(sum(y));
}

void rows_by_unbind(int n) { sum_of_rows(unbind(leaf(ones({n, 14})))); }

void rows_by_select(int n) {
  const Tensor x = leaf(ones({n, 14}));
  std::vector<Tensor> rows;
  for (int i = 0; i < n; ++i) rows.push_back(select(x, 0, i));
  sum_of_rows(rows);
}

/// A tensor through n steps of a recurrence by scan.
void steps_by_scan(int n) {
  const Tensor w = leaf(full({16, 16}, 0.01));
  const auto body = [&](const Tensor& h, const Tensor& x) {
    const Tensor y = tanh(linear(h, w) + x);
    return std::pair(y, y);
  };
  backward(sum(scan(body, zeros({1, 16}), ones({n, 1, 16})).second));
}

}  // namespace

int main(int argc, char** argv) {
  const bool short_form = argc > 2;
  Growth growth{argc > 1 ? std::max(1, std::atoi(argv[1])) : 5,
                short_form ? 10'000 : 1'000'000,
                short_form ? std::atof(argv[2]) : std::numeric_limits<double>::infinity()};
  fmt::print("microseconds for one of n, the fastest of {} runs; the largest of a line over its smallest\n",
             growth.runs);
  const std::vector<int> ops = {1'000, 10'000, 100'000, 1'000'000};
  growth.row("op of one number", ops, [](int n) { chain(n, 1); });
  growth.row("op of 64 numbers", ops, [](int n) { chain(n, bench::kChainLength); });
  growth.row("step by a nested gradient", {200, 400, 800, 1'600, 3'200}, nested_gradients);
  growth.row("row of 14, by unbind", {100, 1'000, 10'000}, rows_by_unbind);
  growth.row("row of 14, by select", {100, 1'000, 10'000}, rows_by_select);
  growth.row("step by scan", {100, 1'000, 10'000}, steps_by_scan);
  return growth.linear ? 0 : 1;
}
