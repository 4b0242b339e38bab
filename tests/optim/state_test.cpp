#include "methods.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace gradus {
namespace {

namespace fs = std::filesystem;

class StateTest : public testing::Test {
 protected:
  StateTest() { fs::create_directories(folder_); }
  ~StateTest() override { fs::remove_all(folder_); }
  std::string file(const char* name) const { return folder_ / name; }

 private:
  fs::path folder_ =
      fs::temp_directory_path() / ("gradus_state_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

struct Net : nn::Module<Net> {
  nn::Linear fc1{3, 5}, fc2{5, 2};
  Tensor forward(const Tensor& x) { return fc2(tanh(fc1(x))); }
};

/// A model with all that goes with its training.
struct Training {
  Net net;
  std::unique_ptr<optim::Optimizer> optimizer;
  optim::Schedule schedule;
  optim::ReduceOnPlateau plateau;
  optim::Average average;

  explicit Training(const test::Method& method)
      : optimizer(method.make(nn::parameters(net), 0.02)),
        schedule(*optimizer, optim::warmup(2).then(2, optim::cosine_annealing(9))),
        plateau(*optimizer, {.patience = 1, .cooldown = 1}),
        average(optim::ema(nn::parameters(net), 0.7, true)) {}

  void steps(int n) {
    for (int i = 0; i < n; ++i) {
      optimizer->zero_grad();
      const Tensor loss = mean(square(net(normal({4, 3}))));
      backward(loss);
      optimizer->step();
      schedule.step();
      average.update();
      plateau.step(loss.item());
    }
  }
};

TEST_F(StateTest, EverythingGoesOnBitForBit) {
  for (const test::Method& method : test::methods()) {
    manual_seed(7);
    Training first(method);
    first.steps(5);
    nn::save(first.net, file("net"));
    optim::save(file("run"),
                {{"optimizer", *first.optimizer},
                 {"schedule", first.schedule},
                 {"plateau", first.plateau},
                 {"average", first.average},
                 {"generator", default_generator()}});
    first.steps(4);

    manual_seed(1);
    Training second(method);
    second.steps(1);  // what it had before is replaced
    nn::load(second.net, file("net"));
    optim::load(file("run"),
                {{"optimizer", *second.optimizer},
                 {"schedule", second.schedule},
                 {"plateau", second.plateau},
                 {"average", second.average},
                 {"generator", default_generator()}});
    second.steps(4);
    EXPECT_EQ(second.optimizer->steps(), 9);
    EXPECT_EQ(first.optimizer->lr(), second.optimizer->lr());
    const auto p = nn::parameters(first.net), q = nn::parameters(second.net);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_TRUE(equal(detach(p[i]), detach(q[i]))) << method.name;
      EXPECT_TRUE(equal(first.average.values()[i], second.average.values()[i])) << method.name;
    }
  }
}

TEST_F(StateTest, LbfgsGoesOnBitForBit) {
  const Tensor x = normal({16, 3}), y = normal({16, 2});
  const auto run = [&](Net& net, optim::Lbfgs& lbfgs, int n) {
    for (int i = 0; i < n; ++i)
      lbfgs.step([&] {
        lbfgs.zero_grad();
        const Tensor loss = mse_loss(net(x), y);
        backward(loss);
        return loss.item();
      });
  };
  Net a;
  optim::Lbfgs first(nn::parameters(a), {.max_iterations = 3});
  run(a, first, 2);
  nn::save(a, file("net"));
  nn::save_tensors(first.state(), file("run"));
  run(a, first, 2);
  Net b;
  optim::Lbfgs second(nn::parameters(b), {.max_iterations = 3});
  nn::load(b, file("net"));
  second.set_state(nn::load_tensors(file("run")));
  run(b, second, 2);
  EXPECT_TRUE(equal(detach(a.fc1.weight), detach(b.fc1.weight)));
}

TEST(State, HasAllOptions) {
  Parameter p = Parameter(ones({2}));
  optim::Adam adam({p}, {.lr = 0.5, .beta2 = 0.9, .eps = 1e-3, .weight_decay = 0.1, .amsgrad = true});
  optim::Adam other({p});
  other.set_state(adam.state());
  EXPECT_EQ(other.options().beta1, 0.9);
  EXPECT_EQ(other.options().beta2, 0.9);
  EXPECT_EQ(other.options().eps, 1e-3);
  EXPECT_EQ(other.options().weight_decay, 0.1);
  EXPECT_TRUE(other.options().amsgrad);
  optim::Lbfgs lbfgs({p}, {.max_iterations = 3, .history = 2}), later({p});
  later.set_state(lbfgs.state());
  EXPECT_EQ(later.options().max_iterations, 3);
  EXPECT_EQ(later.options().history, 2);
}

TEST(State, RefusesWhatDoesNotFit) {
  Parameter p = Parameter(ones({2})), q = Parameter(ones({3}));
  optim::Adam adam({p}, {.lr = 0.5});
  set_gradient(p, ones({2}));
  adam.step();
  const optim::State state = adam.state();
  EXPECT_EQ(state.at("groups.0.lr").item(), 0.5);

  optim::Adam other({q}, {.lr = 0.1});
  EXPECT_THROW(other.set_state(state), ShapeError);
  EXPECT_EQ(other.lr(), 0.1);
  EXPECT_EQ(other.steps(), 0);
  EXPECT_THROW(optim::Adagrad({p}).set_state(state), ArgumentError);
  Parameter wide = Parameter(ones({2}, float64));
  EXPECT_THROW(optim::Adam({wide}).set_state(state), DTypeError);
  optim::State less = state;
  less.erase("steps");
  EXPECT_THROW(adam.set_state(less), ArgumentError);
  optim::State more = state;
  more["1.first"] = ones({2});
  EXPECT_THROW(adam.set_state(more), ArgumentError);

  // Only its own kind's: Adam's sums would move SGD's parameters without a gradient.
  optim::Sgd sgd({p}, {.lr = 0.1, .momentum = 0.9});
  try {
    sgd.set_state(state);
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_EQ(error.message(), "expected the state of Sgd, got Adam");
  }
  EXPECT_THROW(optim::AdamW({p}).set_state(state), ArgumentError);
  EXPECT_THROW(adam.set_state(optim::AdamW({p}).state()), ArgumentError);
  optim::State wild = state;
  wild["groups.0.beta2"] = full({}, 2, float64);
  EXPECT_THROW(adam.set_state(wild), ArgumentError);
  wild["groups.0.beta2"] = state.at("groups.0.beta2");
  wild["groups.0.amsgrad"] = full({}, 0.5, float64);
  EXPECT_THROW(adam.set_state(wild), ArgumentError);

  // A state is a copy: later steps leave it alone.
  const Tensor before = clone(state.at("0.first"));
  adam.step();
  EXPECT_TRUE(equal(state.at("0.first"), before));
}

}  // namespace
}  // namespace gradus
