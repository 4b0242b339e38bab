// Products and convolutions beside the bare primitives that libraries have for them: cblas_?gemm of OpenBLAS, and
// oneDNN's three of a convolution, each on operands that already lie as it likes them. Both are run in turn, on one
// thread; medians of processor time are printed, and the primitive's in percent of that of Gradus.
//
//   gradus_bench_primitives [rounds]

#include "times.h"

#include "gradus/gradus.h"

#include <dlfcn.h>
#include <dnnl.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using namespace gradus;
using Step = std::function<void()>;

using bench::median, bench::seconds;

void row(int rounds, std::string_view name, const Step& ours, const Step& bare) {
  std::vector<double> a, b;
  for (int i = -1; i < rounds; ++i) {  // the first of each is not counted
    const double own = seconds(ours), other = seconds(bare);
    if (i >= 0) a.push_back(own), b.push_back(other);
  }
  fmt::print(
      "{:<40}{:>12.0f}{:>12.0f}{:>8.0f} %\n", name, 1e6 * median(a), 1e6 * median(b), 100 * median(b) / median(a));
}

/// cblas_?gemm; null without OpenBLAS.
template <class T>
using Gemm = void(int, int, int, int, int, int, T, const T*, int, const T*, int, T, T*, int);

template <class T>
Gemm<T>* find_gemm() {
  void* const library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  if (void* limit = dlsym(library, "openblas_set_num_threads")) reinterpret_cast<void (*)(int)>(limit)(1);
  return reinterpret_cast<Gemm<T>*>(dlsym(library, sizeof(T) == 4 ? "cblas_sgemm" : "cblas_dgemm"));
}

template <class T>
void product(int rounds, std::int64_t n) {
  Gemm<T>* const gemm = find_gemm<T>();
  if (gemm == nullptr) return;
  const Tensor x = cast(normal({n, n}), dtype_of<T>), y = cast(normal({n, n}), dtype_of<T>);
  std::vector<T> z(static_cast<std::size_t>(n * n));
  const int size = static_cast<int>(n);
  constexpr int kRowMajor = 101, kAsItIs = 111;
  row(
      rounds,
      fmt::format("product of {} x {}, float{}", n, n, 8 * sizeof(T)),
      [&] { matmul(x, y); },
      [&] {
        gemm(kRowMajor, kAsItIs, kAsItIs, size, size, size, 1, x.data<T>(), size, y.data<T>(), size, 0, z.data(), size);
      });
}

struct Sizes {
  std::int64_t batch, in, out, side, kernel, groups;
};

template <class P, class... Arguments, class... Hint>
typename P::primitive_desc describe(const dnnl::engine& engine,
                                    std::tuple<Hint...> hint,
                                    const Arguments&... arguments) {
  return std::apply(
      [&](const auto&... of_forward) -> typename P::primitive_desc {
#if DNNL_VERSION_MAJOR < 3
        return {typename P::desc(arguments...), engine, of_forward...};
#else
        return {engine, arguments..., of_forward...};
#endif
      },
      hint);
}

/// The three primitives of a convolution, on memory in the layouts of their choice.
class BareConvolution {
 public:
  explicit BareConvolution(const Sizes& s) {
    using Tag = dnnl::memory::format_tag;
    const auto any = [](const dnnl::memory::dims& dims) {
      return dnnl::memory::desc(dims, dnnl::memory::data_type::f32, Tag::any);
    };
    const auto x = any({s.batch, s.in, s.side, s.side}), y = any({s.batch, s.out, s.side, s.side});
    const auto w = s.groups == 1 ? any({s.out, s.in, s.kernel, s.kernel})
                                 : any({s.groups, s.out / s.groups, s.in / s.groups, s.kernel, s.kernel});
    const dnnl::memory::dims one{1, 1}, none{0, 0}, pad{s.kernel / 2, s.kernel / 2};
    const auto direct = dnnl::algorithm::convolution_direct;
    const auto forward = describe<dnnl::convolution_forward>(
        engine_, std::tuple(), dnnl::prop_kind::forward_training, direct, x, w, y, one, none, pad, pad);
    const auto data =
        describe<dnnl::convolution_backward_data>(engine_, std::tuple(forward), direct, x, w, y, one, none, pad, pad);
    const auto weights = describe<dnnl::convolution_backward_weights>(
        engine_, std::tuple(forward), direct, x, w, y, one, none, pad, pad);
    add(dnnl::convolution_forward(forward),
        {{DNNL_ARG_SRC, forward.src_desc()},
         {DNNL_ARG_WEIGHTS, forward.weights_desc()},
         {DNNL_ARG_DST, forward.dst_desc()}});
    add(dnnl::convolution_backward_data(data),
        {{DNNL_ARG_DIFF_DST, data.diff_dst_desc()},
         {DNNL_ARG_WEIGHTS, data.weights_desc()},
         {DNNL_ARG_DIFF_SRC, data.diff_src_desc()}});
    add(dnnl::convolution_backward_weights(weights),
        {{DNNL_ARG_SRC, weights.src_desc()},
         {DNNL_ARG_DIFF_DST, weights.diff_dst_desc()},
         {DNNL_ARG_DIFF_WEIGHTS, weights.diff_weights_desc()}});
  }

  void operator()() {
    for (auto& [primitive, arguments] : calls_) primitive.execute(stream_, arguments);
    stream_.wait();
  }

 private:
  void add(const dnnl::primitive& primitive, const std::vector<std::pair<int, dnnl::memory::desc>>& operands) {
    std::unordered_map<int, dnnl::memory> arguments;
    for (const auto& [argument, layout] : operands) {
      dnnl::memory memory(layout, engine_);
      std::fill_n(static_cast<float*>(memory.get_data_handle()), layout.get_size() / sizeof(float), 0.5F);
      arguments.emplace(argument, std::move(memory));
    }
    calls_.emplace_back(primitive, std::move(arguments));
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<std::pair<dnnl::primitive, std::unordered_map<int, dnnl::memory>>> calls_;
};

void convolution(int rounds, const Sizes& s) {
  const Tensor x = leaf(normal({s.batch, s.in, s.side, s.side}));
  const Tensor w = leaf(normal({s.out, s.in / s.groups, s.kernel, s.kernel}));
  const Tensor ones = ones_like(normal({s.batch, s.out, s.side, s.side}));
  BareConvolution bare(s);
  row(
      rounds,
      fmt::format("{0} x {0}, {1} to {2} channels, {3} groups", s.kernel, s.in, s.out, s.groups),
      [&] {
        zero_grad(x), zero_grad(w);
        backward(conv2d(x, w, {}, {.padding = Padding::same, .groups = s.groups}), ones);
      },
      [&] { bare(); });
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  manual_seed(1);
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  fmt::print("{:<40}{:>12}{:>12}{:>10}\n", "", "Gradus, µs", "bare, µs", "share");
  for (const std::int64_t n : {256, 512, 1024}) product<float>(rounds, n);
  for (const std::int64_t n : {256, 512}) product<double>(rounds, n);
  convolution(rounds, {32, 64, 64, 32, 3, 1});
  convolution(rounds, {32, 32, 32, 32, 5, 1});
  convolution(rounds, {32, 64, 128, 16, 3, 1});
  convolution(rounds, {32, 64, 64, 32, 3, 4});
  convolution(rounds, {32, 64, 64, 32, 3, 64});
}
