#include "gradus/nn/conv.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::nn::detail {

ConvParameters conv_parameters(const ConvSizes& sizes, bool bias, DType dtype, Generator& generator) {
  const auto& [in, out, groups, kernel, spatial, transposed] = sizes;
  const char* const op = transposed ? "conv_transpose" : "conv";
  if (in < 1 || out < 1 || groups < 1 || in % groups != 0 || out % groups != 0)
    fail<ArgumentError>(op,
                        fmt::format("expected channels >= 1 that the groups divide, got {} "
                                    "and {} in {} groups",
                                    in,
                                    out,
                                    groups));
  if (kernel.count() != 1 && kernel.count() != spatial)
    fail<ArgumentError>(op,
                        fmt::format("expected a kernel for one or {} axes, got {} numbers", spatial, kernel.count()));
  Shape shape = transposed ? Shape{in, out / groups} : Shape{out, in / groups};
  for (int d = 0; d < spatial; ++d) {
    if (kernel[d] < 1) fail<ArgumentError>(op, fmt::format("expected kernel sizes >= 1, got {}", kernel[d]));
    shape.push_back(kernel[d]);
  }
  const double fan_in = static_cast<double>(shape.numel() / shape[0]), bound = 1 / std::sqrt(fan_in);
  ConvParameters made;
  made.weight = uniform(shape, -bound, bound, dtype, generator);
  if (bias) made.bias = uniform({out}, -bound, bound, dtype, generator);
  return made;
}

std::string describe_conv(const Tensor& weight, std::int64_t in, std::int64_t out) {
  std::string kernel;
  for (int d = 2; d < weight.rank(); ++d) kernel += fmt::format("{}{}", d > 2 ? "×" : "", weight.size(d));
  return fmt::format("{} → {}, {}", in, out, kernel);
}

std::string describe_pool(const PerAxis& sizes) {
  std::string text;
  for (int d = 0; d < sizes.count(); ++d) text += fmt::format("{}{}", d > 0 ? "×" : "", sizes[d]);
  return text;
}

}  // namespace gradus::nn::detail
