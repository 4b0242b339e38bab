#include "oracle.h"

namespace oracle {
namespace {

using namespace gradus;

/// Sets the fields that a case names.
template <class Options>
void read(Options& options, const Json& o) {
  nn::visit_fields(options, [&](std::string_view name, auto& field) {
    if (o.contains(name) && !o.at(std::string(name)).is_null())
      field = o.at(std::string(name)).get<std::decay_t<decltype(field)>>();
  });
  if constexpr (requires { options.eta_minus; }) {
    if (o.contains("etas")) {
      options.eta_minus = o["etas"][0];
      options.eta_plus = o["etas"][1];
    }
    if (o.contains("step_sizes")) {
      options.min_step = o["step_sizes"][0];
      options.max_step = o["step_sizes"][1];
    }
  }
  if constexpr (requires { options.beta1; })
    if (o.contains("betas")) {
      options.beta1 = o["betas"][0];
      options.beta2 = o["betas"][1];
    }
}

/// With "groups", a list of differing options, parameter i is group i.
template <class Optimizer>
std::unique_ptr<optim::Optimizer> make(std::vector<Parameter> parameters, const Json& o) {
  auto options = typename Optimizer::Options();
  if constexpr (requires { options.pytorch_1; }) options.pytorch_1 = true;
  read(options, o);
  if (!o.contains("groups") || o["groups"].is_null())
    return std::make_unique<Optimizer>(std::move(parameters), options);
  std::unique_ptr<Optimizer> optimizer;
  for (std::size_t i = 0; i < o["groups"].size(); ++i) {
    auto own = options;
    read(own, o["groups"][i]);
    std::vector<Parameter> one{parameters[i]};
    if (i == 0)
      optimizer = std::make_unique<Optimizer>(std::move(one), own);
    else
      optimizer->add_group(std::move(one), own);
  }
  return optimizer;
}

const std::map<std::string, MakeOptimizer>& optimizers() {
  static const std::map<std::string, MakeOptimizer> table{
      {"adadelta", make<optim::Adadelta>},
      {"adagrad", make<optim::Adagrad>},
      {"adam", make<optim::Adam>},
      {"adamax", make<optim::Adamax>},
      {"adamw", make<optim::AdamW>},
      {"lion", make<optim::Lion>},
      {"nadam", make<optim::NAdam>},
      {"radam", make<optim::RAdam>},
      {"rmsprop", make<optim::Rmsprop>},
      {"rprop", make<optim::Rprop>},
      {"sgd", make<optim::Sgd>},
  };
  return table;
}

/// param0, param1, … stepped with the gradients grads0[t], grads1[t], …
Arrays run_optimizer(const MakeOptimizer& make, const Json& attrs, const Arrays& given) {
  std::vector<Parameter> parameters;
  for (int i = 0; given.contains("param" + std::to_string(i)); ++i)
    parameters.push_back(Parameter(clone(given.at("param" + std::to_string(i)))));
  const auto optimizer = make(parameters, attrs);
  std::vector<std::vector<Tensor>> path(parameters.size());
  const std::int64_t steps = given.at("grads0").size(0);
  for (std::int64_t t = 0; t < steps; ++t) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      set_gradient(parameters[i], contiguous(select(given.at("grads" + std::to_string(i)), 0, t)));
    optimizer->step();
    for (std::size_t i = 0; i < parameters.size(); ++i) path[i].push_back(clone(parameters[i]));
  }
  Arrays result;
  for (std::size_t i = 0; i < path.size(); ++i) result["traj" + std::to_string(i)] = stack(path[i]);
  return result;
}

using Curves = optim::RateAndMomentum;
/// A schedule's curves from a case's attributes; rates are relative to `base`.
using MakeCurves = Curves (*)(const Json& o, double base);

Curves make_cyclic(const Json& o, double base) {
  optim::CyclicOptions options{.up = o.value("step_size_up", 2000.0),
                               .down = o.value("step_size_down", 0.0),
                               .peak = o.at("max_lr").get<double>() / base,
                               .base_momentum = o.value("base_momentum", 0.8),
                               .max_momentum = o.value("max_momentum", 0.9)};
  const std::string mode = o.value("mode", "triangular");
  if (mode == "triangular2") options.decay = 0.5;
  if (mode == "exp_range") options.gamma = o.value("gamma", 1.0);
  return optim::cyclic(options);
}

Curves make_one_cycle(const Json& o, double) {
  optim::OneCycleOptions options{.warm = o.value("pct_start", 0.3),
                                 .linear = o.value("anneal_strategy", "cos") == "linear"};
  read(options, o);
  const double length = o.contains("total_steps")
                            ? o["total_steps"].get<double>()
                            : o.at("epochs").get<double>() * o.at("steps_per_epoch").get<double>();
  return optim::one_cycle(length, options);
}

const std::map<std::string, MakeCurves>& schedules() {
  static const std::map<std::string, MakeCurves> table{
      {"constant_lr",
       [](const Json& o, double) -> Curves {
         return {optim::constant(o.value("factor", 1.0 / 3), o.value("total_iters", 5.0)), {}};
       }},
      {"cosine_annealing_lr",
       [](const Json& o, double base) -> Curves {
         return {optim::cosine_annealing(o.at("T_max"), o.value("eta_min", 0.0) / base), {}};
       }},
      {"cosine_warm_restarts",
       [](const Json& o, double base) -> Curves {
         return {optim::cosine_warm_restarts(o.at("T_0"), o.value("T_mult", 1.0), o.value("eta_min", 0.0) / base), {}};
       }},
      {"cyclic_lr", make_cyclic},
      {"exponential_lr", [](const Json& o, double) -> Curves { return {optim::exponential(o.at("gamma")), {}}; }},
      {"linear_lr",
       [](const Json& o, double) -> Curves {
         return {
             optim::linear(o.value("start_factor", 1.0 / 3), o.value("end_factor", 1.0), o.value("total_iters", 5.0)),
             {}};
       }},
      {"multi_step_lr",
       [](const Json& o, double) -> Curves {
         return {optim::multi_step(o.at("milestones"), o.value("gamma", 0.1)), {}};
       }},
      {"one_cycle_lr", make_one_cycle},
      {"polynomial_lr",
       [](const Json& o, double) -> Curves {
         return {optim::polynomial(o.value("total_iters", 5.0), o.value("power", 1.0)), {}};
       }},
      {"step_lr",
       [](const Json& o, double) -> Curves {
         return {optim::step_decay(o.at("step_size"), o.value("gamma", 0.1)), {}};
       }},
  };
  return table;
}

/// Without the attributes that are null: "none".
Json without_nulls(Json attrs) {
  for (auto at = attrs.begin(); at != attrs.end();) at = at->is_null() ? attrs.erase(at) : ++at;
  return attrs;
}

/// One cycle's rates are relative to its top.
double base_of(const std::string& name, const Json& attrs, double otherwise) {
  return attrs.value(name == "one_cycle_lr" ? "max_lr" : "base_lr", otherwise);
}

optim::Schedule schedule_of(const std::string& name, MakeCurves make, const Json& attrs, optim::Optimizer& optimizer) {
  const Curves curves = make(attrs, optimizer.lr());
  const bool moves = (name == "cyclic_lr" || name == "one_cycle_lr") && attrs.value("cycle_momentum", true);
  return moves ? optim::Schedule(optimizer, curves) : optim::Schedule(optimizer, curves.rate);
}

/// lr[t], and momentum[t] where the schedule moves it.
Arrays run_schedule(const std::string& name, MakeCurves make, const Json& given) {
  const Json attrs = without_nulls(given);
  const std::int64_t steps = attrs.at("steps");
  optim::Sgd sgd({Parameter(zeros({1}))}, {.lr = base_of(name, attrs, 0.1), .momentum = 0.9});
  optim::Schedule schedule = schedule_of(name, make, attrs, sgd);
  std::vector<double> rates, momenta;
  for (std::int64_t t = 0; t <= steps; ++t) {
    rates.push_back(sgd.lr());
    momenta.push_back(sgd.momentum());
    schedule.step();
  }
  return {{"lr", from_vector(rates)}, {"momentum", from_vector(momenta)}};
}

Arrays run_plateau(const Json& attrs, const Arrays& given) {
  optim::Sgd sgd({Parameter(zeros({1}))}, {.lr = attrs.at("base_lr")});
  optim::PlateauOptions options{.maximize = attrs.value("mode", "min") == "max",
                                .relative = attrs.value("threshold_mode", "rel") == "rel"};
  read(options, attrs);
  optim::ReduceOnPlateau plateau(sgd, options);
  std::vector<double> rates{sgd.lr()};
  for (double measure : given.at("metrics").to_vector()) {
    plateau.step(measure);
    rates.push_back(sgd.lr());
  }
  return {{"lr", from_vector(rates)}};
}

std::vector<Parameter> parameters_with_gradients(const Arrays& given) {
  std::vector<Parameter> parameters;
  for (int i = 0; given.contains("grad" + std::to_string(i)); ++i) {
    const Tensor& g = given.at("grad" + std::to_string(i));
    parameters.push_back(Parameter(zeros_like(g)));
    set_gradient(parameters.back(), g);
  }
  return parameters;
}

Arrays clipped(const std::vector<Parameter>& parameters) {
  Arrays result;
  for (std::size_t i = 0; i < parameters.size(); ++i) result["clipped" + std::to_string(i)] = gradient(parameters[i]);
  return result;
}

Arrays run_clip_norm(const Json& attrs, const Arrays& given) {
  const auto parameters = parameters_with_gradients(given);
  const double total =
      optim::clip_grad_norm(parameters, attrs.at("max_norm"), Call(attrs, given, {}).number("norm_type", 2));
  Arrays result = clipped(parameters);
  result["total_norm"] = scalar(total, float64);
  return result;
}

Arrays run_clip_value(const Json& attrs, const Arrays& given) {
  const auto parameters = parameters_with_gradients(given);
  optim::clip_grad_value(parameters, attrs.at("clip_value"));
  return clipped(parameters);
}

}  // namespace

optim::Schedule make_schedule(optim::Optimizer& optimizer, const Json& spec) {
  const Json attrs = without_nulls(spec);
  const std::string name = attrs.at("type");
  const auto at = schedules().find(name);
  if (at == schedules().end()) throw Missing{name};
  optimizer.set_lr(base_of(name, attrs, optimizer.lr()));
  return schedule_of(name, at->second, attrs, optimizer);
}

const MakeOptimizer* find_optimizer(const std::string& type) {
  const auto at = optimizers().find(type);
  return at == optimizers().end() ? nullptr : &at->second;
}

std::map<std::string, Procedure> optimizer_procedures() {
  std::map<std::string, Procedure> table{
      {"clip_grad_norm", run_clip_norm}, {"clip_grad_value", run_clip_value}, {"reduce_lr_on_plateau", run_plateau}};
  for (const auto& [name, make] : optimizers())
    table[name] = [&make](const Json& attrs, const Arrays& given) { return run_optimizer(make, attrs, given); };
  for (const auto& [name, make] : schedules())
    table[name] = [&name, make](const Json& attrs, const Arrays&) { return run_schedule(name, make, attrs); };
  return table;
}

}  // namespace oracle
