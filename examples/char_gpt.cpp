// A character-level transformer that only looks back (Vaswani et al. 2017, arXiv:1706.03762; Radford et al. 2018)
// learns a nursery rhyme and writes one.
#include <gradus/gradus.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace gradus::prelude;

const std::string kText = R"(This is the house that Jack built.

This is the malt
That lay in the house that Jack built.

This is the rat
That ate the malt
That lay in the house that Jack built.

This is the cat
That killed the rat
That ate the malt
That lay in the house that Jack built.

This is the dog
That worried the cat
That killed the rat
That ate the malt
That lay in the house that Jack built.

This is the cow with the crumpled horn
That tossed the dog
That worried the cat
That killed the rat
That ate the malt
That lay in the house that Jack built.
)";
constexpr std::int64_t kContext = 32, kWidth = 48, kHeads = 4, kBatch = 8;

struct Gpt : nn::Module<Gpt> {
  nn::Embedding token, position;
  std::vector<nn::TransformerEncoderLayer> blocks;
  nn::LayerNorm norm{kWidth};
  nn::Linear head;

  explicit Gpt(std::int64_t symbols) : token(symbols, kWidth), position(kContext, kWidth), head(kWidth, symbols) {
    const nn::TransformerEncoderLayerOptions options{
        .dim_feedforward = 4 * kWidth, .dropout = 0, .batch_first = true, .norm_first = true};
    for (int i = 0; i < 2; ++i) blocks.emplace_back(kWidth, kHeads, options);
  }
  auto fields() {
    return nn::fields("token", token, "position", position, "blocks", blocks, "norm", norm, "head", head);
  }
  /// Scores [N, T, symbols] of what follows each character of x [N, T].
  Tensor forward(const Tensor& x) {
    Tensor h = token(x) + position(arange(x.size(1)));
    for (auto& block : blocks) h = block(h, nn::AttentionMask{.causal = true});
    return head(norm(h));
  }
};

int main() {
  manual_seed(0);
  set_num_threads(1);
  std::string letters;
  std::map<char, std::int64_t> code;
  std::vector<std::int64_t> coded;
  for (char c : kText) {
    if (code.emplace(c, letters.size()).second) letters += c;
    coded.push_back(code[c]);
  }
  const Tensor text = from_vector(coded);
  const std::int64_t length = text.size(0), symbols = static_cast<std::int64_t>(letters.size());

  // What the pair statistics of the text leave to be said of a character: a model that looks further back beats it.
  const Tensor counts = matmul(transpose(one_hot(narrow(text, 0, 0, length - 1), symbols)),
                               one_hot(narrow(text, 0, 1, length - 1), symbols));
  const Tensor given = sum(counts, 1, true);
  const double of_pairs = -sum(xlogy(counts, counts / clamp(given, 1, 1e9))).item() / static_cast<double>(length - 1);

  Gpt gpt(symbols);
  const auto loss_of = [&](const Tensor& from) {
    const Tensor places = flatten(unsqueeze(from, 1) + arange(kContext), 0);
    const Tensor x = reshape(index_select(text, 0, places), {-1, kContext});
    return nn::cross_entropy(flatten(gpt(x), 0, 1), index_select(text, 0, places + 1));
  };
  const std::int64_t starts = length - kContext;
  const Tensor all = arange(starts);
  optim::AdamW adam{parameters(gpt), {.lr = 3e-3}};
  const double before = no_grad([&] { return loss_of(all); }).item();
  for (int step = 0; step < 150; ++step) {
    adam.zero_grad();
    backward(loss_of(cast(uniform({kBatch}, 0, static_cast<double>(starts)), int64)));
    optim::clip_grad_norm(adam.parameters(), 1.0);
    adam.step();
  }
  const NoGrad guard;
  const double after = loss_of(all).item();
  std::printf("nats a character: %.2f -> %.2f; by pairs of characters %.2f\n", before, after, of_pairs);

  const double temperature = 0.5;
  std::string written = "This is the cat";
  for (int i = 0; i < 120; ++i) {
    std::vector<std::int64_t> seen;
    for (char c : written.substr(written.size() - std::min<std::size_t>(written.size(), kContext)))
      seen.push_back(code[c]);
    const Tensor scores = select(gpt(unsqueeze(from_vector(seen), 0)), 1, -1);
    const auto next = multinomial(softmax(scores / temperature, 1), 1).item<std::int64_t>();
    written += letters[static_cast<std::size_t>(next)];
  }
  std::printf("%s\n", written.c_str());
  return !(after < 0.7 * of_pairs);
}
