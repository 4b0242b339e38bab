// Fine-tuning: fit passes over frozen parameters.
#include "gradus/data/generated.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

namespace gradus::train {
namespace {

TEST(Frozen, FitTrainsTheRest) {
  Generator generator(5);
  const data::Dataset all = data::spiral({.points = 60}, generator);
  const auto splits = data::split(all, {.validation = 0.2}, generator);
  for (bool own_optimizer : {false, true}) {
    nn::Sequential net = nn::model_from_text("fc 16, bn, relu, fc 3", {2}, generator);
    auto& body = *net[0].get_if<nn::Linear>();
    auto& head = *net[3].get_if<nn::Linear>();
    nn::freeze(body);
    const Tensor before = clone(body.weight), head_before = clone(head.weight);
    optim::Sgd sgd{parameters(net), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1}};
    FitOptions options{.epochs = 2, .progress = Progress::none};
    if (own_optimizer) options.optimizer = sgd;
    fit(net, splits, options);
    EXPECT_TRUE(equal(body.weight, before));
    EXPECT_FALSE(equal(head.weight, head_before));
  }
}

}  // namespace
}  // namespace gradus::train
