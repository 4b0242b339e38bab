#include "gradus/exchange/save_onnx.h"

#include "onnx/save/file.h"
#include "onnx/save/fold.h"
#include "onnx/save/graph_writer.h"

#include "gradus/nn/keep_modes.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace gradus::nn::detail {

using gradus::detail::fail;
using onnx::kRecordings;
using onnx::Sizes;
using onnx::varies;

namespace {

constexpr const char* kOp = "save_onnx";

// ---- what is dynamic -----------------------------------------------------------------------------

/// One axis of each input; those of one size share a name.
std::vector<DynamicAxis> first_axes(const std::vector<Tensor>& example) {
  std::vector<DynamicAxis> all;
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < example.size(); ++i) {
    if (example[i].rank() == 0) continue;
    const std::int64_t size = example[i].size(0);
    const auto at = std::find(sizes.begin(), sizes.end(), size) - sizes.begin();
    if (at == static_cast<std::ptrdiff_t>(sizes.size())) sizes.push_back(size);
    all.push_back({0, at == 0 ? "batch" : fmt::format("batch_{}", at), i});
  }
  return all;
}

void check_axes(std::vector<DynamicAxis>& axes, const std::vector<Tensor>& example) {
  std::map<std::string, std::int64_t> sizes;
  for (DynamicAxis& axis : axes) {
    if (axis.input >= example.size())
      fail<ArgumentError>(kOp, fmt::format("expected an input below {}, got {}", example.size(), axis.input));
    const Tensor& x = example[axis.input];
    axis.axis = normalize_axis(axis.axis, x.rank(), kOp);
    if (axis.name.empty()) fail<ArgumentError>(kOp, "expected names of dynamic axes, got an empty one");
    const auto [at, is_new] = sizes.emplace(axis.name, x.size(axis.axis));
    if (x.size(axis.axis) != at->second)
      fail<ArgumentError>(
          kOp,
          fmt::format("expected one size for axes named {}, got {} and {}", axis.name, at->second, x.size(axis.axis)));
    if (at->second < 1)
      fail<ShapeError>(kOp, fmt::format("expected an example with elements, got {}", to_string(x.shape())));
  }
}

/// By how much sizes exceed the least one in each recording, by names: all rests of divisions by 2, 3 and 4 are there,
/// and nothing but a constant grows with two of them.
constexpr std::int64_t kMore[][kRecordings] = {{0, 1, 2, 7}, {7, 2, 1, 0}, {0, 7, 2, 1}, {2, 0, 7, 1}};
constexpr std::int64_t kMost = 7;

struct Symbol {
  std::string name;
  Sizes sizes;
};

/// Sizes from that of the example on, or up to it where they can be less.
std::vector<Symbol> symbols_of(const std::vector<DynamicAxis>& axes, const std::vector<Tensor>& example, bool upwards) {
  std::vector<Symbol> all;
  for (const DynamicAxis& axis : axes) {
    if (std::any_of(all.begin(), all.end(), [&](const Symbol& s) { return s.name == axis.name; })) continue;
    // A size of 1 broadcasts, and says nothing of where it stands.
    const std::int64_t own = example[axis.input].size(axis.axis);
    const std::int64_t size = std::max<std::int64_t>(upwards || own < kMost + 2 ? own : own - kMost, 2);
    Symbol s{axis.name, {}};
    const std::size_t n = all.size(), row = n % std::size(kMore);
    const auto times = static_cast<std::int64_t>(1 + n / std::size(kMore));
    for (std::size_t r = 0; r < kRecordings; ++r) s.sizes[r] = size + times * kMore[row][r];
    all.push_back(std::move(s));
  }
  return all;
}

bool can_shrink(const std::vector<DynamicAxis>& axes, const std::vector<Tensor>& example) {
  return std::any_of(axes.begin(), axes.end(), [&](const DynamicAxis& axis) {
    return example[axis.input].size(axis.axis) >= kMost + 2;
  });
}

/// So that what a model computes of values without ops shows, others come first in each recording, and real numbers
/// are smaller.
enum class Change : std::uint8_t { values, order, nothing };

/// The example in the sizes of a recording: its own elements, again and again.
std::vector<Tensor> resized(const std::vector<Tensor>& example,
                            const std::vector<DynamicAxis>& axes,
                            const std::vector<Symbol>& symbols,
                            std::size_t recording,
                            Change change) {
  const NoGrad guard;
  std::vector<Tensor> inputs = example;
  for (const DynamicAxis& axis : axes) {
    Tensor& x = inputs[axis.input];
    const std::int64_t n = x.size(axis.axis);
    const auto named = [&](const Symbol& s) { return s.name == axis.name; };
    const Sizes& sizes = std::find_if(symbols.begin(), symbols.end(), named)->sizes;
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < sizes[recording]; ++i) places.push_back(i % n);
    x = index_select(x, axis.axis, from_vector(places));
  }
  for (Tensor& x : inputs) {
    const std::int64_t n = x.numel(), first = change == Change::nothing ? 0 : static_cast<std::int64_t>(recording);
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < n; ++i) places.push_back((i + first) % n);
    x = gradus::clone(reshape(index_select(reshape(x, {n}), 0, from_vector(places)), x.shape()));
    if (change == Change::values && is_floating(x.dtype())) x = mul(x, 1 - static_cast<double>(recording) / 16);
  }
  return inputs;
}

/// Labels may be refused in other values, offsets in another order.
onnx::Trace recorded(const onnx::Forward& forward,
                     const std::vector<Tensor>& example,
                     const std::vector<DynamicAxis>& axes,
                     const std::vector<Symbol>& symbols,
                     std::size_t recording) {
  const auto record = [&](Change change) {
    return onnx::trace(forward, resized(example, axes, symbols, recording, change));
  };
  for (const Change change : {Change::values, Change::order}) {
    if (recording == 0) break;
    try {
      return record(change);
    } catch (const Error&) {
      // With less of a change.
    }
  }
  return record(Change::nothing);
}

/// All that was recorded.
struct Recordings {
  std::vector<Symbol> symbols;
  std::vector<onnx::Trace> traces;
  OnnxResults results;  // of the last
};

Recordings record(const OnnxForward& forward,
                  const std::vector<Tensor>& example,
                  const std::vector<DynamicAxis>& axes,
                  bool upwards) {
  Recordings all;
  all.symbols = symbols_of(axes, example, upwards);
  const auto call = [&](std::span<const Tensor> x) {
    all.results = forward(x);
    return all.results.tensors;
  };
  for (std::size_t r = 0; r < kRecordings; ++r) all.traces.push_back(recorded(call, example, axes, all.symbols, r));
  return all;
}

/// Of a model that takes the example, but not in other sizes.
[[noreturn]] void fail_sizes(const std::vector<DynamicAxis>& axes, const Error& error) {
  std::string which;
  for (const DynamicAxis& axis : axes)
    which += fmt::format("{}axis {} of input {}", which.empty() ? "" : " and ", axis.axis, axis.input);
  fail<ArgumentError>(
      kOp,
      fmt::format(
          "expected a model that takes {} in any size, got one that does not ({}: {}): SaveOnnxOptions::dynamic "
          "says what varies",
          which,
          error.op(),
          error.message()));
}

Recordings record_all(const OnnxForward& forward,
                      const std::vector<Tensor>& example,
                      const std::vector<DynamicAxis>& axes) {
  try {
    return record(forward, example, axes, true);
  } catch (const Error& error) {
    if (error.op() == kOp) throw;  // what was seen, not what the model says
    // A model may know a largest size.
    if (can_shrink(axes, example)) {
      try {
        return record(forward, example, axes, false);
      } catch (const Error&) {
        // What was said first tells more.
      }
    }
    no_grad([&] { return forward(example); });  // throws what is wrong with the example itself
    fail_sizes(axes, error);
  }
}

// ---- names ---------------------------------------------------------------------------------------

std::vector<std::string> names_of(const char* what, std::size_t count, const std::vector<std::string>& given) {
  std::vector<std::string> all = given;
  if (given.empty())
    for (std::size_t i = 0; i < count; ++i) all.push_back(count == 1 ? what : fmt::format("{}_{}", what, i));
  if (all.size() != count)
    fail<ArgumentError>(kOp, fmt::format("expected {} names of {}s, got {}", count, what, all.size()));
  const std::set<std::string> different(all.begin(), all.end());
  if (different.size() != all.size() || different.contains(""))
    fail<ArgumentError>(kOp, fmt::format("expected a name for each {}, got the same twice or none", what));
  return all;
}

/// Fields of a model bear paths; a view of all of one bears it, too.
std::map<const void*, std::string> names_of_tensors(ModuleRef model, const std::vector<onnx::Trace>& traces) {
  std::map<const void*, std::string> by_data, names;
  const auto add = [&](const Tensor& x, const std::string& name) {
    names.emplace(x.raw(), name);
    if (x.numel() > 0) by_data.emplace(x.raw()->data, name);
  };
  for (const NamedParameter& p : named_parameters(model)) add(p.parameter, p.name);
  for (const NamedBuffer& b : named_buffers(model)) add(b.buffer, b.name);
  std::map<std::string, std::int64_t> sizes;
  for (const NamedParameter& p : named_parameters(model)) sizes[p.name] = p.parameter.numel();
  for (const NamedBuffer& b : named_buffers(model)) sizes[b.name] = b.buffer.numel();
  for (const Tensor& x : traces[0].values) {
    const auto at = by_data.find(x.raw()->data);
    if (x.numel() > 0 && at != by_data.end() && sizes[at->second] == x.numel()) names.emplace(x.raw(), at->second);
  }
  return names;
}

std::vector<std::string> output_names(const OnnxResults& results, const std::vector<std::string>& given) {
  if (results.tensors.empty()) fail<ArgumentError>(kOp, "expected a model that gives tensors, got one without");
  const bool named = std::none_of(results.names.begin(), results.names.end(), [](const auto& n) { return n.empty(); });
  return names_of("output", results.tensors.size(), given.empty() && named ? results.names : given);
}

void check_versions(const SaveOnnxOptions& o) {
  if (o.opset < 17 || o.opset > 21)
    fail<ArgumentError>(kOp, fmt::format("expected an opset from 17 to 21, got {}", o.opset));
  if (o.ir_version < 8 || o.ir_version > 10)
    fail<ArgumentError>(kOp, fmt::format("expected an IR version from 8 to 10, got {}", o.ir_version));
}

/// Protocol Buffers count the bytes of a message in 31 bits; what doesn't fit has its elements beside.
onnx::OnnxFiles files_within_bounds(onnx::Draft draft, const std::string& data_name, bool is_beside) {
  constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << 31) - 1;
  if (is_beside) draft.data_name = data_name;
  onnx::OnnxFiles files = onnx::files_of(draft);
  if (files.model.size() > kMostBytes && !is_beside) return files_within_bounds(std::move(draft), data_name, true);
  if (files.model.size() > kMostBytes)
    fail<ArgumentError>(
        kOp,
        fmt::format("expected a graph of at most {} bytes without the elements of its parameters, got {}",
                    kMostBytes,
                    files.model.size()));
  return files;
}

/// A dimension: its size, or a name where it varies.
onnx::Dimension dimension_of(const Sizes& size, const std::vector<Symbol>& symbols, const std::string& otherwise) {
  if (!varies(size)) return {size[0], {}};
  for (const Symbol& s : symbols)
    if (s.sizes == size) return {0, s.name};
  return {0, otherwise};
}

std::vector<onnx::GraphValue> values_of(const onnx::GraphWriter& graph,
                                        const std::vector<int>& values,
                                        const std::vector<std::string>& names,
                                        const std::vector<Symbol>& symbols) {
  std::vector<onnx::GraphValue> all;
  for (std::size_t i = 0; i < values.size(); ++i) {
    onnx::GraphValue v{names[i], graph.dtype(values[i]), {}};
    for (int d = 0; d < graph.rank(values[i]); ++d)
      v.shape.push_back(dimension_of(graph.size(values[i], d), symbols, fmt::format("{}_{}", names[i], d)));
    all.push_back(std::move(v));
  }
  return all;
}

}  // namespace

void save_onnx(ModuleRef model,
               const OnnxForward& forward,
               const std::vector<Tensor>& example,
               const std::string& path,
               const SaveOnnxOptions& options) {
  check_versions(options);
  for (const Tensor& x : example)
    if (!x.defined()) fail<ArgumentError>(kOp, "expected an example, got an undefined tensor");
  std::vector<DynamicAxis> axes = options.dynamic ? *options.dynamic : first_axes(example);
  check_axes(axes, example);
  const std::vector<std::string> inputs = names_of("input", example.size(), options.inputs);
  const std::string data_path = path + ".data";
  gradus::detail::check_writable(kOp, path);
  if (options.external_data) gradus::detail::check_writable(kOp, data_path);

  const KeptModes modes(model);
  set_training(model, false);
  Recordings all = record_all(forward, example, axes);
  const std::vector<std::string> outputs = output_names(all.results, options.outputs);
  std::map<const void*, std::string> names = names_of_tensors(model, all.traces);
  if (options.fold_batch_norms) onnx::fold_batch_norms(all.traces, names);
  onnx::GraphWriter graph(std::move(all.traces), std::move(names), graph::Scope::current());
  graph.write(inputs);
  graph.name_results(outputs);
  graph.use_opset(options.opset);
  graph.prune();

  std::vector<int> given(inputs.size());
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = static_cast<int>(i);
  const onnx::OnnxFiles files = files_within_bounds({&graph.nodes(),
                                                     &graph.constants(),
                                                     values_of(graph, given, inputs, all.symbols),
                                                     values_of(graph, graph.trace(0).results, outputs, all.symbols),
                                                     std::string(model.type_name()),
                                                     options.opset,
                                                     options.ir_version,
                                                     {}},
                                                    std::filesystem::path(data_path).filename().string(),
                                                    options.external_data);
  const std::vector<std::string_view> parts = files.model.parts(), data = files.data.parts();
  if (data.empty())
    gradus::detail::write_file(kOp, path, parts);
  else
    gradus::detail::write_files(kOp, {path, parts}, {data_path, data});
}

}  // namespace gradus::nn::detail
