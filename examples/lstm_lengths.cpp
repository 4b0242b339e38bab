// A long short-term memory (Hochreiter & Schmidhuber 1997) over sequences of different lengths, padded to those of a
// batch: each is judged by the state at its own end, which padding behind it doesn't change.
#include <gradus/gradus.h>

#include <cstdio>
#include <vector>

using namespace gradus::prelude;

constexpr std::int64_t kSymbols = 4, kMarker = 4, kHidden = 32, kShortest = 3, kLongest = 20;

struct Net : nn::Module<Net> {
  nn::Embedding embedding{kSymbols + 1, 16};
  nn::LSTM lstm{16, kHidden, {.batch_first = true}};
  nn::Linear fc{kHidden, kSymbols};
  /// x [N, T] and lengths [N]; scores [N, symbols].
  Tensor forward(const Tensor& x, const Tensor& lengths) {
    const Tensor y = lstm(embedding(x)).y;
    const Tensor ends = broadcast_to(reshape(lengths - 1, {-1, 1, 1}), {x.size(0), 1, kHidden});
    return fc(squeeze(gather(y, 1, ends), 1));
  }
};

/// A sequence of symbols with a marker among them, and the symbol behind the marker.
data::Example draw() {
  auto& generator = gradus::default_generator();
  const std::int64_t length = kShortest + generator.below(kLongest - kShortest + 1), at = generator.below(length - 1);
  std::vector<std::int64_t> x;
  for (std::int64_t t = 0; t < length; ++t) x.push_back(t == at ? kMarker : generator.below(kSymbols));
  return {gradus::from_vector(x), tensor({x[static_cast<std::size_t>(at) + 1]}, int64)};
}

int main() {
  manual_seed(0);
  Net net;
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  const data::Source source{.size = 6000, .get = [](std::int64_t) { return draw(); }, .collate = data::pad_collate()};
  for (const data::Batch& batch : data::Loader(source, {.batch = 32})) {
    adam.zero_grad();
    backward(nn::cross_entropy(net(batch.inputs, batch.lengths), squeeze(batch.targets, 1)));
    optim::clip_grad_norm(adam.parameters(), 1.0);
    adam.step();
  }

  std::vector<Tensor> sequences, answers;
  for (int i = 0; i < 500; ++i) {
    const auto [x, y] = draw();
    sequences.push_back(x);
    answers.push_back(y);
  }
  const auto [x, lengths] = data::pad_sequences(sequences);
  const auto [wide, same_lengths] = data::pad_sequences(sequences, {.length = 2 * kLongest});
  const NoGrad guard;
  const Tensor scores = net(x, lengths);
  const double difference = max(abs(scores - net(wide, same_lengths))).item();
  const double right = mean(cast(argmax(scores, 1) == concat(answers, 0), float64)).item();
  std::printf(
      "%.1f %% of new sequences are judged right; twice the padding changes scores by %.1e\n", 100 * right, difference);
  return !(right > 0.95 && difference < 1e-4);
}
