#include "oracle.h"

#include <cmath>

namespace oracle {
namespace {

using namespace gradus;

const std::map<std::string, Layer>& layers() {
  static const std::map<std::string, Layer> table{
      {"Linear",
       [](const Json& s) {
         return nn::Linear(s.at("in_features"),
                           s.at("out_features"),
                           {.bias = s.value("bias", true), .dtype = float64});
       }},
      {"BatchNorm1d",
       [](const Json& s) {
         nn::BatchNormOptions options{
             .eps = s.value("eps", 1e-5), .affine = s.value("affine", true), .dtype = float64};
         if (s.contains("momentum")) {
           options.momentum.reset();
           if (!s["momentum"].is_null()) options.momentum = s["momentum"].get<double>();
         }
         return nn::BatchNorm(s.at("num_features"), options);
       }},
      {"ReLU", [](const Json&) { return nn::ReLU(); }},
      {"LeakyReLU", [](const Json& s) { return nn::LeakyReLU(s.value("negative_slope", 0.01)); }},
      {"ELU", [](const Json& s) { return nn::ELU(s.value("alpha", 1.0)); }},
      {"PReLU",
       [](const Json& s) { return nn::PReLU(s.value("num_parameters", 1), 0.25, float64); }},
      {"Sigmoid", [](const Json&) { return nn::Sigmoid(); }},
      {"Tanh", [](const Json&) { return nn::Tanh(); }},
      {"Softplus",
       [](const Json& s) {
         return nn::Softplus(s.value("beta", 1.0), s.value("threshold", 20.0));
       }},
      {"Flatten", [](const Json&) { return nn::Flatten(); }},
      {"Dropout", [](const Json& s) { return nn::Dropout(s.value("p", 0.5)); }},
  };
  return table;
}

Arrays run_batch_norm_steps(const Json& attrs, const Arrays& given) {
  nn::BatchNormOptions options{
      .eps = attrs.at("eps"), .affine = attrs.at("affine"), .dtype = float64};
  options.track_running_stats = attrs.at("track_running_stats");
  options.momentum.reset();
  if (!attrs.at("momentum").is_null()) options.momentum = attrs.at("momentum").get<double>();
  nn::BatchNorm layer(attrs.at("num_features"), options);
  if (given.contains("weight")) copy_into(layer.weight, given.at("weight"));
  if (given.contains("bias")) copy_into(layer.bias, given.at("bias"));
  std::vector<Tensor> y, mean, var;
  for (std::int64_t t = 0; t < given.at("x").size(0); ++t) {
    y.push_back(detach(layer(select(given.at("x"), 0, t))));
    if (!layer.running_mean.defined()) continue;
    mean.push_back(clone(layer.running_mean));
    var.push_back(clone(layer.running_var));
  }
  nn::eval(layer);
  const Tensor x = leaf(clone(given.at("x_eval")));
  const Tensor y_eval = layer(x);
  Arrays result{{"y", stack(y)}, {"y_eval", detach(y_eval)}};
  result["grad.x_eval"] = grad(y_eval, x, given.at("cot.y_eval"));
  if (!mean.empty()) {
    result["running_mean"] = stack(mean);
    result["running_var"] = stack(var);
  }
  return result;
}

Arrays run_train(const Json& attrs, const Arrays& given) {
  nn::Sequential net = make_net(attrs.at("layers"), given, "init.");
  const std::string loss = attrs.at("loss");
  const Function* loss_function = find_function(loss);
  if (loss_function == nullptr) throw Missing{loss};
  const MakeOptimizer* make = find_optimizer(attrs.at("optimizer").at("type"));
  if (make == nullptr) throw Missing{attrs.at("optimizer").at("type")};
  const auto optimizer = (*make)(nn::parameters(net), attrs.at("optimizer"));
  std::vector<double> losses, norms;
  for (std::int64_t t = 0; t < given.at("batches").size(0); ++t) {
    const Tensor rows = contiguous(select(given.at("batches"), 0, t));
    Arrays inputs{{"x", net(index_select(given.at("X"), 0, rows))},
                  {"target", index_select(given.at("Y"), 0, rows)}};
    const Json options{{"reduction", "mean"}};
    const Tensor value = (*loss_function)(Call(options, inputs, {"x", "target"})).at(0);
    optimizer->zero_grad();
    backward(value);
    double squares = 0;
    for (const Parameter& p : optimizer->parameters())
      for (double g : gradient(p).to_vector()) squares += g * g;
    losses.push_back(value.item());
    norms.push_back(std::sqrt(squares));
    optimizer->step();
  }
  Arrays result{{"loss", from_vector(losses)}, {"grad_norm", from_vector(norms)}};
  nn::eval(net);
  result["eval_output"] = no_grad([&] { return net(given.at("X")); });
  for (const auto& p : nn::named_parameters(net)) result["final." + p.name] = detach(p.parameter);
  for (const auto& b : nn::named_buffers(net)) result["buffer." + b.name] = b.buffer;
  return result;
}

}  // namespace

const Layer* find_layer(const std::string& type) {
  const auto at = layers().find(type);
  return at == layers().end() ? nullptr : &at->second;
}

nn::Sequential make_net(const Json& specs, const Arrays& given, const std::string& prefix) {
  nn::Sequential net;
  for (const Json& spec : specs) {
    const Layer* layer = find_layer(spec.at("type"));
    if (layer == nullptr) throw Missing{spec.at("type")};
    net.push_back((*layer)(spec));
  }
  // The case's own tensors become the parameters, so that gradients reach them.
  struct Replace final : nn::Visitor {
    const Arrays& given;
    std::string path;
    Replace(const Arrays& arrays, std::string prefix_) : given(arrays), path(std::move(prefix_)) {}
    void parameter(std::string_view name, Parameter& p) override {
      const auto at = given.find(path + std::string(name));
      if (at != given.end())
        static_cast<Tensor&>(p) = requires_grad(at->second) ? at->second : leaf(clone(at->second));
    }
    void child(std::string_view name, nn::ModuleRef module) override {
      const std::string outer = path;
      if (!name.empty()) path += std::string(name) + ".";
      module.visit(*this);
      path = outer;
    }
  } replace(given, prefix);
  nn::detail::ref(net).visit(replace);
  return net;
}

const Procedure* find_procedure(const std::string& kind, const std::string& op) {
  static const std::map<std::string, Procedure> table = [] {
    auto all = optimizer_procedures();
    all.insert({{"batch_norm_steps", run_batch_norm_steps}, {"train", run_train}});
    return all;
  }();
  if (kind == "preprocess") return find_preprocessing(op);
  const auto at = table.find(op);
  return at == table.end() ? nullptr : &at->second;
}

}  // namespace oracle
