// Each kernel beside a copy: the time that it takes, and how many times as long as memcpy takes for as many bytes as
// the kernel must read and write. Both are run in turn, on one thread; medians of processor time, which other work on
// the machine does not add to, are printed.
//
//   gradus_bench_kernels [rounds]

#include "times.h"

#include <gradus/kernels.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>
#include <gradus/tensor/tensor.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gradus;
using namespace gradus::kernels;

using bench::median, bench::seconds;

class Table {
 public:
  explicit Table(int rounds) : rounds_(rounds), from_(std::size_t{1} << 25), to_(from_.size()) {
    fmt::print("{:<34}{:>10}{:>9}{:>9}\n", "kernel", "µs", "copies", "GFLOP/s");
  }

  /// `numbers`: the floats that are read and written.
  template <class F>
  void row(std::string_view name, std::int64_t numbers, F f, double flops = 0) {
    auto copy = [&, bytes = static_cast<std::size_t>(numbers) * sizeof(float) / 2] {
      std::memcpy(to_.data(), from_.data(), bytes);
    };
    f();
    copy();
    std::vector<double> times, copies;
    for (int i = 0; i < rounds_; ++i) {
      copies.push_back(seconds(copy));
      times.push_back(seconds(f));
    }
    const double time = median(times);
    fmt::print("{:<34}{:>10.1f}{:>9.2f}", name, time * 1e6, time / median(copies));
    fmt::print("{:>9}\n", flops > 0 ? fmt::format("{:.1f}", flops / time * 1e-9) : "");
  }

 private:
  int rounds_;
  std::vector<char> from_, to_;
};

/// Normally distributed numbers, to be read or written.
struct Floats {
  explicit Floats(std::int64_t n) : tensor(normal({n})), data(tensor.mutable_data<float>()) {}
  Tensor tensor;
  float* data;
};

// A million numbers, as rows of kSide.
constexpr std::int64_t kSide = 1024, kCount = kSide * kSide;

Lines lines_of(std::int64_t outer, std::int64_t size, std::int64_t inner) { return Lines({outer, size, inner}, 1); }

void reductions(Table& table) {
  const Tensor x = normal({64, 256, 64});
  table.row("sum, all axes", kCount, [&] { sum_over(x, 7, {}); });
  table.row("sum, first axis", kCount, [&] { sum_over(x, 1, {256, 64}); });
  table.row("sum, middle axis", kCount, [&] { sum_over(x, 2, {64, 64}); });
  table.row("sum, last axis", kCount, [&] { sum_over(x, 4, {64, 256}); });
  table.row("max, first axis", kCount, [&] { max_over(x, 1, {256, 64}); });
  table.row("max, last axis", kCount, [&] { max_over(x, 4, {64, 256}); });
  table.row("place of the max, last axis", kCount, [&] { first_extreme(x, 2, true, {64, 256}); });
}

void lines(Table& table) {
  const Floats x(kCount), y(kCount), g(kCount), a(kSide), b(kSide), c(kSide);
  const Lines rows = lines_of(kSide, kSide, 1), columns = lines_of(1, kSide, kSide);
  const auto along_axis = [&](const Lines& along, const char* axis) {
    const auto name = [=](const char* what) { return fmt::format("{}, {} axis", what, axis); };
    table.row(name("cumulative sum"), 2 * kCount, [&] { cumulative_sum(along, false, x.data, y.data); });
    table.row(name("softmax"), 2 * kCount, [&] { softmax(along, false, x.data, y.data); });
    table.row(name("gradient of softmax"), 3 * kCount, [&] { softmax_gradient(along, false, g.data, y.data, x.data); });
  };
  along_axis(rows, "last");
  along_axis(columns, "first");
  const Lines channels = lines_of(64, 64, 256);
  table.row(
      "statistics of channels", kCount, [&] { channel_statistics(channels, 1e-5, g.data, a.data, b.data, c.data); });
  table.row("normalised channels", 2 * kCount, [&] {
    normalise_channels<float>(channels, g.data, a.data, c.data, nullptr, nullptr, y.data);
  });
  table.row("normalised rows", 2 * kCount, [&] {
    normalise_rows<float>({kSide, kSide}, 1e-5, g.data, nullptr, nullptr, y.data, a.data, b.data);
  });
  std::vector<std::int64_t> order(kCount), labels(kCount / 16, 3);
  table.row("argsort of rows", 3 * kCount, [&] { argsort(kSide, kSide, kSide, false, g.data, order.data()); });
  const Labels<float> all{lines_of(kCount / 16, 16, 1), labels.data()};
  table.row("gradient of label losses", 2 * kCount, [&] { label_gradient(all, 1, false, a.data, y.data); });
}

void elements(Table& table) {
  const Tensor x = normal({kSide, kSide}), mask = ones({kSide, kSide}, boolean);
  Tensor y = empty_like(x), factors = empty_like(x);
#define GRADUS_ROW(f) table.row(#f, 2 * kCount, [&] { map_dense<float>(x, [](float v) { return elementary::f(v); }); });
  GRADUS_ROW(exp)
  GRADUS_ROW(expm1)
  GRADUS_ROW(log)
  GRADUS_ROW(log1p)
  GRADUS_ROW(tanh)
  GRADUS_ROW(sigmoid)
  GRADUS_ROW(softplus)
  GRADUS_ROW(erf)
#undef GRADUS_ROW
  table.row("product", 3 * kCount, [&] { map<float, float>(x, x, [](float a, float b) { return a * b; }); });
  table.row("select", 3 * kCount, [&] { select(mask, x, x); });
  const Generator generator(1);
  table.row("dropout", 3 * kCount, [&] {
    dropout(generator, 0.5, kCount, x.data<float>(), y.mutable_data<float>(), factors.mutable_data<float>());
  });
}

void places(Table& table) {
  const Floats x(kCount), y(kCount);
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < kSide; ++i) places.push_back(i * 37 % kSide);
  const Lines rows = lines_of(1, kSide, kSide);
  table.row("rows taken", 2 * kCount, [&] { take(rows, kSide, places.data(), x.data, y.data); });
  table.row("rows added", 3 * kCount, [&] { add_at(rows, kSide, places.data(), x.data, y.data); });
}

void pools(Table& table) {
  PoolWindows windows;
  windows.size = {1, 32, 32};
  windows.axes[0] = {{0, 1, 1, 1}};
  for (std::int64_t i = 0; i < 32; i += 2)
    for (auto* axis : {&windows.axes[1], &windows.axes[2]}) axis->push_back({i, i + 2, 1, 2});
  windows.square = 2;
  windows.whole = {0, 16};
  const Floats x(kCount), y(kCount / 4);
  std::vector<std::int64_t> best(kCount / 4);
  table.row("means, 2 x 2", kCount + kCount / 4, [&] { avg_pool(windows, kSide, x.data, y.data); });
  table.row("maxima, 2 x 2", kCount + 3 * kCount / 4, [&] { max_pool(windows, kSide, x.data, y.data, best.data()); });
}

void products(Table& table) {
  constexpr std::int64_t n = 512;
  const Floats a(n * n), b(n * n), c(n * n);
  const double flops = 2.0 * n * n * n;
  for (const auto& [backend, name] :
       {std::pair(GemmBackend::automatic, "product of matrices"), std::pair(GemmBackend::eigen, "the same by Eigen")})
    table.row(
        name,
        3 * n * n,
        [&, backend = backend] { gemm<float>(false, false, n, n, n, 1, a.data, n, b.data, n, 0, c.data, n, backend); },
        flops);

  const ConvSizes s{.batch = 16,
                    .in = 32,
                    .out = 64,
                    .rank = 2,
                    .size = {1, 32, 32},
                    .kernel = {1, 3, 3},
                    .result = {1, 32, 32},
                    .low = {0, 1, 1},
                    .high = {0, 1, 1}};
  const std::int64_t images = s.batch * s.in * volume(s.size), weights = s.in * s.out * 9;
  const Floats x(images), w(weights), y(s.batch * s.out * volume(s.result)), dx(images), dw(weights);
  const std::int64_t touched = images + weights + y.tensor.numel();
  const double work = 2.0 * static_cast<double>(y.tensor.numel() * s.in * 9);
  for (const auto& [backend, name] : {std::pair(ConvBackend::columns, "convolution 3 x 3 by columns"),
                                      std::pair(ConvBackend::dnnl, "the same by oneDNN")}) {
    if (!has_conv_backend(backend)) continue;
    const ConvBackendGuard guard(backend);
    table.row(name, touched, [&] { conv_forward<float>(s, x.data, w.data, nullptr, y.data); }, work);
    table.row("  its gradient for the input", touched, [&] { conv_input(s, y.data, w.data, dx.data); }, work);
    table.row("  its gradient for the weight", touched, [&] { conv_weight(s, x.data, y.data, dw.data); }, work);
  }
  const DistanceSizes sizes{1, 256, 256, 64};
  const Floats u(256 * 64), v(256 * 64), d(256 * 256);
  table.row(
      "distances of 256 by 256 vectors",
      2 * 256 * 64 + 256 * 256,
      [&] { distances(sizes, 2, u.data, v.data, d.data); },
      3.0 * 256 * 256 * 64);
}

}  // namespace

int main(int argc, char** argv) {
  const detail::ThreadLimit one(1);
  manual_seed(1);
  Table table(argc > 1 ? std::max(1, std::atoi(argv[1])) : 51);
  reductions(table);
  lines(table);
  elements(table);
  places(table);
  pools(table);
  products(table);
}
