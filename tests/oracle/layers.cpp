#include "oracle.h"

#include <cmath>

namespace oracle {
namespace {

using namespace gradus;

/// A layer without attributes.
template <class M>
Layer plain() {
  return [](const Json&) { return M(); };
}
/// A layer with one attribute.
template <class M, class T>
Layer with(const char* key, T otherwise) {
  return [=](const Json& s) { return M(s.value(key, otherwise)); };
}
/// A number for each spatial axis, or one for all.
PerAxis per_axis(const Json& s, const char* key, PerAxis otherwise) {
  if (!s.contains(key) || s[key].is_null()) return otherwise;
  if (s[key].is_number()) return {s[key].get<std::int64_t>()};
  return PerAxis(Shape(s[key].get<std::vector<std::int64_t>>()));
}
template <class M>
Layer conv() {
  return [](const Json& s) {
    const bool same = s.contains("padding") && s["padding"] == "same",
               valid = s.contains("padding") && s["padding"] == "valid";
    return M(s.at("in_channels"),
             s.at("out_channels"),
             {.kernel = per_axis(s, "kernel_size", 1),
              .stride = per_axis(s, "stride", 1),
              .padding = same    ? Padding::same
                         : valid ? Padding::valid
                                 : Padding(per_axis(s, "padding", 0)),
              .dilation = per_axis(s, "dilation", 1),
              .groups = s.value("groups", 1),
              .bias = s.value("bias", true),
              .dtype = float64});
  };
}
template <class M>
Layer conv_transpose() {
  return [](const Json& s) {
    return M(s.at("in_channels"),
             s.at("out_channels"),
             {.kernel = per_axis(s, "kernel_size", 1),
              .stride = per_axis(s, "stride", 1),
              .padding = per_axis(s, "padding", 0),
              .output_padding = per_axis(s, "output_padding", 0),
              .dilation = per_axis(s, "dilation", 1),
              .groups = s.value("groups", 1),
              .bias = s.value("bias", true),
              .dtype = float64});
  };
}
template <class M>
Layer max_pool() {
  return [](const Json& s) {
    return M(per_axis(s, "kernel_size", 1),
             {.stride = per_axis(s, "stride", {}),
              .padding = per_axis(s, "padding", 0),
              .dilation = per_axis(s, "dilation", 1),
              .ceil_mode = s.value("ceil_mode", false)});
  };
}
template <class M>
Layer avg_pool() {
  return [](const Json& s) {
    AvgPoolOptions options{.stride = per_axis(s, "stride", {}),
                           .padding = per_axis(s, "padding", 0),
                           .ceil_mode = s.value("ceil_mode", false),
                           .count_include_pad = s.value("count_include_pad", true)};
    if (s.contains("divisor_override") && !s["divisor_override"].is_null())
      options.divisor = s["divisor_override"].get<std::int64_t>();
    return M(per_axis(s, "kernel_size", 1), options);
  };
}
template <class M>
Layer adaptive_pool() {
  return [](const Json& s) { return M(per_axis(s, "output_size", 1)); };
}
template <class M>
Layer along(const char* key = "dim") {
  return [=](const Json& s) { return M(s.value(key, -1)); };
}
nn::AnyModule batch_norm_layer(const Json& s) {
  nn::BatchNormOptions options{.eps = s.value("eps", 1e-5),
                               .affine = s.value("affine", true),
                               .track_running_stats = s.value("track_running_stats", true),
                               .dtype = float64};
  if (s.contains("momentum")) {
    options.momentum.reset();
    if (!s["momentum"].is_null()) options.momentum = s["momentum"].get<double>();
  }
  return nn::BatchNorm(s.at("num_features"), options);
}
nn::AnyModule instance_norm_layer(const Json& s) {
  return nn::InstanceNorm(s.at("num_features"),
                          {.eps = s.value("eps", 1e-5), .affine = s.value("affine", false), .dtype = float64});
}
nn::AnyModule upsample_layer(const Json& s) {
  return nn::Upsample(s.at("scale_factor").get<double>(),
                      {.mode = interpolation(s.value("mode", "nearest")),
                       .align_corners = s.contains("align_corners") && s["align_corners"] == true});
}
template <class M>
Layer norm_pool() {
  return [](const Json& s) {
    return M(s.at("norm_type").get<double>(),
             per_axis(s, "kernel_size", 1),
             {.stride = per_axis(s, "stride", {}), .ceil_mode = s.value("ceil_mode", false)});
  };
}

const std::map<std::string, Layer>& layers() {
  static const std::map<std::string, Layer> table{
      {"AdaptiveAvgPool1d", adaptive_pool<nn::AdaptiveAvgPool1d>()},
      {"AdaptiveAvgPool2d", adaptive_pool<nn::AdaptiveAvgPool2d>()},
      {"AdaptiveAvgPool3d", adaptive_pool<nn::AdaptiveAvgPool3d>()},
      {"AdaptiveMaxPool1d", adaptive_pool<nn::AdaptiveMaxPool1d>()},
      {"AdaptiveMaxPool2d", adaptive_pool<nn::AdaptiveMaxPool2d>()},
      {"AdaptiveMaxPool3d", adaptive_pool<nn::AdaptiveMaxPool3d>()},
      {"AlphaDropout", with<nn::AlphaDropout>("p", 0.5)},
      {"AvgPool1d", avg_pool<nn::AvgPool1d>()},
      {"AvgPool2d", avg_pool<nn::AvgPool2d>()},
      {"AvgPool3d", avg_pool<nn::AvgPool3d>()},
      {"BatchNorm1d", batch_norm_layer},
      {"BatchNorm2d", batch_norm_layer},
      {"BatchNorm3d", batch_norm_layer},
      {"CELU", with<nn::CELU>("alpha", 1.0)},
      {"Conv1d", conv<nn::Conv1d>()},
      {"Conv2d", conv<nn::Conv2d>()},
      {"Conv3d", conv<nn::Conv3d>()},
      {"ConvTranspose1d", conv_transpose<nn::ConvTranspose1d>()},
      {"ConvTranspose2d", conv_transpose<nn::ConvTranspose2d>()},
      {"ConvTranspose3d", conv_transpose<nn::ConvTranspose3d>()},
      {"Dropout", with<nn::Dropout>("p", 0.5)},
      {"Dropout2d", with<nn::FeatureDropout>("p", 0.5)},
      {"ELU", with<nn::ELU>("alpha", 1.0)},
      {"Flatten", [](const Json& s) { return nn::Flatten(s.value("start_dim", 1), s.value("end_dim", -1)); }},
      {"GELU",
       [](const Json& s) {
         return nn::GELU(s.value("approximate", "none") == "tanh" ? Approximate::tanh : Approximate::none);
       }},
      {"GLU", along<nn::GLU>()},
      {"GroupNorm",
       [](const Json& s) {
         return nn::GroupNorm(s.at("num_groups"),
                              s.at("num_channels"),
                              {.eps = s.value("eps", 1e-5), .affine = s.value("affine", true), .dtype = float64});
       }},
      {"Hardshrink", with<nn::Hardshrink>("lambd", 0.5)},
      {"Hardsigmoid", plain<nn::Hardsigmoid>()},
      {"Hardswish", plain<nn::Hardswish>()},
      {"Hardtanh", [](const Json& s) { return nn::Hardtanh(s.value("min_val", -1.0), s.value("max_val", 1.0)); }},
      {"Identity", plain<nn::Identity>()},
      {"InstanceNorm1d", instance_norm_layer},
      {"InstanceNorm2d", instance_norm_layer},
      {"InstanceNorm3d", instance_norm_layer},
      {"LPPool1d", norm_pool<nn::LPPool1d>()},
      {"LPPool2d", norm_pool<nn::LPPool2d>()},
      {"LayerNorm",
       [](const Json& s) {
         const Json& n = s.at("normalized_shape");
         const Shape shape = n.is_number() ? Shape{n.get<std::int64_t>()} : Shape(n.get<std::vector<std::int64_t>>());
         return nn::LayerNorm(
             shape, {.eps = s.value("eps", 1e-5), .affine = s.value("elementwise_affine", true), .dtype = float64});
       }},
      {"LeakyReLU", with<nn::LeakyReLU>("negative_slope", 0.01)},
      {"Linear",
       [](const Json& s) {
         return nn::Linear(
             s.at("in_features"), s.at("out_features"), {.bias = s.value("bias", true), .dtype = float64});
       }},
      {"LocalResponseNorm",
       [](const Json& s) {
         return nn::LocalResponseNorm(
             s.at("size"), {.alpha = s.value("alpha", 1e-4), .beta = s.value("beta", 0.75), .k = s.value("k", 1.0)});
       }},
      {"LogSigmoid", plain<nn::LogSigmoid>()},
      {"LogSoftmax", along<nn::LogSoftmax>()},
      {"MaxPool1d", max_pool<nn::MaxPool1d>()},
      {"MaxPool2d", max_pool<nn::MaxPool2d>()},
      {"MaxPool3d", max_pool<nn::MaxPool3d>()},
      {"Mish", plain<nn::Mish>()},
      {"PReLU", [](const Json& s) { return nn::PReLU(s.value("num_parameters", 1), 0.25, float64); }},
      {"ReLU", plain<nn::ReLU>()},
      {"ReLU6", plain<nn::ReLU6>()},
      {"SELU", plain<nn::SELU>()},
      {"SiLU", plain<nn::SiLU>()},
      {"Sigmoid", plain<nn::Sigmoid>()},
      {"Softmax", along<nn::Softmax>()},
      {"Softmin", along<nn::Softmin>()},
      {"Softplus", [](const Json& s) { return nn::Softplus(s.value("beta", 1.0), s.value("threshold", 20.0)); }},
      {"Softshrink", with<nn::Softshrink>("lambd", 0.5)},
      {"Softsign", plain<nn::Softsign>()},
      {"Tanh", plain<nn::Tanh>()},
      {"Tanhshrink", plain<nn::Tanhshrink>()},
      {"Threshold", [](const Json& s) { return nn::Threshold(s.at("threshold"), s.at("value")); }},
      {"Unflatten",
       [](const Json& s) {
         return nn::Unflatten(s.at("dim"), Shape(s.at("unflattened_size").get<std::vector<std::int64_t>>()));
       }},
      {"Upsample", upsample_layer},
  };
  return table;
}

Arrays run_batch_norm_steps(const Json& attrs, const Arrays& given) {
  nn::BatchNormOptions options{
      .eps = attrs.value("eps", 1e-5), .affine = attrs.value("affine", true), .dtype = float64};
  options.track_running_stats = attrs.value("track_running_stats", true);
  const Json momentum = attrs.contains("momentum") ? attrs["momentum"] : Json(0.1);
  options.momentum.reset();
  if (!momentum.is_null()) options.momentum = momentum.get<double>();
  nn::BatchNorm layer(attrs.value("num_features", given.at("x").size(2)), options);
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
  Json options = attrs.at("loss").is_object() ? attrs["loss"] : Json{{"type", attrs.at("loss")}};
  const std::string loss = options.at("type");
  const Function* loss_function = find_function(loss);
  if (loss_function == nullptr) throw Missing{loss};
  const MakeOptimizer* make = find_optimizer(attrs.at("optimizer").at("type"));
  if (make == nullptr) throw Missing{attrs.at("optimizer").at("type")};
  const auto optimizer = (*make)(nn::parameters(net), attrs.at("optimizer"));
  std::optional<optim::Schedule> schedule;
  if (attrs.contains("schedule") && !attrs["schedule"].is_null())
    schedule.emplace(make_schedule(*optimizer, attrs["schedule"]));
  std::vector<double> losses, norms;
  for (std::int64_t t = 0; t < given.at("batches").size(0); ++t) {
    const Tensor rows = contiguous(select(given.at("batches"), 0, t));
    Arrays inputs{{"x", net(index_select(given.at("X"), 0, rows))}, {"target", index_select(given.at("Y"), 0, rows)}};
    const Tensor value = (*loss_function)(Call(options, inputs, {"x", "target"})).at(0);
    optimizer->zero_grad();
    backward(value);
    double squares = 0;
    for (const Parameter& p : optimizer->parameters())
      for (double g : gradient(p).to_vector()) squares += g * g;
    losses.push_back(value.item());
    norms.push_back(std::sqrt(squares));
    optimizer->step();
    if (schedule) schedule->step();
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
  replace_parameters(nn::detail::ref(net), given, prefix);
  return net;
}

void replace_parameters(nn::ModuleRef model, const Arrays& given, const std::string& prefix) {
  struct Replace final : nn::Visitor {
    const Arrays& given;
    std::string path;
    Replace(const Arrays& arrays, std::string prefix_) : given(arrays), path(std::move(prefix_)) {}
    void parameter(std::string_view name, Parameter& p) override {
      const auto at = given.find(path + std::string(name));
      if (at != given.end()) static_cast<Tensor&>(p) = requires_grad(at->second) ? at->second : leaf(clone(at->second));
    }
    void child(std::string_view name, nn::ModuleRef module) override {
      const std::string outer = path;
      if (!name.empty()) path += std::string(name) + ".";
      module.visit(*this);
      path = outer;
    }
  } replace(given, prefix);
  model.visit(replace);
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
