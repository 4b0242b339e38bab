#include "oracle.h"

#include <cmath>

// Names and attributes as torch's functions have them.

namespace oracle {
namespace {

using namespace gradus;

/// The input of the first of these names that the case has.
Tensor named(const Call& c, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const Tensor x = c(name); x.defined()) return x;
  return {};
}
/// Input i of the call; undefined if there are fewer.
Tensor input(const Call& c, std::size_t i) {
  const auto all = c.all();
  return i < all.size() ? all[i] : Tensor();
}

PerAxis sizes(const Call& c, const char* key, PerAxis otherwise) {
  if (!c.has(key)) return otherwise;
  return c.attrs().at(key).is_number() ? PerAxis(c.integer(key)) : PerAxis(c.shape(key));
}
double p_of(const Call& c, const char* key) {
  if (!c.has(key)) return 2;
  return c.attrs().at(key).is_string() ? INFINITY : c.number(key);
}

Tensor grid_sample_case(const Call& c) {
  const std::string mode = c.has("mode") ? c.text("mode") : "bilinear",
                    padding = c.has("padding_mode") ? c.text("padding_mode") : "zeros";
  return grid_sample(input(c, 0),
                     input(c, 1),
                     {.mode = mode == "nearest"   ? GridMode::nearest
                              : mode == "bicubic" ? GridMode::cubic
                                                  : GridMode::linear,
                      .padding = padding == "border"       ? GridPadding::border
                                 : padding == "reflection" ? GridPadding::reflection
                                                           : GridPadding::zeros,
                      .align_corners = c.flag("align_corners")});
}

using Unpool = Tensor (*)(Arg, const Tensor&, const PerAxis&, const MaxUnpoolOptions&);
Function max_unpool(Unpool f) {
  return one([f](const Call& c) {
    MaxUnpoolOptions options{.stride = sizes(c, "stride", {}), .padding = sizes(c, "padding", 0)};
    if (c.has("output_size")) {
      // Of all axes, or of the spatial ones.
      const Shape all = c.shape("output_size"), kernel = input(c, 0).shape();
      Shape spatial;
      for (int d = all.rank() == kernel.rank() ? 2 : 0; d < all.rank(); ++d) spatial.push_back(all[d]);
      options.size = PerAxis(spatial);
    }
    return f(input(c, 0), input(c, 1), sizes(c, "kernel_size", 1), options);
  });
}

using LpPool = Tensor (*)(Arg, double, const PerAxis&, const LpPoolOptions&);
Function lp_pool(LpPool f) {
  return one([f](const Call& c) {
    return f(input(c, 0),
             p_of(c, "norm_type"),
             sizes(c, "kernel_size", 1),
             {.stride = sizes(c, "stride", {}), .ceil_mode = c.flag("ceil_mode")});
  });
}

/// Lengths as an input or as an attribute.
Tensor lengths(const Call& c, const char* name) {
  if (const Tensor x = c(name); x.defined()) return x;
  return from_vector(c.attrs().at(name).get<std::vector<std::int64_t>>());
}

Tensor ctc_case(const Call& c) {
  const Tensor x = named(c, {"log_probs", "x"});
  return ctc_loss(
      x,
      named(c, {"targets", "target"}),
      lengths(c, "input_lengths"),
      lengths(c, "target_lengths"),
      {.blank = c.integer("blank", 0), .reduction = reduction_of(c), .zero_infinity = c.flag("zero_infinity")});
}

Tensor scatter_reduce_case(const Call& c) {
  static const std::map<std::string, ScatterReduce> table{{"sum", ScatterReduce::sum},
                                                          {"add", ScatterReduce::sum},
                                                          {"prod", ScatterReduce::prod},
                                                          {"multiply", ScatterReduce::prod},
                                                          {"mean", ScatterReduce::mean},
                                                          {"amax", ScatterReduce::max},
                                                          {"amin", ScatterReduce::min}};
  return scatter_reduce(input(c, 0),
                        c.integer("dim"),
                        input(c, 1),
                        input(c, 2),
                        table.at(c.text("reduce")),
                        c.flag("include_self", true));
}

std::vector<Tensor> unique_case(const Call& c) {
  const Unique u = c.has("dim") ? unique(input(c, 0), c.integer("dim")) : unique(input(c, 0));
  std::vector<Tensor> results{u.values};
  if (c.flag("return_inverse", true)) results.push_back(u.inverse);
  if (c.flag("return_counts", true)) results.push_back(u.counts);
  return results;
}

// ---- layers --------------------------------------------------------------------------------------

/// Puts the case's arrays in the place of parameters of their names.
template <class M>
void give_parameters(M& module, const Call& c) {
  Arrays given;
  for (const auto& p : nn::named_parameters(module))
    if (const Tensor x = c(p.name); x.defined()) given[p.name] = x;
  replace_parameters(nn::detail::ref(module), given, "");
}

template <class M>
Function cell() {
  return [](const Call& c) {
    const Tensor w = c("weight_ih"), v = c("weight_hh");
    nn::CellOptions options{.bias = c("bias_ih").defined(), .dtype = float64};
    options.relu = c.has("nonlinearity") && c.text("nonlinearity") == "relu";
    M module(w.size(1), v.size(1), options);
    give_parameters(module, c);
    const Tensor x = named(c, {"x", "input"}), h = named(c, {"h0", "hx", "h"});
    if constexpr (std::is_same_v<M, nn::LSTMCell>) {
      const nn::CellState state = module(x, h, named(c, {"c0", "cx", "c"}));
      return std::vector<Tensor>{state.h, state.c};
    } else {
      return std::vector<Tensor>{module(x, h)};
    }
  };
}

std::vector<Tensor> transformer_decoder_layer(const Call& c) {
  auto module = transformer_layer<nn::TransformerDecoderLayer>(c);
  give_parameters(module, c);
  const nn::AttentionMask mask{.key_padding = c("tgt_key_padding_mask"),
                               .mask = c("tgt_mask"),
                               .causal = c.flag("causal") || c.flag("tgt_is_causal")},
      memory_mask{.key_padding = c("memory_key_padding_mask"), .mask = c("memory_mask")};
  return {module(named(c, {"x", "tgt"}), c("memory"), mask, memory_mask)};
}

}  // namespace

Functions more_functions() {
  return {
      {"affine_grid",
       one([](const Call& c) { return affine_grid(input(c, 0), c.shape("size"), c.flag("align_corners")); })},
      {"cdist", one([](const Call& c) { return cdist(input(c, 0), c.all().back(), p_of(c, "p")); })},
      {"ctc_loss", one(ctc_case)},
      {"grid_sample", one(grid_sample_case)},
      {"gru_cell", cell<nn::GRUCell>()},
      {"lp_pool1d", lp_pool(lp_pool1d)},
      {"lp_pool2d", lp_pool(lp_pool2d)},
      {"lp_pool3d", lp_pool(lp_pool3d)},
      {"lstm_cell", cell<nn::LSTMCell>()},
      {"max_unpool1d", max_unpool(max_unpool1d)},
      {"max_unpool2d", max_unpool(max_unpool2d)},
      {"max_unpool3d", max_unpool(max_unpool3d)},
      {"multilabel_margin_loss", one([](const Call& c) {
         return multilabel_margin_loss(input(c, 0), input(c, 1), {.reduction = reduction_of(c)});
       })},
      {"pdist", one([](const Call& c) { return pdist(input(c, 0), p_of(c, "p")); })},
      {"rnn_cell", cell<nn::RNNCell>()},
      {"scatter_reduce", one(scatter_reduce_case)},
      {"transformer_decoder_layer", transformer_decoder_layer},
      {"unique", unique_case},
  };
}

}  // namespace oracle
