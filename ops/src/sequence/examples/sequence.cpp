#include "gradus/ops/sequence.h"

#include "examples.h"

#include "gradus/ops/shape.h"

namespace gradus::detail {

std::span<const OpEntry> sequence_ops() {
  const auto look_up = [](In in) { return embedding(in[0], in[1]); };
  const auto bags = [](BagMode mode) {
    return [=](In in) { return embedding_bag(in[0], from_vector(std::vector<std::int64_t>{0, 2, 2}), in[1], mode); };
  };
  const auto index = [](const Shape& shape) { return Sample{shape, domain(0, 4), Sample::Kind::index}; };
  const Sample table{{4, 3}}, distinct{{4, 3}, domain(-4, 4), Sample::Kind::distinct};
  static const ExampleRow rows[] = {
      {"embedding",
       {"rows i of a matrix", "g, added at rows i"},
       {{"", {index({2, 3}), table}, look_up}, {"no rows", {index({0}), table}, look_up}}},
      {"embedding_bag",
       {"rows added, averaged or compared in bags", "g, taken to the rows of the bag"},
       {{"sum", {index({5}), table}, bags(BagMode::sum)},
        {"mean", {index({5}), table}, bags(BagMode::mean)},
        {"max", {index({5}), distinct}, bags(BagMode::max)}}},
      {"bilinear",
       {"y_o = aᵀ W_o b + c_o", "sums with the other two factors"},
       {{"", {{{4, 3}}, {{4, 2}}, {{2, 3, 2}}, {{2}}}, [](In in) { return bilinear(in[0], in[1], in[2], in[3]); }},
        {"vectors", {{{3}}, {{2}}, {{2, 3, 2}}}, [](In in) { return bilinear(in[0], in[1], in[2]); }}}},
  };
  static const std::vector<OpEntry> all = entries<rows>();
  return all;
}

}  // namespace gradus::detail
