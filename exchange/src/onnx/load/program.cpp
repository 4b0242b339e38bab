#include "onnx/load/program.h"

#include "gradus/graph/scope.h"
#include "gradus/tensor/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace gradus::onnx {
namespace {

constexpr const char* kOp = "load_onnx";

[[noreturn]] void refuse_graph(const std::string& path, std::string_view expected, std::string_view got) {
  detail::fail<IoError>(kOp, fmt::format("expected {}, got {} in {}", expected, got, path));
}

/// True if `name` is one of the words.
bool is_one_of(std::string_view words, std::string_view name) {
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    if (words.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

/// What is not known of a node, as "Resize with antialias".
std::vector<std::string> unknown_of(const LoadedNode& node, std::int64_t opset) {
  const std::string type = node.domain.empty() ? node.type : node.domain + "." + node.type;
  const LoadRule* const rule = node.domain.empty() ? find_load_rule(node.type) : nullptr;
  if (rule == nullptr) return {type};
  std::vector<std::string> all;
  for (const LoadedAttribute& a : node.attributes)
    if (!is_one_of(rule->attributes, a.name)) all.push_back(fmt::format("{} with attribute {}", type, a.name));
  if (rule->refuse != nullptr)
    if (const char* const why = rule->refuse(Attributes(node.attributes, opset)))
      all.push_back(fmt::format("{} with {}", type, why));
  return all;
}

void check_known(const LoadedModel& model, std::int64_t opset, const std::string& path) {
  std::map<std::string, int> counts;
  for (const LoadedNode& node : model.graph.nodes)
    for (const std::string& what : unknown_of(node, opset)) ++counts[what];
  if (counts.empty()) return;
  std::vector<std::string> all;
  for (const auto& [what, count] : counts) all.push_back(fmt::format("{} × {}", count, what));
  detail::fail<ArgumentError>(
      kOp, fmt::format("expected operators that are known, got {} in {}", fmt::join(all, ", "), path));
}

/// Numbers of values, by names.
class Places {
 public:
  explicit Places(const std::string& path) : path_(&path) {}

  int define(const std::string& name) {
    const auto [at, is_new] = all_.emplace(name, static_cast<int>(all_.size()));
    if (!is_new) refuse_graph(*path_, "each value given once", fmt::format("'{}' twice", name));
    return at->second;
  }
  int find(const std::string& name) const {
    const auto at = all_.find(name);
    if (at == all_.end()) refuse_graph(*path_, "values that are given before they are used", fmt::format("'{}'", name));
    return at->second;
  }
  bool contains(const std::string& name) const { return all_.contains(name); }
  std::size_t count() const { return all_.size(); }

 private:
  const std::string* path_;
  std::unordered_map<std::string, int> all_;
};

/// How the steps use each value.
struct Uses {
  std::set<int> weights, statistics;

  explicit Uses(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      for (std::size_t i = 0; i < step.inputs.size(); ++i) {
        const std::uint32_t bit = i < 32 ? std::uint32_t{1} << i : 0;
        if ((step.rule->statistics & bit) != 0)
          statistics.insert(step.inputs[i]);
        else if ((step.rule->not_learnt & bit) == 0)
          weights.insert(step.inputs[i]);
      }
    }
  }
};

void list_last_uses(Program& p) {
  std::set<int> kept(p.output_places.begin(), p.output_places.end());
  for (std::size_t i = p.steps.size(); i-- > 0;) {
    Step& step = p.steps[i];
    for (const auto* places : {&step.inputs, &step.outputs})
      for (const int place : *places)
        if (place >= 0 && kept.insert(place).second) step.done.push_back(place);
  }
}

std::vector<Step> steps_of(std::vector<LoadedNode>& nodes, Places& places) {
  std::vector<Step> steps;
  for (LoadedNode& node : nodes) {
    Step step{{}, find_load_rule(node.type), {}, {}, {}};
    for (const std::string& name : node.inputs) step.inputs.push_back(name.empty() ? -1 : places.find(name));
    for (const std::string& name : node.outputs) step.outputs.push_back(name.empty() ? -1 : places.define(name));
    step.node = std::move(node);
    steps.push_back(std::move(step));
  }
  return steps;
}

void check_input(const LoadedValue& wanted, const Tensor& x, std::map<std::string, std::int64_t>& sizes) {
  if (!x.defined()) detail::fail<ArgumentError>("onnx", fmt::format("expected a tensor as {}, got none", wanted.name));
  const bool fits = !wanted.dtype || (is_floating(*wanted.dtype) ? is_floating(x.dtype()) : *wanted.dtype == x.dtype());
  if (!fits)
    detail::fail<DTypeError>(
        "onnx", fmt::format("expected {} as {}, got {}", to_string(*wanted.dtype), wanted.name, to_string(x.dtype())));
  if (!wanted.shape) return;
  const auto refuse = [&] {
    std::vector<std::string> all;
    for (const LoadedSize& s : *wanted.shape)
      all.push_back(s.size ? fmt::format("{}", *s.size) : s.name.empty() ? std::string("?") : s.name);
    detail::fail<ShapeError>(
        "onnx", fmt::format("expected {} [{}], got {}", wanted.name, fmt::join(all, ", "), to_string(x.shape())));
  };
  if (static_cast<std::size_t>(x.rank()) != wanted.shape->size()) refuse();
  for (std::size_t d = 0; d < wanted.shape->size(); ++d) {
    const LoadedSize& s = (*wanted.shape)[d];
    const std::int64_t size = x.size(static_cast<std::int64_t>(d));
    if (s.size && *s.size != size) refuse();
    if (!s.name.empty() && sizes.emplace(s.name, size).first->second != size) refuse();
  }
}

}  // namespace

ProgramWithState program_of(LoadedModel model, const std::string& path) {
  ProgramWithState all;
  Program& p = all.program;
  p.path = path;
  p.opset = model.opsets.at("");
  if (p.opset < 7 || p.opset > 23)
    refuse_graph(path, "operators of version 7 to 23", fmt::format("version {}", p.opset));
  check_known(model, p.opset, path);
  LoadedGraph& graph = model.graph;
  Places places(path);
  for (const auto& [name, x] : graph.initializers) places.define(name);
  for (const LoadedValue& v : graph.inputs) {
    if (places.contains(v.name)) continue;  // the value of an initialiser, which older files list here, too
    p.input_places.push_back(places.define(v.name));
    p.input_names.push_back(v.name);
    p.inputs.push_back(v);
  }
  p.steps = steps_of(graph.nodes, places);
  for (const LoadedValue& v : graph.outputs) {
    p.output_places.push_back(places.find(v.name));
    p.output_names.push_back(v.name);
  }
  if (p.output_places.empty()) refuse_graph(path, "a graph with outputs", "none");
  p.outputs = graph.outputs;
  p.values = places.count();
  list_last_uses(p);
  const Uses uses(p.steps);
  for (auto& [name, x] : graph.initializers) {
    const int place = places.find(name);
    const bool is_number = is_floating(x.dtype()) && x.rank() > 0;
    if (is_number && uses.weights.contains(place)) {
      p.parameters.push_back(place);
      all.parameters.emplace_back(name, x);
    } else if (is_number && uses.statistics.contains(place)) {
      p.buffers.push_back(place);
      all.buffers.emplace_back(name, x);
    } else {
      p.constants.emplace_back(place, x);
    }
  }
  return all;
}

std::vector<Tensor> Program::run(std::span<const Tensor> in,
                                 std::span<const Tensor> weights,
                                 std::span<const Tensor> statistics,
                                 bool training) const {
  if (in.size() != inputs.size())
    detail::fail<ArgumentError>(
        "onnx", fmt::format("expected {} inputs ({}), got {}", inputs.size(), fmt::join(input_names, ", "), in.size()));
  std::map<std::string, std::int64_t> sizes;
  for (std::size_t i = 0; i < in.size(); ++i) check_input(inputs[i], in[i], sizes);
  std::vector<Tensor> value(values);
  const auto put = [&](int place, const Tensor& x) { value[static_cast<std::size_t>(place)] = x; };
  for (const auto& [place, x] : constants) put(place, x);
  for (std::size_t i = 0; i < weights.size(); ++i) put(parameters[i], weights[i]);
  for (std::size_t i = 0; i < statistics.size(); ++i) put(buffers[i], statistics[i]);
  for (std::size_t i = 0; i < in.size(); ++i) put(input_places[i], in[i]);
  for (const Step& step : steps) {
    const graph::ScopeGuard scope(step.node.name.empty() ? step.node.type : step.node.name);
    std::vector<Tensor> taken;
    for (const int place : step.inputs) taken.push_back(place < 0 ? Tensor() : value[static_cast<std::size_t>(place)]);
    NodeCall call(step.node, opset, std::move(taken), training);
    Tensor first = step.rule->compute(call);
    if (first.defined()) call.give(0, std::move(first));
    std::vector<Tensor> results = call.take_results();
    for (std::size_t i = 0; i < results.size(); ++i)
      if (step.outputs[i] >= 0) {
        if (!results[i].defined()) call.fail("an output that is known", step.node.outputs[i]);
        value[static_cast<std::size_t>(step.outputs[i])] = std::move(results[i]);
      }
    for (const int place : step.done) value[static_cast<std::size_t>(place)].reset();
  }
  std::vector<Tensor> out;
  for (const int place : output_places) out.push_back(value[static_cast<std::size_t>(place)]);
  return out;
}

}  // namespace gradus::onnx
