// Prints values and gradients of ops of every kind, for processors.sh to compare between builds of the libraries.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

using namespace gradus::prelude;

namespace {

/// Its elements, so scaled that the largest is 1.
void print(const Tensor& x) {
  double most = 0;
  for (const double value : x.to_vector()) most = std::fmax(most, std::fabs(value));
  for (const double value : x.to_vector()) std::printf("%.9g\n", most > 0 ? value / most : value);
}

struct Net : nn::Module<Net> {
  // A bias before a norm has the gradient 0 but for rounding, of which the largest would be scaled to 1.
  nn::Conv2d conv{3, 8, {.kernel = 3, .padding = 1, .bias = false}};
  nn::BatchNorm bn{8};
  nn::Linear fc{8 * 16, 32};
  nn::LayerNorm norm{32};
  nn::GRU gru{32, 16};
  nn::MultiheadAttention attention{16, 2};
  nn::Linear head{16, 5};
  Tensor forward(const Tensor& x) {
    const Tensor y = max_pool2d(gelu(bn(conv(x))), 2);
    const Tensor rows = norm(tanh(fc(flatten(y))));
    const Tensor steps = gru(unsqueeze(rows, 1)).y;
    return head(squeeze(attention(steps).y, 1));
  }
};

}  // namespace

int main() {
  manual_seed(7);
  Net net;
  const Tensor x = leaf(normal({12, 3, 8, 8}, 0, 1));
  const Tensor labels = remainder(arange(12), 5);
  const Tensor y = net(x);
  backward(cross_entropy(y, labels));
  print(y);
  print(gradient(x));
  for (const auto& parameter : parameters(net)) print(gradient(parameter));

  const Tensor a = reshape(uniform({400}, 0.1, 4), {20, 20});
  for (const Tensor& z : {exp(a),
                          log(a),
                          sin(a),
                          erf(a),
                          pow(a, 1.7),
                          cumsum(a, 1),
                          softmax(a, 0),
                          sort(a, 1).values,
                          matmul(a, a),
                          logsumexp(a, {0}),
                          var(a, {1}),
                          rsqrt(a)})
    print(z);
}
