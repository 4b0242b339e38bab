#include "errors.h"

#include "gradus/nn/activation.h"
#include "gradus/nn/init.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/save.h"
#include "gradus/nn/sequential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

using namespace gradus;

namespace {

using gradus::tests::line_of;

TEST(Initialisers, ErrorsNameTheUsersLine) {
  Tensor vector = zeros({3}), matrix = zeros({3, 2});
  nn::Linear net(2, 3);
  // clang-format off
  EXPECT_EQ(line_of([&] { init::he_normal(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::xavier_uniform(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::lecun_uniform(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::orthogonal(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::identity(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::dirac(matrix); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::sparse(matrix, 2); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::uniform(matrix, 1, 0); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::normal(matrix, 0, -1); }), __LINE__);
  EXPECT_EQ(line_of([&] { init::fans(vector); }), __LINE__);
  EXPECT_EQ(line_of([&] { nn::init(net, init::sparse(2)); }), __LINE__);
  // clang-format on
}

TEST(Leaves, ErrorsNameTheUsersLine) {
  Tensor whole = arange(3), none = zeros({1}), y = leaf(ones({2})) * 2;
  // clang-format off
  EXPECT_EQ(line_of([&] { set_requires_grad(whole); }), __LINE__);
  EXPECT_EQ(line_of([&] { leaf(whole); }), __LINE__);
  EXPECT_EQ(line_of([&] { gradient(none); }), __LINE__);
  EXPECT_EQ(line_of([&] { set_gradient(y, y); }), __LINE__);
  EXPECT_EQ(line_of([&] { zero_grad(none); }), __LINE__);
  // clang-format on
}

TEST(Files, ErrorsNameTheUsersLine) {
  nn::Linear net(2, 3);
  const std::string nowhere = "/nowhere/net.safetensors";
  // clang-format off
  EXPECT_EQ(line_of([&] { nn::save(net, nowhere); }), __LINE__);
  EXPECT_EQ(line_of([&] { nn::load(net, nowhere); }), __LINE__);
  EXPECT_EQ(line_of([&] { nn::set_state(net, {}); }), __LINE__);
  EXPECT_EQ(line_of([&] { nn::save_tensors({}, nowhere); }), __LINE__);
  EXPECT_EQ(line_of([&] { nn::load_tensors(nowhere); }), __LINE__);
  // clang-format on
}

/// C has a tanh, too; in this file both are seen.
TEST(Sequential, TakesFunctionsThatHaveNamesakes) {
  nn::Sequential net{nn::Linear(2, 2), tanh, abs};
  init::identity(net[0].get_if<nn::Linear>()->weight);
  init::zeros(net[0].get_if<nn::Linear>()->bias);
  const Tensor y = net(tensor({{-1.0, 2.0}}));
  EXPECT_NEAR(y.data<float>()[0], std::tanh(1.0), 1e-6);
  EXPECT_NEAR(y.data<float>()[1], std::tanh(2.0), 1e-6);
}

}  // namespace
