#include "onnx/save/graph_writer.h"

#include "onnx/save/op_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

namespace gradus::onnx {

using gradus::detail::fail;

namespace {

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (a.is_same(b)) return true;
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = contiguous(a), y = contiguous(b);
  const auto bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  return bytes == 0 || std::memcmp(x.raw()->data, y.raw()->data, bytes) == 0;
}

/// The number that all elements are, if there is one.
std::optional<double> only_value(const Tensor& x) {
  const std::vector<double> values = x.to_vector();
  for (const double v : values)
    if (!(v == values[0])) return std::nullopt;
  if (values.empty()) return std::nullopt;
  return values[0];
}

/// first, first + step, …
bool counts_up(const Tensor& x, double& first, double& step) {
  if (x.rank() != 1 || x.numel() < 2) return false;
  const std::vector<double> values = x.to_vector();
  first = values[0];
  step = values[1] - values[0];
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != first + static_cast<double>(i) * step) return false;
  return step != 0;
}

}  // namespace

GraphWriter::GraphWriter(std::vector<Trace> traces, std::map<const void*, std::string> names, const graph::Scope* outer)
    : traces_(std::move(traces)), constant_names_(std::move(names)), outer_(outer) {
  check_same_ops();
  names_.resize(traces_[0].values.size());
  find_needed();
}

void GraphWriter::check_same_ops() const {
  const auto differ = [](const std::string& got) {
    fail<ArgumentError>(
        "save_onnx",
        fmt::format("expected the same ops for inputs of all sizes and values, got {}: fewer dimensions "
                    "can be dynamic, and branches can't be taken by values",
                    got));
  };
  const Trace& a = traces_[0];
  for (const Trace& b : traces_) {
    const std::size_t n = std::min(a.ops.size(), b.ops.size());
    for (std::size_t i = 0; i < n; ++i) {
      const TracedOp &p = a.ops[i], &q = b.ops[i];
      if (p.op != q.op || p.inputs != q.inputs || p.outputs != q.outputs || p.attributes.size() != q.attributes.size())
        differ(fmt::format("{} or {}", place_of(p), place_of(q)));
    }
    if (a.ops.size() != b.ops.size())
      differ(fmt::format(
          "{} or {}, beginning with {}", a.ops.size(), b.ops.size(), place_of(a.ops.size() > n ? a.ops[n] : b.ops[n])));
    if (a.results != b.results || a.values.size() != b.values.size()) differ("other results");
    for (std::size_t v = 0; v < a.values.size(); ++v)
      if (a.values[v].rank() != b.values[v].rank() || a.values[v].dtype() != b.values[v].dtype())
        differ("tensors of other ranks or types");
  }
}

void GraphWriter::find_needed() {
  const Trace& t = traces_[0];
  givers_.assign(t.values.size(), -1);
  needed_.assign(t.values.size(), false);
  from_input_.assign(t.values.size(), false);
  needed_ops_.assign(t.ops.size(), false);
  for (const int result : t.results)
    if (result >= 0) needed_[static_cast<std::size_t>(result)] = true;
  for (std::size_t i = 0; i < t.ops.size(); ++i)
    for (const int y : t.ops[i].outputs)
      if (y >= 0 && givers_[static_cast<std::size_t>(y)] < 0 &&
          std::find(t.ops[i].inputs.begin(), t.ops[i].inputs.end(), y) == t.ops[i].inputs.end())
        givers_[static_cast<std::size_t>(y)] = static_cast<int>(i);
  for (std::size_t i = t.ops.size(); i-- > 0;) {
    for (const int y : t.ops[i].outputs) needed_ops_[i] = needed_ops_[i] || is_needed(y);
    if (!needed_ops_[i]) continue;
    for (const int x : t.ops[i].inputs)
      if (x >= 0) needed_[static_cast<std::size_t>(x)] = true;
  }
}

Sizes GraphWriter::size(int value, int axis) const {
  Sizes s{};
  for (std::size_t r = 0; r < kRecordings; ++r) s[r] = traces_[r].values[static_cast<std::size_t>(value)].size(axis);
  return s;
}

std::vector<Sizes> GraphWriter::shape(int value) const {
  std::vector<Sizes> all;
  for (int d = 0; d < rank(value); ++d) all.push_back(size(value, d));
  return all;
}

Tensor GraphWriter::fixed_value(int value) const {
  if (value < 0 || from_input_[static_cast<std::size_t>(value)]) return {};
  for (const Trace& t : traces_)
    if (!same_bytes(tensor(value), t.values[static_cast<std::size_t>(value)])) return {};
  return tensor(value);
}

std::string GraphWriter::name_of_constant(int value) const {
  const auto at = constant_names_.find(tensor(value).raw());
  return at == constant_names_.end() ? std::string() : at->second;
}

const GraphWriter::LastStep* GraphWriter::last_of(int value) const {
  const auto at = last_.find(value);
  return at == last_.end() ? nullptr : &at->second;
}

// ---- names ---------------------------------------------------------------------------------------

std::string GraphWriter::unique(const std::string& base) {
  std::string name = base;
  for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

std::string GraphWriter::base_of(const TracedOp& op) const {
  std::string path;
  // The outermost module is the model, whose name no path begins with.
  for (const graph::Scope* s = op.scope; s != nullptr && s != outer_ && s->parent() != outer_; s = s->parent())
    path = path.empty() ? s->name() : s->name() + "." + path;
  return path.empty() ? op.op->info.name : path + "." + op.op->info.name;
}

std::vector<std::string> GraphWriter::add(const char* type,
                                          const TracedOp& op,
                                          std::vector<std::string> inputs,
                                          std::vector<NodeAttribute> attributes,
                                          std::size_t results) {
  DraftNode node{type, unique(base_of(op)), std::move(inputs), {}, std::move(attributes)};
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  for (std::size_t i = 0; i < results; ++i)
    node.outputs.push_back(i == 0 ? node.name : unique(fmt::format("{}.{}", node.name, i)));
  nodes_.push_back(node);
  return node.outputs;
}

// ---- constants -----------------------------------------------------------------------------------

std::string GraphWriter::constant(const Tensor& x, const std::string& base) {
  const std::string name = unique(base);
  constants_.emplace_back(name, contiguous(x));
  return name;
}

std::string GraphWriter::scalar(double value, DType dtype) {
  // Neither NaN nor -0 is found by its value.
  if (std::isnan(value) || (value == 0 && std::signbit(value)))
    return constant(gradus::scalar(value, dtype), "constant");
  std::string& name = scalars_[{value, dtype}];
  if (name.empty()) name = constant(gradus::scalar(value, dtype), "constant");
  return name;
}

std::string GraphWriter::list(std::vector<std::int64_t> values) {
  std::string& name = lists_[values];
  if (name.empty()) name = constant(from_vector(values), "list");
  return name;
}

std::string GraphWriter::value(int value) {
  std::string& name = names_[static_cast<std::size_t>(value)];
  if (!name.empty()) return name;
  const int giver = giver_of(value);
  if (giver >= 0)
    OpWriter::refuse(fmt::format("it takes a result that ONNX does not give of {}",
                                 place_of(traces_[0].ops[static_cast<std::size_t>(giver)])));
  return name = made_constant(value);
}

std::string GraphWriter::made_constant(int value) {
  std::string base = name_of_constant(value);
  if (base.empty()) base = "constant";
  const Tensor fixed = fixed_value(value);
  return fixed.defined() ? constant(fixed, base) : varying_constant(value, base);
}

/// Of a tensor that no op gave and that is another in each recording: one number throughout, or counted up.
std::string GraphWriter::varying_constant(int value, const std::string& base) {
  std::vector<std::optional<double>> only;
  double first = 0, step = 0;
  bool counted = true;
  for (const Trace& t : traces_) {
    const Tensor& x = t.values[static_cast<std::size_t>(value)];
    only.push_back(only_value(x));
    double own_first = 0, own_step = 0;
    counted =
        counted && counts_up(x, own_first, own_step) && (&t == &traces_[0] || (own_first == first && own_step == step));
    first = own_first;
    step = own_step;
  }
  const DType dtype = tensor(value).dtype();
  if (only[0] && std::all_of(only.begin(), only.end(), [&](const auto& v) { return v == only[0]; }))
    return writing_->node("Expand", {scalar(*only[0], dtype), list_of(shape(value), {}, *writing_)});
  if (counted) {
    const std::string n = writing_->node("Squeeze", {list_of(std::vector{size(value, 0)}, {}, *writing_)});
    const std::string steps = writing_->node("Range", {scalar(0, DType::int64), n, scalar(1, DType::int64)});
    const std::string numbers = dtype == DType::int64 ? steps : writing_->cast(steps, dtype);
    const std::string scaled = step == 1 ? numbers : writing_->node("Mul", {numbers, scalar(step, dtype)});
    return first == 0 ? scaled : writing_->node("Add", {scaled, scalar(first, dtype)});
  }
  OpWriter::refuse(fmt::format(
      "it takes a tensor{} that is no parameter and differs with the sizes or values of the inputs, as {} and {}",
      base == "constant" ? "" : " " + base,
      to_string(traces_[0].values[static_cast<std::size_t>(value)].shape()),
      to_string(traces_[1].values[static_cast<std::size_t>(value)].shape())));
}

// ---- sizes ---------------------------------------------------------------------------------------

std::string GraphWriter::atom_name(const SizeAtom& atom, OpWriter& op) {
  std::string& shape = atom_names_[{atom.value, -1}];
  if (shape.empty()) shape = op.node("Shape", {value(atom.value)});
  const std::string whole = shape;
  std::string& name = atom_names_[{atom.value, atom.axis}];
  if (name.empty()) name = op.node("Gather", {whole, list({atom.axis})}, {{"axis", std::int64_t{0}}});
  return name;
}

/// Sizes that vary of the model's inputs, or of all that has been written.
std::vector<SizeAtom> GraphWriter::atoms(bool of_all) const {
  std::vector<SizeAtom> found;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const int value = static_cast<int>(i);
    if (names_[i].empty() || !from_input_[i] || (giver_of(value) >= 0 && !of_all)) continue;
    for (int d = 0; d < rank(value); ++d) {
      const Sizes s = size(value, d);
      const auto same = [&](const SizeAtom& atom) { return atom.sizes == s; };
      if (varies(s) && std::none_of(found.begin(), found.end(), same)) found.push_back({value, d, s});
    }
  }
  return found;
}

std::string GraphWriter::size_name(const Sizes& sizes, const std::vector<SizeAtom>& given, OpWriter& op) {
  // The op's own inputs, then the model's, then whatever came before.
  std::vector<SizeAtom> all = given;
  std::optional<SizeFormula> f;
  for (const bool of_all : {false, true}) {
    const std::vector<SizeAtom> more = atoms(of_all);
    all.insert(all.end(), more.begin(), more.end());
    std::vector<Sizes> numbers;
    for (const SizeAtom& atom : all) numbers.push_back(atom.sizes);
    f = formula_of(sizes, numbers);
    if (f) break;
  }
  if (!f)
    OpWriter::refuse(fmt::format("no formula was found for a size that is {}, {}, {} and {} as the inputs grow",
                                 sizes[0],
                                 sizes[1],
                                 sizes[2],
                                 sizes[3]));
  std::string y = atom_name(all[f->factors[0]], op);
  if (f->is_sum) {
    y = op.node(f->times == 1 ? "Add" : "Sub", {y, atom_name(all[f->factors[1]], op)});
  } else {
    for (std::size_t i = 1; i < f->factors.size(); ++i) y = op.node("Mul", {y, atom_name(all[f->factors[i]], op)});
    if (f->times != 1) y = op.node("Mul", {y, list({f->times})});
    if (f->before != 0) y = op.node("Add", {y, list({f->before})});
    if (f->over != 1) y = op.node("Div", {y, list({f->over})});
  }
  return f->plus == 0 ? y : op.node("Add", {y, list({f->plus})});
}

std::string GraphWriter::list_of(std::span<const Sizes> sizes, std::vector<SizeAtom> atoms, OpWriter& op) {
  std::vector<std::string> parts;
  std::vector<std::int64_t> fixed;
  const auto flush = [&] {
    if (!fixed.empty()) parts.push_back(list(fixed));
    fixed.clear();
  };
  for (const Sizes& s : sizes) {
    if (!varies(s)) {
      fixed.push_back(s[0]);
      continue;
    }
    flush();
    parts.push_back(size_name(s, atoms, op));
  }
  flush();
  if (parts.empty()) return list({});
  return parts.size() == 1 ? parts[0] : op.node("Concat", std::move(parts), {{"axis", std::int64_t{0}}});
}

// ---- writing -------------------------------------------------------------------------------------

void GraphWriter::write(std::span<const std::string> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    names_[i] = unique(inputs[i]);
    from_input_[i] = true;
  }
  const Trace& t = traces_[0];
  for (const TracedOp& op : t.ops) {
    bool from_input = false;
    for (const int x : op.inputs) from_input = from_input || (x >= 0 && from_input_[static_cast<std::size_t>(x)]);
    for (const int y : op.outputs)
      if (y >= 0 && from_input) from_input_[static_cast<std::size_t>(y)] = true;
  }
  for (std::size_t i = 0; i < t.ops.size(); ++i)
    if (needed_ops_[i]) write_op(i);
  for (const int result : t.results) {
    const int giver = giver_of(result);
    if (has_name(result)) continue;
    if (giver < 0 && fixed_value(result).defined()) {
      name(result, made_constant(result));
    } else if (giver < 0) {
      refusals_.push_back({"", "it differs with the sizes or values of the inputs", "a constant as a result", 1});
    } else {
      refused(t.ops[static_cast<std::size_t>(giver)], "ONNX does not give that of its results which the model does");
    }
  }
  report();
}

void GraphWriter::write_op(std::size_t i) {
  const TracedOp& op = traces_[0].ops[i];
  OpWriter writer(*this, i);
  writing_ = &writer;
  const Rule rule = rule_of(*op.op);
  try {
    if (rule == nullptr) OpWriter::refuse("");
    rule(writer);
  } catch (const NotInOnnx& refusal) {
    refused(op, refusal.why);
    // So that what follows is looked at, too.
    for (const int y : op.outputs)
      if (y >= 0 && !has_name(y)) name(y, unique("missing"));
  }
}

void GraphWriter::refused(const TracedOp& op, const std::string& why) {
  for (Refusal& r : refusals_)
    if (r.op == op.op->info.name && r.why == why) {
      ++r.count;
      return;
    }
  refusals_.push_back({op.op->info.name, why, place_of(op), 1});
}

void GraphWriter::report() const {
  if (refusals_.empty()) return;
  std::string text = "expected ops that ONNX can say, got";
  for (const Refusal& r : refusals_)
    text += fmt::format("{} {} × {}{}",
                        &r == &refusals_[0] ? "" : ";",
                        r.count,
                        r.place,
                        r.why.empty() ? ": ONNX has no such op" : ": " + r.why);
  fail<ArgumentError>("save_onnx", text);
}

void GraphWriter::name_results(std::span<const std::string> names) {
  std::size_t next = 0;
  for (const int result : traces_[0].results) {
    const std::string own = value(result);
    const std::string wanted = unique(names[next++]);
    const auto gives = [&](const DraftNode& n) {
      return std::find(n.outputs.begin(), n.outputs.end(), own) != n.outputs.end();
    };
    if (result_names_.contains(own) || std::none_of(nodes_.begin(), nodes_.end(), gives)) {
      nodes_.push_back({"Identity", wanted, {own}, {wanted}, {}});
      result_names_.insert(wanted);
      continue;
    }
    result_names_.insert(wanted);
    for (DraftNode& n : nodes_)
      for (auto* list : {&n.inputs, &n.outputs}) std::replace(list->begin(), list->end(), own, wanted);
    std::replace(names_.begin(), names_.end(), own, wanted);
  }
}

void GraphWriter::use_opset(std::int64_t opset) {
  if (opset < 18) return;
  for (DraftNode& node : nodes_) {
    const auto axes = std::find_if(node.attributes.begin(), node.attributes.end(), [](const NodeAttribute& a) {
      return std::string_view(a.name) == "axes";
    });
    if (!node.type.starts_with("Reduce") || axes == node.attributes.end()) continue;
    node.inputs.push_back(list(std::get<std::vector<std::int64_t>>(axes->value)));
    node.attributes.erase(axes);
  }
}

void GraphWriter::prune() {
  std::set<std::string> used = result_names_;
  std::vector<DraftNode> kept;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    DraftNode& node = nodes_[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& y) { return used.contains(y); }))
      continue;
    used.insert(node.inputs.begin(), node.inputs.end());
    kept.push_back(std::move(node));
  }
  nodes_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  std::erase_if(constants_, [&](const auto& constant) { return !used.contains(constant.first); });
}

}  // namespace gradus::onnx
