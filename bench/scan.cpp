// A recurrence by scan beside the same as a loop: an LSTM written of ops, forward and backward to all weights.
// usage: gradus_bench_scan [runs] [steps]

#include <gradus/gradus.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

namespace {

using namespace gradus;

struct Lstm {
  std::int64_t batch, inputs, hidden;
  Tensor w = leaf(normal({4 * hidden, inputs}, 0, 0.1)), u = leaf(normal({4 * hidden, hidden}, 0, 0.1));
  Tensor b = leaf(normal({4 * hidden}, 0, 0.1));

  std::vector<Tensor> step(const Tensor& h, const Tensor& c, const Tensor& x) const {
    const std::vector<Tensor> gates = split(linear(x, w, b) + linear(h, u), hidden, 1);
    const Tensor next = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    return {sigmoid(gates[3]) * tanh(next), next};
  }
  Tensor zeros() const { return gradus::zeros({batch, hidden}); }

  Tensor by_loop(const Tensor& xs) const {
    Tensor h = zeros(), c = zeros();
    std::vector<Tensor> hs;
    for (std::int64_t t = 0; t < xs.size(0); ++t) {
      const auto next = step(h, c, select(xs, 0, t));
      h = next[0];
      c = next[1];
      hs.push_back(h);
    }
    return stack(hs);
  }
  Tensor by_scan(const Tensor& xs, std::int64_t compare_every) const {
    const auto body = [this](std::span<const Tensor> carry, std::span<const Tensor> x) -> Scanned {
      auto next = step(carry[0], carry[1], x[0]);
      const Tensor h = next[0];
      return {std::move(next), {h}};
    };
    return scan(body, std::vector<Tensor>{zeros(), zeros()}, std::vector<Tensor>{xs}, {.compare_every = compare_every})
        .ys[0];
  }
  void clear() const {
    for (const Tensor* x : {&w, &u, &b}) zero_grad(*x);
  }
};

/// Microseconds of the process, all its threads.
double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e6 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_nsec);
}

struct Times {
  double forward = 1e30, backward = 1e30;
  double all() const { return forward + backward; }
};

/// Adds a run to the least times.
void run(Times& least, const std::function<Tensor()>& f) {
  const double start = now();
  const Tensor y = sum(f());
  const double middle = now();
  backward(y);
  least.backward = std::min(least.backward, now() - middle);
  least.forward = std::min(least.forward, middle - start);
}

void compare(const Lstm& lstm, std::int64_t steps, int runs) {
  const Tensor xs = normal({steps, lstm.batch, lstm.inputs});
  Times loop, scanned, seldom;
  for (int i = 0; i < runs; ++i) {
    lstm.clear();
    run(loop, [&] { return lstm.by_loop(xs); });
    lstm.clear();
    run(scanned, [&] { return lstm.by_scan(xs, 1); });
    lstm.clear();
    run(seldom, [&] { return lstm.by_scan(xs, steps); });
  }
  fmt::print("{:5} {:6} {:6}   {:8.0f} {:8.0f}   {:8.0f} {:8.0f}   {:8.0f} {:8.0f}   {:5.2f} {:5.2f}\n",
             lstm.batch,
             lstm.inputs,
             lstm.hidden,
             loop.forward,
             loop.backward,
             scanned.forward,
             scanned.backward,
             seldom.forward,
             seldom.backward,
             loop.all() / scanned.all(),
             loop.all() / seldom.all());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 30;
  const std::int64_t steps = argc > 2 ? std::max(1, std::atoi(argv[2])) : 100;
  fmt::print(
      "microseconds of {} steps, the least of {} runs: forward and backward by loop, by scan, by scan with a body that "
      "is "
      "called for the first step and the last, ratios of the first to the others\n",
      steps,
      runs);
  fmt::print("batch inputs hidden       loop                  scan                 called twice         ratios\n");
  for (const std::int64_t batch : {1, 8, 32})
    for (const auto& [inputs, hidden] : {std::pair<std::int64_t, std::int64_t>{16, 16}, {16, 32}, {32, 64}, {64, 128}})
      compare({batch, inputs, hidden}, steps, runs);
}
