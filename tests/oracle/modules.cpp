#include "oracle.h"

// Kind module: layers with several inputs or results.

namespace oracle {
namespace {

using namespace gradus;

/// Puts the case's arrays in place of the parameters. `name` says which input belongs to a parameter.
template <class M, class Name>
void give_parameters(M& module, const Call& c, Name name) {
  Arrays given;
  for (const auto& named : nn::named_parameters(module))
    if (const Tensor x = c(name(named.name)); x.defined()) given[named.name] = x;
  replace_parameters(nn::detail::ref(module), given, "");
}
const auto same = [](const std::string& name) { return name; };

template <class M>
Function recurrent() {
  return [](const Call& c) {
    M module(c.integer("input_size"),
             c.integer("hidden_size"),
             {.num_layers = c.has("num_layers") ? c.integer("num_layers") : 1,
              .bias = !c.has("bias") || c.flag("bias"),
              .batch_first = c.has("batch_first") && c.flag("batch_first"),
              .bidirectional = c.has("bidirectional") && c.flag("bidirectional"),
              .relu = c.has("nonlinearity") && c.text("nonlinearity") == "relu",
              .dtype = float64});
    give_parameters(module, c, same);
    const nn::Recurred r = module(c("x"), c("h0"), c("c0"));
    std::vector<Tensor> results{r.y, r.h};
    if (r.c.defined()) results.push_back(r.c);
    return results;
  };
}

std::vector<Tensor> multihead_attention(const Call& c) {
  nn::MultiheadAttention module(c.integer("embed_dim"),
                                c.integer("num_heads"),
                                {.bias = !c.has("bias") || c.flag("bias"),
                                 .batch_first = c.has("batch_first") && c.flag("batch_first"),
                                 .dtype = float64});
  give_parameters(module, c, [](std::string name) {
    for (char& letter : name)
      if (letter == '.') letter = '_';
    return name;
  });
  const Tensor query = c("query"), key = c("key").defined() ? c("key") : query,
               value = c("value").defined() ? c("value") : key;
  const nn::AttentionMask mask{
      .key_padding = c("key_padding_mask"), .causal = c.has("causal") && c.flag("causal"), .weights = true};
  const nn::Attended r = module(query, key, value, mask);
  return {r.y, r.weights};
}

std::vector<Tensor> transformer_encoder_layer(const Call& c) {
  auto module = transformer_layer<nn::TransformerEncoderLayer>(c);
  give_parameters(module, c, same);
  return {module(c("x"))};
}

}  // namespace

Functions module_functions() {
  return {{"rnn", recurrent<nn::RNN>()},
          {"lstm", recurrent<nn::LSTM>()},
          {"gru", recurrent<nn::GRU>()},
          {"multihead_attention", multihead_attention},
          {"transformer_encoder_layer", transformer_encoder_layer}};
}

}  // namespace oracle
