#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/tensor/warning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace gradus {
namespace {

using N = init::Nonlinearity;

// ---- distributions -------------------------------------------------------------------------------
// Expected numbers: the formulas of Glorot & Bengio 2010, He et al. 2015 and LeCun et al. 1998, computed elsewhere.

struct Moments {
  double n = 0, mean = 0, std = 0, kurtosis = 0, least = 0, most = 0;
};
/// Of a million elements or more, drawn as often as that takes.
Moments moments(const Shape& shape, const std::function<void(Tensor&)>& draw) {
  std::vector<double> all;
  while (all.size() < 1'000'000) {
    Tensor w = empty(shape);
    draw(w);
    const std::vector<double> some = w.to_vector();
    all.insert(all.end(), some.begin(), some.end());
  }
  Moments m{.n = static_cast<double>(all.size())};
  for (double x : all) m.mean += x / m.n;
  double two = 0, four = 0;
  for (double x : all) two += std::pow(x - m.mean, 2) / m.n, four += std::pow(x - m.mean, 4) / m.n;
  m.std = std::sqrt(two);
  m.kurtosis = four / two / two;
  m.least = *std::min_element(all.begin(), all.end());
  m.most = *std::max_element(all.begin(), all.end());
  return m;
}

struct Case {
  const char* name;
  Shape shape;
  std::function<void(Tensor&)> draw;
  double std, bound = 0;  // 0: normal
};

TEST(Init, DistributionsOfAMillionDraws) {
  const Shape matrix{512, 256}, kernel{64, 3, 7, 7}, small{16, 8, 3, 3};
  using T = Tensor;
  const Case cases[] = {
      {"normal", matrix, [](T& w) { init::normal(w, 0, 0.01); }, 0.01},
      {"uniform", matrix, [](T& w) { init::uniform(w, -2, 2); }, 2 / std::sqrt(3.0), 2},
      {"xavier", matrix, [](T& w) { init::xavier_normal(w); }, 0.051031036308},
      {"xavier tanh", matrix, [](T& w) { init::xavier_uniform(w, 5. / 3); }, 0.08505172718, 0.147313912747},
      {"xavier kernel", kernel, [](T& w) { init::xavier_normal(w); }, 0.0246819550166},
      {"xavier small", small, [](T& w) { init::xavier_uniform(w); }, 0.0962250448649, 0.166666666667},
      {"he", matrix, [](T& w) { init::he_normal(w); }, 0.0883883476483},
      {"he uniform", matrix, [](T& w) { init::he_uniform(w); }, 0.0883883476483, 0.153093108924},
      {"he out", matrix, [](T& w) { init::he_normal(w, {.fan = init::Fan::out}); }, 0.0625},
      {"he leaky",
       matrix,
       [](T& w) { init::he_normal(w, {.nonlinearity = N::leaky_relu, .slope = 0.1}); },
       0.0879496930913},
      {"he kernel", kernel, [](T& w) { init::he_normal(w); }, 0.116642368704},
      {"he kernel out",
       kernel,
       [](T& w) { init::he_uniform(w, {.fan = init::Fan::out}); },
       0.0252538136138,
       0.043740888264},
      {"he small tanh",
       small,
       [](T& w) { init::he_uniform(w, {.nonlinearity = N::tanh}); },
       0.19641855033,
       0.34020690872},
      {"lecun", matrix, [](T& w) { init::lecun_normal(w); }, 0.0625},
      {"lecun kernel", kernel, [](T& w) { init::lecun_uniform(w); }, 0.0824786098842, 0.142857142857},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Moments m = moments(c.shape, c.draw);
    EXPECT_NEAR(m.mean, 0, 5 * c.std / std::sqrt(m.n));
    if (c.bound == 0) {
      EXPECT_NEAR(m.std, c.std, 5 * c.std / std::sqrt(2 * m.n));
      EXPECT_NEAR(m.kurtosis, 3, 5 * std::sqrt(24 / m.n));
    } else {
      EXPECT_NEAR(m.std, c.std, 5 * c.std / std::sqrt(5 * m.n));
      EXPECT_NEAR(m.kurtosis, 1.8, 0.01);
      EXPECT_LE(std::max(m.most, -m.least), c.bound * (1 + 1e-6));
      EXPECT_GT(std::min(m.most, -m.least), c.bound * (1 - 1e-4));
    }
  }
}

TEST(Init, TruncatedNormalOfAMillionDraws) {
  struct Cut {
    double mean, std, low, high, result_mean, result_std;
  };
  for (const Cut& c : {Cut{0, 1, -2, 2, 0, 0.8796256610342398},
                       {0, 0.02, -2, 2, 0, 0.02},
                       {0, 0.02, -0.04, 0.04, 0, 0.017592513220684797},
                       {0, 1, 0, 2, 0.7227897522452308, 0.5013145495586588},
                       {1, 0.5, 0, 3, 1.0275563515206907, 0.47061541695192666}}) {
    const Moments m = moments({1000, 500}, [&](Tensor& w) { init::truncated_normal(w, c.mean, c.std, c.low, c.high); });
    EXPECT_NEAR(m.mean, c.result_mean, 5 * c.result_std / std::sqrt(m.n));
    EXPECT_NEAR(m.std, c.result_std, 5 * c.result_std / std::sqrt(2 * m.n));
    EXPECT_GE(m.least, c.low);
    EXPECT_LE(m.most, c.high);
  }
}

TEST(Init, Gains) {
  EXPECT_EQ(init::gain(N::linear), 1);
  EXPECT_EQ(init::gain(N::sigmoid), 1);
  EXPECT_NEAR(init::gain(N::tanh), 1.6666666666666667, 1e-15);
  EXPECT_NEAR(init::gain(N::relu), 1.4142135623730951, 1e-15);
  EXPECT_NEAR(init::gain(N::leaky_relu), 1.4141428569978354, 1e-15);
  EXPECT_NEAR(init::gain(N::leaky_relu, std::sqrt(5.0)), 0.5773502691896257, 1e-15);
  EXPECT_EQ(init::gain(N::selu), 0.75);
}

// E relu(z)^2 = 1/2; selu is made so that E selu(z)^2 = 1; E |z|^2 = 1.
TEST(Init, GainOfAnyActivation) {
  EXPECT_NEAR(init::gain([](const Tensor& x) { return relu(x); }), std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(init::gain([](const Tensor& x) { return selu(x); }), 1, 1e-5);
  EXPECT_NEAR(init::gain([](const Tensor& x) { return abs(x); }), 1, 1e-9);
  EXPECT_NEAR(init::gain([](const Tensor& x) { return gelu(x); }), 1.5335, 1e-4);
  EXPECT_NEAR(init::gain([](const Tensor& x) { return leaky_relu(x, 0.2); }), init::gain(N::leaky_relu, 0.2), 1e-6);
}

TEST(Init, SeedsDecide) {
  Generator a(7), b(7), c(8);
  Tensor x = empty({8, 8}), y = empty({8, 8}), z = empty({8, 8});
  EXPECT_TRUE(equal(init::he_normal(x, {}, a), init::he_normal(y, {}, b)));
  EXPECT_FALSE(equal(x, init::he_normal(z, {}, c)));
}

// ---- fixed fills and matrices --------------------------------------------------------------------

TEST(Init, FixedFills) {
  Tensor w = empty({2, 3});
  EXPECT_TRUE(equal(init::constant(w, 3), full({2, 3}, 3)));
  EXPECT_TRUE(equal(init::ones(w), ones({2, 3})));
  EXPECT_TRUE(equal(init::zeros(w), zeros({2, 3})));
  EXPECT_TRUE(equal(init::identity(w), tensor({{1., 0., 0.}, {0., 1., 0.}})));
  Tensor k = empty({6, 2, 3, 3}, float64), expected = zeros({6, 2, 3, 3}, float64);
  for (std::int64_t at : {0, 3, 6, 9})  // (0,0), (1,1), (3,0), (4,1) as rows of [12, 9]
    expected.mutable_data<double>()[at * 9 + 4] = 1;
  EXPECT_TRUE(equal(init::dirac(k, 2), expected));
  const Tensor image = normal({1, 3, 5, 5});
  Tensor same = empty({3, 3, 3, 3});
  EXPECT_TRUE(equal(conv2d(image, init::dirac(same), {}, {.padding = 1}), image));
}

TEST(Init, OrthogonalMatrices) {
  for (const Shape& shape : {Shape{5, 8}, Shape{8, 5}, Shape{6, 6}, Shape{4, 3, 3, 3}}) {
    Tensor w = empty(shape, float64);
    init::orthogonal(w, 2);
    const Tensor m = reshape(w, {shape[0], w.numel() / shape[0]});
    const Tensor square = m.size(0) <= m.size(1) ? matmul(m, transpose(m)) : matmul(transpose(m), m);
    EXPECT_TRUE(all_close(square, 4 * eye(square.size(0), -1, float64), 0, 1e-12));
  }
  // Each such matrix equally likely: every entry has mean 0 and variance 1/max(rows, cols).
  double mean = 0, two = 0;
  for (int i = 0; i < 4000; ++i) {
    Tensor w = empty({4, 2});
    const double x = init::orthogonal(w).to_vector()[0];
    mean += x / 4000, two += x * x / 4000;
  }
  EXPECT_NEAR(mean, 0, 5 * 0.5 / std::sqrt(4000.0));
  EXPECT_NEAR(two, 0.25, 0.02);
}

TEST(Init, SparseColumns) {
  Tensor w = empty({10, 4});
  init::sparse(w, 0.25);
  EXPECT_TRUE(equal(sum(cast(w == 0.0, int64), 0), full_like(zeros({4}, int64), 3)));
  const Moments m = moments({1000, 1000}, [](Tensor& x) { init::sparse(x, 0.5); });
  EXPECT_NEAR(m.std, 0.01 / std::sqrt(2.0), 1e-4);
}

TEST(Init, Errors) {
  Tensor v = empty({8}), w = empty({4, 4}), k = empty({4, 4, 3});
  EXPECT_THROW(init::he_normal(v), ShapeError);
  EXPECT_THROW(init::identity(k), ShapeError);
  EXPECT_THROW(init::dirac(w), ShapeError);
  EXPECT_THROW(init::dirac(k, 3), ArgumentError);
  EXPECT_THROW(init::sparse(w, 1.5), ArgumentError);
  EXPECT_THROW(init::normal(w, 0, -1), ArgumentError);
}

// ---- policies ------------------------------------------------------------------------------------

nn::Sequential make_net() {
  return nn::Sequential{nn::Conv2d(3, 16, {.padding = 1}),
                        nn::BatchNorm(16),
                        nn::PReLU(),
                        nn::Flatten(),
                        nn::Linear(16 * 6 * 6, 64),
                        nn::ReLU(),
                        nn::Linear(64, 10)};
}
Tensor named(const nn::Sequential& net, const std::string& name) {
  for (const auto& p : nn::named_parameters(net))
    if (p.name == name) return detach(p.parameter);
  return {};
}

TEST(InitPolicy, DrawsWeightsAndZeroesBiases) {
  nn::Sequential net = make_net();
  Generator a(3), b(3);
  nn::init(net, init::he(), a);
  Tensor first = empty({16, 3, 3, 3});
  EXPECT_TRUE(equal(named(net, "0.weight"), init::he_normal(first, {}, b)));
  EXPECT_NEAR(stddev(named(net, "4.weight")).item(), std::sqrt(2.0 / 576), 1e-3);
  EXPECT_TRUE(equal(named(net, "4.bias"), zeros({64})));
  EXPECT_TRUE(equal(named(net, "1.weight"), ones({16})));
  EXPECT_EQ(named(net, "2.weight").to_vector()[0], 0.25);
}

TEST(InitPolicy, EachPolicyIsItsFill) {
  nn::Linear net(300, 200);
  const auto std_after = [&](const init::Policy& policy) {
    nn::init(net, policy);
    return stddev(detach(net.weight)).item();
  };
  EXPECT_NEAR(std_after(init::normal(0, 0.01)), 0.01, 1e-4);
  EXPECT_NEAR(std_after(init::uniform(-3, 3)), std::sqrt(3.0), 0.02);
  EXPECT_NEAR(std_after(init::truncated_normal(0, 1, -2, 2)), 0.8796, 0.01);
  for (const auto& policy : {init::xavier(), init::xavier_uniform()})
    EXPECT_NEAR(std_after(policy), std::sqrt(2.0 / 500), 1e-3);
  for (const auto& policy : {init::he(), init::he_uniform()})
    EXPECT_NEAR(std_after(policy), std::sqrt(2.0 / 300), 1e-3);
  for (const auto& policy : {init::lecun(), init::lecun_uniform(), init::orthogonal()})
    EXPECT_NEAR(std_after(policy), std::sqrt(1.0 / 300), 1e-3);
  EXPECT_NEAR(std_after(init::sparse(0.75, 0.1)), 0.05, 1e-3);
  nn::init(net, init::identity());
  EXPECT_TRUE(equal(detach(net.weight), eye(200, 300)));
  nn::init(net, {[](Tensor& w, Generator&) { init::ones(w); }});
  EXPECT_TRUE(equal(detach(net.weight), ones({200, 300})));
}

TEST(InitPolicy, TiedWeightsAreDrawnOnceAndWrappersFollow) {
  struct Tied : nn::Module<Tied> {
    nn::Linear a{4, 4}, b{4, 4};
    Tensor forward(const Tensor& x) { return b(a(x)); }
  } tied;
  tied.b.weight = tied.a.weight;
  Generator g(1), h(1);
  nn::init(tied, init::he(), g);
  Tensor w = empty({4, 4});
  EXPECT_TRUE(equal(detach(tied.b.weight), init::he_normal(w, {}, h)));
  nn::WeightNorm normed{nn::Linear(8, 6)};
  nn::init(normed, init::he());
  EXPECT_TRUE(all_close(detach(normed.weight()), detach(normed.weight_v)));
  nn::SpectralNorm divided{nn::Linear(8, 6)};
  nn::init(divided, init::he());
  EXPECT_NEAR(svd(detach(divided.weight())).s.to_vector()[0], 1, 1e-2);
}

TEST(InitPolicy, GatesOfRecurrentLayersAreDrawnOneByOne) {
  nn::LSTM lstm(3, 5, {.dtype = float64});
  nn::init(lstm, init::orthogonal());
  for (const auto& p : nn::named_parameters(lstm))
    for (const Tensor& gate : split(detach(p.parameter), 5, 0)) {
      if (gate.rank() == 1) continue;
      EXPECT_TRUE(all_close(matmul(transpose(gate), gate), eye(gate.size(1), -1, float64), 0, 1e-12)) << p.name;
    }
}

TEST(InitPolicy, WarnsWhereSymmetryIsKept) {
  std::vector<std::string> warnings;
  const WarningHandler before = on_warning([&](const std::string& text) { warnings.push_back(text); });
  nn::Sequential net = make_net();
  for (const auto& policy : {init::zeros(), init::ones(), init::constant(0.5)}) nn::init(net, policy);
  EXPECT_EQ(warnings.size(), 3U);
  for (const auto& policy : {init::he(), init::normal(0, 0.01), init::identity()}) nn::init(net, policy);
  nn::Linear softmax_regression(4, 3);
  nn::init(softmax_regression, init::zeros());
  EXPECT_EQ(warnings.size(), 3U);
  ASSERT_FALSE(warnings.empty());
  EXPECT_NE(warnings[0].find("all weights of each layer are equal"), std::string::npos);
  on_warning(before);
}

TEST(Lsuv, EveryLayersResultsGetUnitVariance) {
  nn::Sequential net{nn::Conv2d(3, 8, {.padding = 1}),
                     nn::ReLU(),
                     nn::Flatten(),
                     nn::Linear(8 * 36, 50),
                     nn::Tanh(),
                     nn::MaxoutLinear(50, 20, 3),
                     nn::Linear(20, 5)};
  const Tensor x = 7 * normal({200, 3, 6, 6}) + 1;
  nn::init(net, init::lsuv(x));
  Tensor y = x;
  for (nn::AnyModule& layer : net) {
    y = layer(y);
    if (nn::parameters(layer).empty()) continue;
    EXPECT_NEAR(var(y).item(), 1, 1e-4);
  }

  EXPECT_THROW(nn::init(net, init::lsuv(zeros({4, 3, 6, 6}))), ArgumentError);
}

// ---- the lecture's ten layers --------------------------------------------------------------------

// CS231n 2016, lecture 6: ten layers of 500 units, standard deviations after the last.
TEST(InitPolicy, TenLayersOfTheLecture) {
  const auto last_std = [](auto activation, const init::Policy& policy) {
    nn::Sequential net;
    for (int i = 0; i < 10; ++i) {
      net.push_back(nn::Linear(500, 500, {.bias = false}));
      net.push_back(activation);
    }
    Generator g(5);
    nn::init(net, policy, g);
    return no_grad([&] { return stddev(net(normal({500, 500}, 0, 1, float32, g))).item(); });
  };
  EXPECT_NEAR(last_std(nn::Tanh(), init::normal(0, 0.01)), 2.992e-7, 1.5e-8);
  EXPECT_NEAR(last_std(nn::Tanh(), init::normal(0, 1)), 0.9816, 0.001);
  EXPECT_NEAR(last_std(nn::Tanh(), init::lecun()), 0.2293, 0.006);
  EXPECT_NEAR(last_std(nn::ReLU(), init::lecun()), 0.02739, 0.014);
  EXPECT_NEAR(last_std(nn::ReLU(), init::he()), 0.8765, 0.4);
}

}  // namespace
}  // namespace gradus
