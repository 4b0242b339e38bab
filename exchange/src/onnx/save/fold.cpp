#include "onnx/save/fold.h"

#include "onnx/save/op_writer.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace gradus::onnx {
namespace {

/// One of the library's.
bool is(const TracedOp& op, std::string_view name) { return op.op->info.name == name && rule_of(*op.op) != nullptr; }

class Folder {
 public:
  Folder(std::vector<Trace>& traces, std::map<const void*, std::string>& names) : traces_(traces), names_(names) {}

  void run() {
    const Trace& t = traces_[0];
    uses_.assign(t.values.size(), 0);
    giver_.assign(t.values.size(), kNone);
    for (std::size_t i = 0; i < t.ops.size(); ++i) {
      for (const int x : t.ops[i].inputs)
        if (x >= 0) ++uses_[static_cast<std::size_t>(x)];
      for (const int y : t.ops[i].outputs)
        if (y >= 0) giver_[static_cast<std::size_t>(y)] = i;
    }
    for (const int y : t.results)
      if (y >= 0) ++uses_[static_cast<std::size_t>(y)];
    for (std::size_t i = 0; i < t.ops.size(); ++i)
      if (is(t.ops[i], "batch_norm_eval")) fold(i);
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// Left out, or the same tensor in all recordings.
  bool is_constant(int value) const {
    const auto at = static_cast<std::size_t>(value);
    return value < 0 ||
           (giver_[at] == kNone &&
            std::all_of(
                traces_.begin(), traces_.end(), [&](const Trace& t) { return t.values[at].is_same(tensor(value)); }));
  }
  const Tensor& tensor(int value) const { return traces_[0].values[static_cast<std::size_t>(value)]; }
  Tensor wide(int value) const { return value < 0 ? Tensor() : cast(tensor(value), float64); }

  void fold(std::size_t at) {
    const TracedOp norm = traces_[0].ops[at];
    const int x = norm.inputs[0];
    if (giver_[static_cast<std::size_t>(x)] == kNone || uses_[static_cast<std::size_t>(x)] != 1) return;
    const std::size_t before = giver_[static_cast<std::size_t>(x)];
    const TracedOp layer = traces_[0].ops[before];
    const bool fits = is(layer, "conv") || (is(layer, "linear") && tensor(x).rank() == 2);
    for (const int value : {norm.inputs[1], norm.inputs[2], norm.inputs[3], norm.inputs[4], layer.inputs[2]})
      if (!is_constant(value)) return;
    if (!fits || !is_constant(layer.inputs[1])) return;
    const auto [weight, bias] = folded(norm, layer);
    // The layer gives what the norm gave, which goes on as nothing.
    for (Trace& t : traces_) {
      TracedOp& own = t.ops[before];
      own.inputs[1] = put(t, weight);
      own.inputs[2] = put(t, bias);
      own.outputs[0] = norm.outputs[0];
      t.ops[at].inputs.assign(t.ops[at].inputs.size(), -1);
      t.ops[at].outputs[0] = -1;
    }
    uses_.resize(traces_[0].values.size(), 1);
    giver_.resize(traces_[0].values.size(), kNone);
    name(weight, layer.inputs[1], "weight");
    name(bias, layer.inputs[2], "bias");
  }

  /// weight' = s weight, bias' = s (bias - mean) + norm.bias with s = norm.weight / √(var + eps); computed in float64.
  std::pair<Tensor, Tensor> folded(const TracedOp& norm, const TracedOp& layer) const {
    const NoGrad guard;
    const Tensor weight = wide(layer.inputs[1]), bias = wide(layer.inputs[2]), scale = wide(norm.inputs[3]),
                 offset = wide(norm.inputs[4]), mean = wide(norm.inputs[1]);
    Tensor s = rsqrt(add(wide(norm.inputs[2]), std::get<double>(norm.attributes.at("eps"))));
    if (scale.defined()) s = mul(s, scale);
    Tensor shift = mul(bias.defined() ? sub(bias, mean) : neg(mean), s);
    if (offset.defined()) shift = add(shift, offset);
    Shape rows(weight.shape());
    for (int d = 1; d < rows.rank(); ++d) rows[d] = 1;
    const DType dtype = tensor(layer.inputs[1]).dtype();
    return {cast(mul(weight, reshape(s, rows)), dtype), cast(shift, dtype)};
  }

  static int put(Trace& t, const Tensor& x) {
    t.values.push_back(x);
    return static_cast<int>(t.values.size()) - 1;
  }

  /// As what it stands for; a bias that there was not, beside its weight.
  void name(const Tensor& made, int value, const char* what) {
    if (value >= 0) {
      const auto at = names_.find(tensor(value).raw());
      if (at != names_.end()) names_[made.raw()] = at->second;
      last_ = at != names_.end() ? at->second : std::string();
    } else if (last_.ends_with("weight")) {
      names_[made.raw()] = last_.substr(0, last_.size() - std::string_view("weight").size()) + what;
    }
  }

  std::vector<Trace>& traces_;
  std::map<const void*, std::string>& names_;
  std::vector<int> uses_;
  std::vector<std::size_t> giver_;
  std::string last_;  // name that was given
};

}  // namespace

void fold_batch_norms(std::vector<Trace>& traces, std::map<const void*, std::string>& names) {
  Folder(traces, names).run();
}

}  // namespace gradus::onnx
