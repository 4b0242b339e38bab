#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

std::optional<std::int64_t> ignored(const Call& c) {
  if (c.has("ignore_index")) return c.integer("ignore_index");
  if (c.attrs().contains("ignore_index")) return {};  // null: nothing
  return -100;
}

std::vector<Tensor> batch_norm_case(const Call& c) {
  const double eps = c.number("eps", 1e-5);
  if (!c.flag("training"))
    return {batch_norm_eval(c("x"), c("running_mean"), c("running_var"), c("weight"), c("bias"), eps)};
  const BatchNormResult r = batch_norm(c("x"), c("weight"), c("bias"), eps);
  std::vector<Tensor> outputs{r.y};
  if (c("running_mean").defined()) {
    const double m = c.number("momentum", 0.1);
    outputs.push_back(c("running_mean") * (1 - m) + r.mean * m);
    outputs.push_back(c("running_var") * (1 - m) + r.var * m);
  }
  return outputs;
}

Tensor concat_case(const Call& c) {
  const std::int64_t dim = c.integer("dim", 0);
  const bool thrice = c.has("note") && c.text("note").find("x, 2x, x") != std::string::npos;
  if (c.names().size() > 1 || !thrice) return concat(c.all(), dim);
  const Tensor x = c("x");
  return concat({x, 2.0 * x, x}, dim);
}

/// Only what doesn't depend on chance: no training, nothing dropped, all dropped.
Tensor dropout_case(const Call& c) {
  const bool training = c.flag("training", true);
  const double p = c.number("p", 0.5);
  if (training && p != 0 && p != 1) throw Missing{"reference for random numbers"};
  return dropout(c("x"), p, training);
}

/// Where PyTorch is told no dimension.
std::int64_t softmax_dim(const Call& c) {
  if (c.has("dim")) return c.integer("dim");
  const int rank = c("x").rank();
  return rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
}

std::vector<Tensor> split_case(const Call& c) {
  const std::int64_t dim = c.integer("dim", 0);
  if (c.has("chunks")) {
    const Tensor x = c("x");
    const std::int64_t n = c.integer("chunks"), size = x.size(dim);
    return split(x, std::max<std::int64_t>(1, (size + n - 1) / n), dim);
  }
  if (c.attrs().at("sizes").is_number()) return split(c("x"), c.integer("sizes"), dim);
  return split(c("x"), c.attrs().at("sizes").get<std::vector<std::int64_t>>(), dim);
}

std::optional<double> bound(const Call& c, const char* key) {
  if (c.has(key)) return c.number(key);
  return {};
}

}  // namespace

Functions basic_functions() {
  return {
      {"abs", unary(abs)},
      {"add", binary(add)},
      {"addmm",
       one([](const Call& c) { return addmm(c("c"), c("a"), c("b"), c.number("alpha", 1), c.number("beta", 1)); })},
      {"amax", reduction([](const Tensor& x, const Axes& a, bool keep) { return max(x, a, keep); })},
      {"amin", reduction([](const Tensor& x, const Axes& a, bool keep) { return min(x, a, keep); })},
      {"argmax", one([](const Call& c) {
         return c.has("dim") ? argmax(c("x"), c.integer("dim"), c.flag("keepdim")) : argmax(c("x"));
       })},
      {"argmin", one([](const Call& c) {
         return c.has("dim") ? argmin(c("x"), c.integer("dim"), c.flag("keepdim")) : argmin(c("x"));
       })},
      {"baddbmm",
       one([](const Call& c) { return baddbmm(c("c"), c("a"), c("b"), c.number("alpha", 1), c.number("beta", 1)); })},
      {"batch_norm", batch_norm_case},
      {"bce_with_logits", one([](const Call& c) {
         return bce_with_logits(
             c("x"), c("target"), {.weight = c("weight"), .pos_weight = c("pos_weight"), .reduction = reduction_of(c)});
       })},
      {"bmm", binary(bmm)},
      {"chunk", split_case},
      {"clamp", one([](const Call& c) { return clamp(c("x"), bound(c, "min"), bound(c, "max")); })},
      {"concat", one(concat_case)},
      {"cos", unary(cos)},
      {"cross_entropy", one([](const Call& c) {
         return cross_entropy(c("x"),
                              c("target"),
                              {.weight = c("weight"),
                               .ignore_index = ignored(c),
                               .label_smoothing = c.number("label_smoothing", 0),
                               .reduction = reduction_of(c)});
       })},
      {"cross", one([](const Call& c) { return cross(c("a"), c("b"), c.has("dim") ? c.integer("dim") : -1); })},
      {"div", binary(div)},
      {"dot", binary(dot)},
      {"dropout", one(dropout_case)},
      {"dropout_mask", one([](const Call& c) { return c("x") * to(c("mask"), float64) / (1 - c.number("p", 0.5)); })},
      {"einsum", one([](const Call& c) { return einsum(c.text("equation"), c.all()); })},
      {"elu", one([](const Call& c) { return elu(c("x"), c.number("alpha", 1)); })},
      {"erf", unary(erf)},
      {"exp", unary(exp)},
      {"expand", one([](const Call& c) { return broadcast_to(c("x"), c.shape("shape")); })},
      {"expm1", unary(expm1)},
      {"gather", one([](const Call& c) { return gather(c("x"), c.integer("dim"), c("index")); })},
      {"ge", binary(greater_equal)},
      {"gt", binary(greater)},
      {"eq", binary(equal_to)},
      {"le", binary(less_equal)},
      {"lt", binary(less)},
      {"ne", binary(not_equal_to)},
      {"index_select", one([](const Call& c) { return index_select(c("x"), c.integer("dim"), c("index")); })},
      {"kron", binary(kron)},
      {"l1_loss", one([](const Call& c) { return l1_loss(c("x"), c("target"), {.reduction = reduction_of(c)}); })},
      {"leaky_relu", one([](const Call& c) { return leaky_relu(c("x"), c.number("negative_slope", 0.01)); })},
      {"linear", one([](const Call& c) { return linear(c("x"), c("weight"), c("bias")); })},
      {"log", unary(log)},
      {"log1p", unary(log1p)},
      {"log_softmax", one([](const Call& c) { return log_softmax(c("x"), softmax_dim(c)); })},
      {"logsumexp", reduction([](const Tensor& x, const Axes& a, bool keep) { return logsumexp(x, a, keep); })},
      {"matmul", binary(matmul)},
      {"max_dim",
       [](const Call& c) {
         const auto r = max_with_index(c("x"), c.integer("dim"), c.flag("keepdim"));
         return std::vector<Tensor>{r.values, r.indices};
       }},
      {"min_dim",
       [](const Call& c) {
         const auto r = min_with_index(c("x"), c.integer("dim"), c.flag("keepdim"));
         return std::vector<Tensor>{r.values, r.indices};
       }},
      {"maximum", binary(maximum)},
      {"maxout", one([](const Call& c) { return maxout(c("x"), c.integer("pieces")); })},
      {"mean", reduction([](const Tensor& x, const Axes& a, bool keep) { return mean(x, a, keep); })},
      {"minimum", binary(minimum)},
      {"mse_loss", one([](const Call& c) { return mse_loss(c("x"), c("target"), {.reduction = reduction_of(c)}); })},
      {"mul", binary(mul)},
      {"mv", binary(mv)},
      {"neg", unary(neg)},
      {"nll_loss", one([](const Call& c) {
         return nll_loss(
             c("x"), c("target"), {.weight = c("weight"), .ignore_index = ignored(c), .reduction = reduction_of(c)});
       })},
      {"outer", binary(outer)},
      {"permute", one([](const Call& c) { return permute(c("x"), c.shape("dims")); })},
      {"pow", binary(pow)},
      {"pow_scalar", one([](const Call& c) { return pow(c("x"), c.number("exponent")); })},
      {"prelu", one([](const Call& c) { return prelu(c("x"), c("weight")); })},
      {"prod", reduction([](const Tensor& x, const Axes& a, bool keep) { return prod(x, a, keep); })},
      {"reciprocal", unary(reciprocal)},
      {"relu", unary(relu)},
      {"reshape", one([](const Call& c) { return reshape(c("x"), c.shape("shape")); })},
      {"rrelu", one([](const Call& c) -> Tensor {
         const double lower = c.number("lower", 1.0 / 8), upper = c.number("upper", 1.0 / 3);
         const bool training = c.has("training") && c.flag("training");
         if (training && lower != upper) throw Missing{"reference for random numbers"};
         return rrelu(c("x"), lower, upper, training);
       })},
      {"rsqrt", unary(rsqrt)},
      {"scatter_add", one([](const Call& c) { return scatter_add(c("x"), c.integer("dim"), c("index"), c("src")); })},
      {"select", one([](const Call& c) { return select(c("x"), c.integer("dim"), c.integer("index")); })},
      {"sigmoid", unary(sigmoid)},
      {"sign", unary(sign)},
      {"sin", unary(sin)},
      {"slice", one([](const Call& c) { return slice_ranges(c("x"), c.attrs().at("ranges")); })},
      {"softmax", one([](const Call& c) { return softmax(c("x"), softmax_dim(c)); })},
      {"softmin", one([](const Call& c) { return softmin(c("x"), softmax_dim(c)); })},
      {"softplus", one([](const Call& c) { return softplus(c("x"), c.number("beta", 1), c.number("threshold", 20)); })},
      {"split", split_case},
      {"sqrt", unary(sqrt)},
      {"square", unary(square)},
      {"squeeze",
       one([](const Call& c) { return c.has("dim") ? squeeze(c("x"), c.integer("dim")) : squeeze(c("x")); })},
      {"stack", one([](const Call& c) { return stack(c.all(), c.integer("dim", 0)); })},
      {"sub", binary(sub)},
      {"sum", reduction([](const Tensor& x, const Axes& a, bool keep) { return sum(x, a, keep); })},
      {"tanh", unary(tanh)},
      {"trace", unary(trace)},
      {"transpose", one([](const Call& c) { return transpose(c("x"), c.integer("dim0"), c.integer("dim1")); })},
      {"unsqueeze", one([](const Call& c) { return unsqueeze(c("x"), c.integer("dim")); })},
      {"var",
       one([](const Call& c) { return var(c("x"), axes(c), c.flag("keepdim"), c.flag("unbiased", true) ? 1 : 0); })},
      {"where", one([](const Call& c) { return where(c("cond"), c("a"), c("b")); })},
      {"sequential", one([](const Call& c) {
         Arrays given;
         for (const std::string& name : c.names()) given[name] = c(name);
         return make_net(c.attrs().at("layers"), given, "")(c("x"));
       })},
      // Two words of the language of programs.
      {"add_scalar", one([](const Call& c) { return c.all()[0] + c.number("value"); })},
      {"stop_gradient", unary([](Arg x) { return detach(x); })},
  };
}

Function unary(Tensor (*f)(Arg)) {
  return [f](const Call& c) { return std::vector<Tensor>{f(c.all().at(0))}; };
}

Function binary(Tensor (*f)(Arg, const Tensor&)) {
  return [f](const Call& c) {
    const auto in = c.all();
    return std::vector<Tensor>{f(in.front(), in.back())};
  };
}

Tensor slice_ranges(Tensor x, const Json& ranges) {
  std::int64_t axis = 0;
  for (const Json& range : ranges) {
    const auto or_else = [&](std::size_t i, std::int64_t otherwise) {
      return i >= range.size() || range[i].is_null() ? otherwise : range[i].get<std::int64_t>();
    };
    x = slice(x, axis++, or_else(0, 0), or_else(1, kEnd), or_else(2, 1));
  }
  return x;
}

Axes axes(const Call& c) { return c.has("dim") ? Axes(c.shape("dim")) : Axes(); }

Reduction reduction_of(const Call& c) {
  const std::string name = c.has("reduction") ? c.text("reduction") : "mean";
  return name == "mean" ? Reduction::mean : name == "sum" ? Reduction::sum : Reduction::none;
}

namespace {

const Functions& functions() {
  static const Functions table = [] {
    Functions all;
    for (Functions family : {basic_functions(),
                             reduce_functions(),
                             shape_functions(),
                             elementwise_functions(),
                             image_functions(),
                             loss_functions(),
                             linalg_functions(),
                             module_functions(),
                             more_functions()})
      all.merge(family);
    return all;
  }();
  return table;
}

}  // namespace

const Function* find_function(const std::string& op) {
  const auto at = functions().find(op);
  return at == functions().end() ? nullptr : &at->second;
}

std::string missing_in_program(const Json& nodes) {
  for (const Json& node : nodes)
    if (find_function(node.at("op")) == nullptr) return node.at("op");
  return "";
}

namespace {

/// What a function calls its inputs, which a program gives in order only.
std::vector<std::string> input_names(const std::string& op, std::size_t count) {
  using Names = std::vector<std::string>;
  static const std::map<std::string, Names> table = [] {
    std::map<std::string, Names> all{{"addcdiv", {"x", "a", "b"}},
                                     {"addcmul", {"x", "a", "b"}},
                                     {"addmm", {"c", "a", "b"}},
                                     {"attention", {"q", "k", "v"}},
                                     {"bilinear", {"a", "b", "weight", "bias"}},
                                     {"dropout_mask", {"x", "mask"}},
                                     {"embedding", {"index", "weight"}},
                                     {"gather", {"x", "index"}},
                                     {"index_select", {"x", "index"}},
                                     {"scatter_add", {"x", "index", "src"}},
                                     {"where", {"cond", "a", "b"}}};
    for (const char* name : {"conv1d",
                             "conv2d",
                             "conv3d",
                             "conv_transpose1d",
                             "conv_transpose2d",
                             "group_norm",
                             "instance_norm",
                             "layer_norm",
                             "linear",
                             "prelu"})
      all[name] = {"x", "weight", "bias"};
    for (const char* name : {"bce_loss",
                             "bce_with_logits",
                             "cross_entropy",
                             "hinge_embedding_loss",
                             "huber_loss",
                             "kl_div",
                             "l1_loss",
                             "mse_loss",
                             "multi_margin_loss",
                             "multilabel_soft_margin_loss",
                             "nll_loss",
                             "poisson_nll_loss",
                             "smooth_l1_loss",
                             "soft_margin_loss"})
      all[name] = {"x", "target", "weight"};
    return all;
  }();
  Names names;
  const auto at = table.find(op);
  for (std::size_t i = 0; i < count; ++i)
    names.push_back(at != table.end() && i < at->second.size() ? at->second[i]
                    : count == 1                               ? "x"
                                                               : std::string(1, static_cast<char>('a' + i)));
  return names;
}

}  // namespace

std::vector<Tensor> run_program(const Json& nodes, const std::string& result, Arrays values) {
  for (const Json& node : nodes) {
    const auto names = node.at("in").get<std::vector<std::string>>();
    Arrays inputs;
    const auto order = input_names(node.at("op"), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) inputs[order[i]] = values.at(names[i]);
    const Json attrs = node.value("attrs", Json::object());
    values[node.at("out")] = (*find_function(node.at("op")))(Call(attrs, inputs, order)).at(0);
  }
  return {values.at(result)};
}

}  // namespace oracle
