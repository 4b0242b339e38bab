#pragma once

#include "gradus/gradus.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

/// Runs the cases of an oracle folder (format in its README) against the library.
namespace oracle {

using gradus::Tensor;
using Json = nlohmann::json;
using Arrays = std::map<std::string, Tensor>;

/// What came of the cases of a folder.
struct Outcome {
  int ran = 0;
  std::map<std::string, std::vector<std::string>> skipped;  // what is missing -> cases
  std::vector<std::string> failed;                          // "case: how"
  int initialisers = 0;                                     // facts of them checked
};
/// IoError if the folder has no index.json.
Outcome run(const std::string& folder);

/// A call to reproduce: the arrays given, by name, and the attributes.
class Call {
 public:
  Call(const Json& attrs, const Arrays& inputs, std::vector<std::string> names)
      : attrs_(attrs), inputs_(inputs), names_(std::move(names)) {}

  /// An input; undefined if the case doesn't list it.
  Tensor operator()(const std::string& name) const {
    const auto at = inputs_.find(name);
    return at == inputs_.end() ? Tensor() : at->second;
  }
  /// All inputs in the order of the call.
  std::vector<Tensor> all() const;
  const std::vector<std::string>& names() const { return names_; }

  const Json& attrs() const { return attrs_; }
  bool has(const char* key) const { return attrs_.contains(key) && !attrs_[key].is_null(); }
  double number(const char* key, double otherwise) const;
  double number(const char* key) const;
  std::int64_t integer(const char* key) const { return attrs_.at(key).get<std::int64_t>(); }
  std::int64_t integer(const char* key, std::int64_t otherwise) const { return has(key) ? integer(key) : otherwise; }
  bool flag(const char* key, bool otherwise = false) const { return has(key) ? attrs_.at(key).get<bool>() : otherwise; }
  std::string text(const char* key) const { return attrs_.at(key).get<std::string>(); }
  gradus::Shape shape(const char* key) const;

 private:
  const Json& attrs_;
  const Arrays& inputs_;
  std::vector<std::string> names_;
};

/// The encoder's or the decoder's layer; the cases' x is [N, T, E] unless they say otherwise.
template <class Layer>
Layer transformer_layer(const Call& c) {
  const bool smooth = c.has("activation") && c.text("activation") == "gelu";
  return Layer(c.integer("d_model"),
               c.integer("nhead"),
               {.dim_feedforward = c.integer("dim_feedforward", 2048),
                .dropout = 0,
                .activation = smooth ? +[](gradus::Arg x) { return gradus::gelu(x); } : gradus::relu,
                .layer_norm_eps = c.number("layer_norm_eps", 1e-5),
                .batch_first = c.flag("batch_first", true),
                .norm_first = c.flag("norm_first"),
                .dtype = gradus::float64});
}

/// Outputs in the order the case lists them.
using Function = std::function<std::vector<Tensor>(const Call&)>;

using Functions = std::map<std::string, Function>;
/// The families' tables, joined by find_function.
Functions basic_functions();
Functions reduce_functions();
Functions shape_functions();
Functions elementwise_functions();
Functions image_functions();
Functions loss_functions();
Functions linalg_functions();
Functions module_functions();
Functions more_functions();
/// One result, computed by `f(call)`.
template <class F>
Function one(F f) {
  return [f](const Call& c) { return std::vector<Tensor>{f(c)}; };
}
Function unary(Tensor (*f)(gradus::Arg));
/// A case may give one operand for both.
Function binary(Tensor (*f)(gradus::Arg, const Tensor&));
/// "dim", a number or a list; all axes if there is none.
gradus::Axes axes(const Call& c);
/// f(x, axes, keepdim)
template <class F>
Function reduction(F f) {
  return one([f](const Call& c) { return f(c("x"), axes(c), c.flag("keepdim")); });
}
gradus::Reduction reduction_of(const Call& c);
/// By torch's name: bilinear, trilinear, bicubic, …
gradus::Interpolation interpolation(const std::string& mode);
/// [[start, stop, step], …], one for each axis; null stands for the whole.
Tensor slice_ranges(Tensor x, const Json& ranges);

/// Differentiable functions: kinds op, loss and module. Null if there is none of that name.
const Function* find_function(const std::string& op);
/// A layer of a "layers" list; null if there is none of that type.
using Layer = std::function<gradus::nn::AnyModule(const Json& spec)>;
const Layer* find_layer(const std::string& type);
/// An optimiser of parameters; null if there is none of that type.
using MakeOptimizer =
    std::function<std::unique_ptr<gradus::optim::Optimizer>(std::vector<gradus::Parameter>, const Json& options)>;
const MakeOptimizer* find_optimizer(const std::string& type);

/// The program of a case of kind "program": nodes run in order.
std::vector<Tensor> run_program(const Json& nodes, const std::string& result, Arrays values);
/// The first op of a program that doesn't exist; empty if all do.
std::string missing_in_program(const Json& nodes);

/// Cases that are computed as a whole: their outputs by name. Throws Missing where a part doesn't exist.
struct Missing {
  std::string what;
};
using Procedure = std::function<Arrays(const Json& attrs, const Arrays& given)>;
/// Those of the kinds optimizer, scheduler and clip.
std::map<std::string, Procedure> optimizer_procedures();
const Procedure* find_procedure(const std::string& kind, const std::string& op);
/// Those of kind preprocess.
const Procedure* find_preprocessing(const std::string& op);
/// What initialisers give that does not agree with the distributions in the folder's initialisers.json, if there is
/// one, a million draws each.
std::vector<std::string> initialiser_failures(const std::string& folder, int& ran);
/// A schedule {"type": …} of an optimiser's rate and, if it moves that, momentum. Throws Missing.
gradus::optim::Schedule make_schedule(gradus::optim::Optimizer& optimizer, const Json& spec);
/// Puts `given[prefix + name]` in the place of each parameter of a model, so that gradients reach it.
void replace_parameters(gradus::nn::ModuleRef model, const Arrays& given, const std::string& prefix);
/// A sequential net from a "layers" list, its parameters replaced by `given[prefix + name]`.
gradus::nn::Sequential make_net(const Json& layers, const Arrays& given, const std::string& prefix);

}  // namespace oracle
