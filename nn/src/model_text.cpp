#include "gradus/nn/model_text.h"

#include "gradus/nn/conv.h"
#include "gradus/nn/init.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/norm.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace gradus::nn {
namespace {

using init::Nonlinearity;

constexpr std::int64_t kMostWeights = std::int64_t{1} << 32;  // of one layer

using gradus::detail::Phrase;

/// What the words build on: the shape of a row so far, and the layers.
struct Build {
  Shape shape;
  Generator& generator;
  std::vector<AnyModule> layers;
  Parameter* unset = nullptr;  // the last weight, if it waits for what follows

  template <class M>
  M& add(M module) {
    layers.emplace_back(std::move(module));
    return *layers.back().get_if<M>();
  }
};

/// Reports a mistake, and where in the text it is.
[[noreturn]] void refuse(const Phrase& phrase, const std::string& what) {
  gradus::detail::fail<ArgumentError>("model", fmt::format("{} at position {}", what, phrase.at + 1));
}

struct Word;
std::string usage_of(const Word& word);

/// The numbers of a word, checked.
class Numbers {
 public:
  Numbers(const Word& word, const Phrase& phrase) : word_(word), phrase_(phrase) {}

  bool has(std::size_t i) const { return i + 1 < phrase_.words.size(); }
  std::int64_t whole(std::size_t i, std::int64_t least) const {
    const double value = number(i);
    if (value != std::floor(value) || value < static_cast<double>(least) || value > 1e9)
      wrong(fmt::format("a whole number >= {}", least));
    return static_cast<std::int64_t>(value);
  }
  double number(std::size_t i) const {
    const std::string_view text = phrase_.words[i + 1];
    const std::optional<double> value = gradus::detail::from_text<double>(text);
    if (!value || !std::isfinite(*value)) wrong("a number");
    return *value;
  }
  [[noreturn]] void wrong(const std::string& expected) const {
    refuse(phrase_, fmt::format("expected {} for '{}', got '{}'", expected, usage_of(word_), spell(phrase_)));
  }
  [[noreturn]] void wrong_shape(const std::string& expected, const Shape& shape) const {
    refuse(phrase_, fmt::format("expected rows of {} for '{}', got {}", expected, spell(phrase_), to_string(shape)));
  }

 private:
  const Word& word_;
  const Phrase& phrase_;
};

struct Word {
  std::string_view name;
  std::string_view numbers;  // "N", or "[S]" for one that may be left out
  std::string_view about;
  void (*build)(Build& b, const Numbers& n);
  std::optional<Nonlinearity> bends = {};  // what it means to the weights before it
};

/// Draws the weight that waits for it.
void settle(Build& b, Nonlinearity nonlinearity) {
  if (b.unset == nullptr) return;
  init::he_normal(*b.unset, {.nonlinearity = nonlinearity}, b.generator);
  b.unset = nullptr;
}

void flatten_rows(Build& b) {
  if (b.shape.rank() == 1) return;
  b.add(Flatten{});
  b.shape = {b.shape.numel()};
}

void fully_connected(Build& b, const Numbers& n) {
  const std::int64_t out = n.whole(0, 1);
  settle(b, Nonlinearity::linear);
  flatten_rows(b);
  if (b.shape[0] < 1) n.wrong_shape("at least 1 value", b.shape);
  if (out > kMostWeights / b.shape[0]) n.wrong("a layer that fits in memory");
  Linear& layer = b.add(Linear(b.shape[0], out, {}, b.generator));
  init::zeros(layer.bias);
  b.unset = &layer.weight;
  b.shape = {out};
}

/// Images keep their height and width.
void convolution(Build& b, const Numbers& n) {
  const std::int64_t out = n.whole(0, 1), kernel = n.has(1) ? n.whole(1, 1) : 3;
  settle(b, Nonlinearity::linear);
  if (b.shape.rank() != 3 || b.shape.numel() < 1) n.wrong_shape("images [C, H, W]", b.shape);
  if (kernel > 1024 || out > kMostWeights / (b.shape[0] * kernel * kernel)) n.wrong("a layer that fits in memory");
  Conv2d& layer = b.add(Conv2d(b.shape[0], out, {.kernel = kernel, .padding = Padding::same}, b.generator));
  init::zeros(layer.bias);
  b.unset = &layer.weight;
  b.shape[0] = out;
}

template <class M>
void pool(Build& b, const Numbers& n) {
  const std::int64_t size = n.has(0) ? n.whole(0, 1) : 2;
  if (b.shape.rank() != 3 || b.shape[1] < size || b.shape[2] < size)
    n.wrong_shape(fmt::format("images [C, H, W] of at least {} by {}", size, size), b.shape);
  b.add(M(size));
  b.shape[1] /= size;
  b.shape[2] /= size;
}

void global_mean(Build& b, const Numbers& n) {
  if (b.shape.rank() != 3 || b.shape.numel() < 1) n.wrong_shape("images [C, H, W]", b.shape);
  b.add(AdaptiveAvgPool2d(1));
  b.shape[1] = b.shape[2] = 1;
}

void batch_norm(Build& b, const Numbers& n) {
  if (b.shape.rank() == 0 || b.shape[0] < 1) n.wrong_shape("at least 1 feature", b.shape);
  b.add(BatchNorm(b.shape[0]));
}

void layer_norm(Build& b, const Numbers& n) {
  if (b.shape.rank() == 0 || b.shape.numel() < 1) n.wrong_shape("at least 1 value", b.shape);
  b.add(LayerNorm(b.shape));
}

void group_norm(Build& b, const Numbers& n) {
  const std::int64_t groups = n.whole(0, 1);
  if (b.shape.rank() == 0 || b.shape[0] < 1 || b.shape[0] % groups != 0)
    n.wrong_shape(fmt::format("a first size that {} divides", groups), b.shape);
  b.add(GroupNorm(groups, b.shape[0]));
}

void upsample(Build& b, const Numbers& n) {
  const std::int64_t factor = n.has(0) ? n.whole(0, 1) : 2;
  if (b.shape.rank() != 3) n.wrong_shape("images [C, H, W]", b.shape);
  if (factor > 1024 || b.shape.numel() > kMostWeights / (factor * factor)) n.wrong("images that fit in memory");
  b.add(Upsample(static_cast<double>(factor)));
  b.shape[1] *= factor;
  b.shape[2] *= factor;
}

void max_of_pieces(Build& b, const Numbers& n) {
  const std::int64_t pieces = n.has(0) ? n.whole(0, 1) : 2;
  if (b.shape.rank() == 0 || b.shape.back() % pieces != 0)
    n.wrong_shape(fmt::format("a size that {} divides", pieces), b.shape);
  Maxout maxout;
  maxout.pieces = pieces;
  b.add(std::move(maxout));
  b.shape[b.shape.rank() - 1] /= pieces;
}

void drop(Build& b, const Numbers& n) {
  const double p = n.number(0);
  if (!(p >= 0 && p < 1)) n.wrong("a probability in [0, 1)");
  b.add(Dropout(p));
}

/// A layer without numbers.
template <class M>
void plain(Build& b, const Numbers&) {
  b.add(M());
}

/// A layer with one option that may be left out.
template <class M, double M::* option>
void with_option(Build& b, const Numbers& n) {
  M module;
  if (n.has(0)) module.*option = n.number(0);
  b.add(std::move(module));
}

constexpr auto kRelu = Nonlinearity::relu;

// Adding a word takes a line.
// clang-format off
constexpr Word kWords[] = {
    {"fc", "N", "fully connected, N outputs", fully_connected},
    {"conv", "N [K]", "convolution, N channels, kernel K by K (3), sizes kept", convolution},
    {"pool", "[K]", "the largest of each K by K pixels (2)", pool<MaxPool2d>},
    {"avg_pool", "[K]", "the mean of each K by K pixels (2)", pool<AvgPool2d>},
    {"global_pool", "", "the mean of each channel", global_mean},
    {"bn", "", "batch normalisation", batch_norm},
    {"layer_norm", "", "each row to mean 0 and variance 1", layer_norm},
    {"group_norm", "G", "the same of each of G groups of channels", group_norm},
    {"upsample", "[K]", "each pixel K by K times (2)", upsample},
    {"dropout", "P", "sets values to 0 with probability P in training", drop},
    {"flatten", "", "all dimensions of a row as one", [](Build& b, const Numbers&) { flatten_rows(b); }},
    {"relu", "", "max(x, 0)", plain<ReLU>, kRelu},
    {"leaky_relu", "[S]", "x where x > 0, else S x (0.01)", with_option<LeakyReLU, &LeakyReLU::negative_slope>, kRelu},
    {"prelu", "", "leaky_relu with a learnt slope", plain<PReLU>, kRelu},
    {"elu", "[A]", "x where x > 0, else A (e^x - 1) (1)", with_option<ELU, &ELU::alpha>, kRelu},
    {"selu", "", "elu scaled to keep mean 0 and variance 1", plain<SELU>, Nonlinearity::linear},
    {"gelu", "", "x Φ(x)", plain<GELU>, kRelu},
    {"silu", "", "x sigmoid(x)", plain<SiLU>, kRelu},
    {"mish", "", "x tanh(softplus(x))", plain<Mish>, kRelu},
    {"softplus", "", "log(1 + e^x)", plain<Softplus>, kRelu},
    {"sigmoid", "", "1 / (1 + e^-x)", plain<Sigmoid>, Nonlinearity::sigmoid},
    {"softsign", "", "x / (1 + |x|)", plain<Softsign>, Nonlinearity::tanh},
    {"tanh", "", "hyperbolic tangent", plain<Tanh>, Nonlinearity::tanh},
    {"maxout", "[K]", "the largest of each K neighbours (2)", max_of_pieces},
};
// clang-format on

std::string usage_of(const Word& word) {
  return word.numbers.empty() ? std::string(word.name) : fmt::format("{} {}", word.name, word.numbers);
}

const Word& find_word(const Phrase& phrase) {
  for (const Word& word : kWords)
    if (word.name == phrase.words[0]) return word;
  refuse(phrase, gradus::detail::unknown_word("a layer", phrase.words[0], kWords));
}

void check_count(const Word& word, const Phrase& phrase) {
  const auto count = [&](char c) {
    return static_cast<std::size_t>(std::count(word.numbers.begin(), word.numbers.end(), c));
  };
  const std::size_t most = word.numbers.empty() ? 0 : 1 + count(' '), least = most - count('[');
  const std::size_t got = phrase.words.size() - 1;
  if (got < least || got > most) refuse(phrase, fmt::format("expected '{}', got '{}'", usage_of(word), spell(phrase)));
}

}  // namespace

Sequential model_from_text(std::string_view text, const Shape& input, Generator& generator) {
  Build b{.shape = input, .generator = generator, .layers = {}};
  const std::vector<Phrase> layers = gradus::detail::phrases(text);
  for (const Phrase& phrase : layers)
    if (phrase.words.empty())
      gradus::detail::fail<ArgumentError>(
          "model", fmt::format("expected a layer at position {} of '{}', got none", phrase.at + 1, text));
  for (const Phrase& phrase : layers) {
    const Word& word = find_word(phrase);
    check_count(word, phrase);
    if (word.bends) settle(b, *word.bends);
    word.build(b, Numbers(word, phrase));
  }
  settle(b, Nonlinearity::linear);
  return Sequential(std::move(b.layers));
}

std::vector<ModelWord> model_words() {
  std::vector<ModelWord> words;
  for (const Word& word : kWords) words.push_back({usage_of(word), std::string(word.about)});
  return words;
}

}  // namespace gradus::nn
