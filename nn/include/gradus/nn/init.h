#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/module.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <functional>
#include <utility>

GRADUS_EXPORT_BEGIN
/// Initialisers. Those with a tensor fill it in place and hand it back:
///
///     init::he_normal(net.fc1.weight);
///
/// those without are policies for a whole model:
///
///     nn::init(net, init::he());
///
/// A weight is [out, in, k…]: its fan-in is in times the product of the k, its fan-out out times that.
///   errors    ShapeError for a tensor of fewer dimensions than needed (two, where fans are); ArgumentError for a
///             number out of its range
namespace gradus::init {

/// What follows the layer.
enum class Nonlinearity : std::uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };

/// The factor by which weights are larger than 1/sqrt(fan) for values to keep their variance through the
/// nonlinearity, as customary: 1, 1, 5/3, sqrt 2, sqrt(2 / (1 + slope^2)), 3/4.
double gain(Nonlinearity nonlinearity, double slope = 0.01);
/// The same for any activation f: 1/sqrt(E f(z)^2) for z normal with mean 0 and variance 1, by quadrature. Sqrt 2 for
/// relu, 1.5335 for gelu, 1.6765 for silu, 1.2452 for elu, 1.5925 for tanh.
double gain(const std::function<Tensor(const Tensor&)>& f);

/// {fan-in, fan-out} of a weight.
std::pair<std::int64_t, std::int64_t> fans(const Tensor& weight, CallSite site = CallSite::here());

/// The tensor to fill, and the line that asks for it, which errors name.
struct Target {
  Target(Tensor& t, CallSite at = CallSite::here()) : tensor(t), site(at) {}

  Tensor& tensor;
  CallSite site;
};

// ---- fills --------------------------------------------------------------------------------------

/// All 0.
Tensor& zeros(Target target);
/// All 1.
Tensor& ones(Target target);
/// All `value`.
Tensor& constant(Target target, double value);
/// A matrix with ones on its diagonal.
Tensor& identity(Target target);
/// A kernel [out, in, k…] that hands on the first channels of each group: ones in the middle of [g out/groups + d, d].
///   errors    ArgumentError unless groups divide out; ShapeError unless it has 3 to 5 dimensions
Tensor& dirac(Target target, std::int64_t groups = 1);

/// Uniform in [low, high).
Tensor& uniform(Target target, double low = 0, double high = 1, Generator& generator = default_generator());
/// Normal with that mean and standard deviation.
Tensor& normal(Target target, double mean = 0, double std = 1, Generator& generator = default_generator());
/// Normal, restricted to [low, high].
Tensor& truncated_normal(Target target,
                         double mean = 0,
                         double std = 1,
                         double low = -2,
                         double high = 2,
                         Generator& generator = default_generator());

/// Keeps the variance forward and backward on average: standard deviation gain sqrt(2 / (fan-in + fan-out)). What
/// CS231n calls Xavier, 1 / sqrt(fan-in), is lecun_normal; where fan-in and fan-out are equal both are the same.
///   source    Glorot & Bengio 2010, equation 12 and section 4.2.1
Tensor& xavier_uniform(Target target, double gain = 1, Generator& generator = default_generator());
/// The same variance, normal.
Tensor& xavier_normal(Target target, double gain = 1, Generator& generator = default_generator());

/// Which variance is kept: that of values (in) or of gradients (out).
enum class Fan : std::uint8_t { in, out };

struct HeOptions {
  Fan fan = Fan::in;
  Nonlinearity nonlinearity = Nonlinearity::relu;
  double slope = 0.01;  // of leaky_relu
};
/// Keeps the variance through rectifiers: standard deviation gain / sqrt(fan), so sqrt(2 / fan-in) if nothing is said.
///   source    He et al. 2015, arXiv:1502.01852, equations 10 and 14
Tensor& he_uniform(Target target, HeOptions options = {}, Generator& generator = default_generator());
/// The same variance, normal.
Tensor& he_normal(Target target, HeOptions options = {}, Generator& generator = default_generator());

/// Keeps the variance of values: standard deviation 1 / sqrt(fan-in). CS231n's lecture 6 calls this Xavier.
///   source    LeCun et al. 1998, "Efficient BackProp", section 4.6
Tensor& lecun_uniform(Target target, Generator& generator = default_generator());
/// The same variance, normal.
Tensor& lecun_normal(Target target, Generator& generator = default_generator());

/// gain times a matrix [out, rest] with orthonormal rows, or columns where it has fewer of these; every such matrix is
/// equally likely.
///   source    Saxe et al. 2013, arXiv:1312.6120; Mezzadri 2007, arXiv:math-ph/0609050
Tensor& orthogonal(Target target, double gain = 1, Generator& generator = default_generator());

/// Normal with mean 0, but in each column of the matrix [out, rest] ceil(sparsity out) elements are 0.
///   errors    ArgumentError unless 0 <= sparsity <= 1
///   source    Martens 2010, "Deep learning via Hessian-free optimization", section 5
Tensor& sparse(Target target, double sparsity, double std = 0.01, Generator& generator = default_generator());

// ---- policies -----------------------------------------------------------------------------------

/// What is done with a model's parameters. Any function of a tensor and a generator can be a policy:
///
///     nn::init(net, {[](Tensor& w, Generator& g) { init::uniform(w, -0.1, 0.1, g); }});
struct Policy {
  using Fill = std::function<void(Tensor& weight, Generator& generator)>;
  /// Of parameters with two dimensions or more.
  Fill weight{};
  /// Of parameters with one dimension that are called bias….
  Fill bias = [](Tensor& b, Generator&) { zeros(b); };
};

/// Weights of 0.
Policy zeros();
/// Weights of 1.
Policy ones();
/// Weights of one value.
Policy constant(double value);
/// identity for matrices, dirac for kernels.
Policy identity();
/// Weights uniform in [low, high).
Policy uniform(double low, double high);
/// normal(0, 0.01): small random numbers.
Policy normal(double mean, double std);
/// normal, restricted to [low, high].
Policy truncated_normal(double mean, double std, double low, double high);
/// xavier_normal and xavier_uniform; for what CS231n calls Xavier see lecun.
Policy xavier(double gain = 1);
/// xavier_uniform for all weights.
Policy xavier_uniform(double gain = 1);
/// he_normal and he_uniform.
Policy he(HeOptions options = {});
/// he_uniform for all weights.
Policy he_uniform(HeOptions options = {});
/// lecun_normal and lecun_uniform: the Xavier of CS231n's lecture 6.
Policy lecun();
/// lecun_uniform for all weights.
Policy lecun_uniform();
/// orthogonal for all weights.
Policy orthogonal(double gain = 1);
/// sparse for all weights.
Policy sparse(double sparsity, double std = 0.01);

/// Layer-sequential unit variance: orthogonal weights without biases, each divided by what makes the variance of its
/// layer's results for a batch 1, layer after layer in the order of evaluation. Layers are Linear, MaxoutLinear and
/// convolutions; one that occurs twice is scaled at its first evaluation.
///   source    Mishkin & Matas 2015, arXiv:1511.06422, algorithm 1
struct Lsuv {
  Tensor batch;
};
inline Lsuv lsuv(Tensor batch) { return {std::move(batch)}; }

}  // namespace gradus::init

namespace gradus::nn {

namespace detail {
void init(ModuleRef model, const gradus::init::Policy& policy, Generator& generator);
void init(ModuleRef model, const gradus::init::Lsuv& lsuv, const std::function<void()>& run, Generator& generator);
}  // namespace detail

/// Draws the parameters of a model anew. Tables of embeddings, normalisations and the slopes of PReLU stay as they
/// are; WeightNorm and SpectralNorm follow their weights; each gate of a recurrent layer is drawn on its own. Warns
/// (on_warning) if a model of several weights gets equal elements in each of them: units that begin alike stay alike.
template <Model M>
void init(M& model,
          const gradus::init::Policy& policy,
          Generator& generator = default_generator(),
          CallSite site = CallSite::here()) {
  const gradus::detail::SitePin pin(site);
  detail::init(detail::ref(model), policy, generator);
}
/// The same with a batch of inputs; the model stays in the mode in which it is. ArgumentError if a layer's results
/// have no finite variance above 0.
template <Model M>
void init(M& model,
          const gradus::init::Lsuv& lsuv,
          Generator& generator = default_generator(),
          CallSite site = CallSite::here()) {
  const gradus::detail::SitePin pin(site);
  detail::init(detail::ref(model), lsuv, [&] { static_cast<void>(model(lsuv.batch)); }, generator);
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
