#include "setup.h"

#include "gradus/data/preprocess.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/model.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace gradus::cli {

void check_optimizer(const std::string& where, const std::string& name) {
  struct Method {
    std::string_view name;
  };
  find_word(where, "an optimizer", name, std::array{Method{"adam"}, Method{"sgd"}});
}

std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerChoice& choice, std::vector<Parameter> parameters) {
  if (choice.name == "adam")
    return std::make_unique<optim::Adam>(std::move(parameters),
                                         optim::AdamOptions{.lr = choice.lr, .weight_decay = choice.weight_decay});
  return std::make_unique<optim::Sgd>(
      std::move(parameters),
      optim::SgdOptions{.lr = choice.lr, .momentum = choice.momentum, .weight_decay = choice.weight_decay});
}

std::optional<optim::Curve> schedule_named(const std::string& where, const std::string& name) {
  struct Schedule {
    std::string_view name;
    std::optional<optim::Curve> (*make)();
  };
  constexpr Schedule kSchedules[] = {
      {"constant", []() -> std::optional<optim::Curve> { return std::nullopt; }},
      {"linear", []() -> std::optional<optim::Curve> { return optim::polynomial(1); }},
      {"cosine", []() -> std::optional<optim::Curve> { return optim::cosine_annealing(1); }},
  };
  return find_word(where, "a schedule", name, kSchedules).make();
}

void check_outputs(nn::Sequential& net, const std::string& model, const Source& source) {
  const data::Dataset& rows = source.splits.train;
  nn::eval(net);
  const Shape got = no_grad([&] { return net(rows.slice(0, 1).inputs); }).shape();
  nn::train(net);
  if (source.classes == 0) {
    Shape wanted = rows.targets.shape();
    wanted[0] = 1;
    if (got != wanted)
      throw UsageError(fmt::format("--model: expected {} output, as the label is a number, got {} from '{}'",
                                   wanted.numel(),
                                   got.numel(),
                                   model));
  } else if (got.rank() != 2 || got[1] < source.classes) {
    throw UsageError(fmt::format("--model: expected {} outputs, one a class, got {} from '{}'",
                                 source.classes,
                                 got.rank() == 2 ? std::to_string(got[1]) : "rows of several dimensions",
                                 model));
  }
}

TargetScale standardize_targets(data::Splits& splits) {
  const auto scale = data::Standardize({.per = data::Per::all}).fit(splits.train.targets);
  for (data::Dataset* part : {&splits.train, &splits.validation, &splits.test})
    if (part->size() > 0) part->targets = scale(part->targets);
  const double std = scale.std().item();
  return {scale.mean().item(), std == 0 ? 1 : std};
}

}  // namespace gradus::cli
