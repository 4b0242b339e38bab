// Pools.

#include "onnx/save/op_writer.h"

#include "gradus/ops/arithmetic.h"

#include <algorithm>
#include <limits>

namespace gradus::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t kKeep = 1;

struct Windows {
  Numbers kernel, stride, low, high, dilation;
  bool ceil_mode = false;  // left to ONNX
};

/// Regular windows. What ceil_mode adds becomes padding behind where the sizes are known; ONNX's ceil_mode counts the
/// same windows if none begins in the padding.
Windows windows_of(OpWriter& op) {
  Windows w{.kernel = op.integers("kernel"),
            .stride = op.integers("stride"),
            .low = op.integers("padding"),
            .high = {},
            .dilation = Numbers(static_cast<std::size_t>(op.rank() - 2), 1)};
  if (op.first().attributes.contains("dilation")) w.dilation = op.integers("dilation");
  w.high = w.low;
  if (!op.flag("ceil_mode")) return w;
  for (std::size_t d = 0; d < w.kernel.size(); ++d) {
    const Sizes from = op.size(0, static_cast<int>(d) + 2), to = op.result_shape()[d + 2];
    const std::int64_t reach = w.dilation[d] * (w.kernel[d] - 1) + 1;
    if (!varies(from)) {
      const std::int64_t more = (to[0] - 1) * w.stride[d] + reach - (from[0] + 2 * w.low[d]);
      w.high[d] += std::max<std::int64_t>(more, 0);
      continue;
    }
    w.ceil_mode = true;
    for (std::size_t r = 0; r < kRecordings; ++r)
      if (to[r] != (from[r] + 2 * w.low[d] - reach + w.stride[d] - 1) / w.stride[d] + 1)
        OpWriter::refuse("its last windows begin in the padding");
  }
  return w;
}

std::vector<NodeAttribute> attributes_of(const Windows& w) {
  Numbers pads = w.low;
  pads.insert(pads.end(), w.high.begin(), w.high.end());
  std::vector<NodeAttribute> all{{"kernel_shape", w.kernel}, {"strides", w.stride}, {"pads", std::move(pads)}};
  if (w.ceil_mode) all.push_back({"ceil_mode", std::int64_t{1}});
  return all;
}

bool is_adaptive(OpWriter& op) { return op.first().attributes.contains("size"); }

/// Windows of one size, one behind the other, if the result's sizes divide those of x.
bool divides(OpWriter& op, const Numbers& size, Windows& w) {
  for (std::size_t d = 0; d < size.size(); ++d) {
    const Sizes from = op.size(0, static_cast<int>(d) + 2);
    if (varies(from) || from[0] % size[d] != 0) return false;
    w.kernel.push_back(from[0] / size[d]);
    w.low.push_back(0);
  }
  w.stride = w.kernel;
  w.high = w.low;
  return true;
}

bool all_ones(const Numbers& size) {
  return std::all_of(size.begin(), size.end(), [](std::int64_t n) { return n == 1; });
}

/// Axis by axis: window i of `size` on an axis of n elements is [⌊i n / size⌋, ⌈(i + 1) n / size⌉), reduced on its own.
std::string by_windows(OpWriter& op, const Numbers& size, const char* type) {
  std::string y = op.in();
  for (std::size_t d = 0; d < size.size(); ++d) {
    const std::int64_t axis = static_cast<std::int64_t>(d) + 2, out = size[d];
    std::vector<std::string> parts;
    const auto reduced = [&](const std::string& x) {
      return op.node(type, {x}, {{"axes", Numbers{axis}}, {"keepdims", kKeep}});
    };
    if (out == 1) {
      y = reduced(y);
      continue;
    }
    const std::int64_t n = op.fixed(op.size(0, static_cast<int>(axis)), "size");
    for (std::int64_t i = 0; i < out; ++i)
      parts.push_back(reduced(
          op.node("Slice", {y, op.list({i * n / out}), op.list({((i + 1) * n + out - 1) / out}), op.list({axis})})));
    y = op.node("Concat", std::move(parts), {{"axis", axis}});
  }
  return y;
}

std::string adaptive(OpWriter& op, const char* global, const char* regular, const char* reduction) {
  const Numbers size = op.integers("size");
  Windows w;
  if (all_ones(size)) return op.node(global, {op.in()});
  return divides(op, size, w) ? op.node(regular, {op.in()}, attributes_of(w)) : by_windows(op, size, reduction);
}

/// ONNX counts the places of the largest in the whole tensor, we in one image.
void max_pool(OpWriter& op) {
  const bool places = op.used(1);
  if (is_adaptive(op)) {
    if (places) OpWriter::refuse("the places of an adaptive pool are used");
    return op.give(adaptive(op, "GlobalMaxPool", "MaxPool", "ReduceMax"));
  }
  const Windows w = windows_of(op);
  std::vector<NodeAttribute> attributes = attributes_of(w);
  attributes.push_back({"dilations", w.dilation});
  const auto y = op.nodes("MaxPool", {op.in()}, std::move(attributes), places ? 2 : 1);
  op.give(0, y[0]);
  if (!places) return;
  Sizes room;
  room.fill(1);
  for (int d = 2; d < op.rank(); ++d)
    for (std::size_t r = 0; r < kRecordings; ++r) room[r] *= op.size(0, d)[r];
  op.give(1, op.node("Mod", {y[1], op.size_list(room)}));
}

/// How many elements the windows along an axis of n elements count.
std::vector<double> counts(const Windows& w, std::size_t d, std::int64_t n, std::int64_t results, bool of_padding) {
  std::vector<double> all;
  for (std::int64_t i = 0; i < results; ++i) {
    const std::int64_t from = i * w.stride[d] - w.low[d], to = from + w.kernel[d];
    const std::int64_t first = of_padding ? from : std::max<std::int64_t>(from, 0);
    all.push_back(static_cast<double>(std::min(to, of_padding ? n + w.low[d] : n) - first));
  }
  return all;
}

/// The sum of strided slices of x with its padding, one for each place of the kernel, divided by the elements counted:
/// where AveragePool counts others, and for float64, which runtimes don't pool.
std::string average_of_slices(OpWriter& op, const Windows& w, std::int64_t divisor, bool of_padding) {
  const std::size_t axes = w.kernel.size();
  Numbers pads(2 * (axes + 2), 0), places;
  std::int64_t volume = 1;
  Tensor count = full({}, 1, float64);
  const NoGrad guard;
  for (std::size_t d = 0; d < axes; ++d) {
    pads[2 + d] = w.low[d];
    pads[axes + 4 + d] = w.high[d];
    places.push_back(static_cast<std::int64_t>(d) + 2);
    volume *= w.kernel[d];
    if (divisor != 0) continue;
    if (w.low[d] == 0 && w.high[d] == 0 && !w.ceil_mode) {
      count = mul(count, static_cast<double>(w.kernel[d]));
      continue;
    }
    const std::int64_t n = op.fixed(op.size(0, static_cast<int>(d) + 2), "size");
    const std::vector<double> along = counts(w, d, n, op.result_shape()[d + 2][0], of_padding);
    Shape shape{static_cast<std::int64_t>(along.size())};
    for (std::size_t rest = d + 1; rest < axes; ++rest) shape.push_back(1);
    count = mul(count, from_vector(along, shape));
  }
  if (divisor != 0) count = full({}, static_cast<double>(divisor), float64);
  const bool padded = std::any_of(pads.begin(), pads.end(), [](std::int64_t n) { return n != 0; });
  const std::string x = padded ? op.node("Pad", {op.in(), op.list(pads), op.number_like(0)}) : op.in();
  std::string sum;
  for (std::int64_t place = 0; place < volume; ++place) {
    Numbers starts(axes), ends(axes);
    std::int64_t left = place;
    for (std::size_t d = axes; d-- > 0; left /= w.kernel[d]) {
      starts[d] = left % w.kernel[d];
      ends[d] = starts[d] + 1 == w.kernel[d] ? std::numeric_limits<std::int64_t>::max() : starts[d] + 1 - w.kernel[d];
    }
    const std::string part = op.node("Slice", {x, op.list(starts), op.list(ends), op.list(places), op.list(w.stride)});
    sum = sum.empty() ? part : op.node("Add", {sum, part});
  }
  return op.node("Div", {sum, op.graph().constant(cast(count, op.dtype()), "constant")});
}

void avg_pool(OpWriter& op) {
  if (is_adaptive(op)) return op.give(adaptive(op, "GlobalAveragePool", "AveragePool", "ReduceMean"));
  const Windows w = windows_of(op);
  const std::int64_t divisor = op.integer("divisor", 0);
  const bool of_padding = !op.first().attributes.contains("count_include_pad");
  // Windows that reach beyond the padding count what is there.
  const bool beyond = w.ceil_mode || w.high != w.low;
  const bool padded = std::any_of(w.low.begin(), w.low.end(), [](std::int64_t n) { return n != 0; });
  if (op.dtype() == float64 || divisor != 0 || (beyond && padded && of_padding))
    return op.give(average_of_slices(op, w, divisor, of_padding));
  std::vector<NodeAttribute> attributes = attributes_of(w);
  attributes.push_back({"count_include_pad", std::int64_t{of_padding && !beyond ? 1 : 0}});
  op.give(op.node("AveragePool", {op.in()}, std::move(attributes)));
}

constexpr NamedRule kRules[] = {
    {"max_pool", max_pool},
    {"avg_pool", avg_pool},
};

}  // namespace

std::span<const NamedRule> pool_rules() { return kRules; }

}  // namespace gradus::onnx
