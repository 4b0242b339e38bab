#include "gradus/nn/model.h"

#include "collect.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/scope.h"
#include "gradus/inspect/profile.h"
#include "gradus/inspect/view.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops.h"
#include "gradus/report/saved_run.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace gradus::report {
namespace {

constexpr std::int64_t kImages = 64, kSide = 64;  // of weights that are shown
constexpr std::int64_t kWorst = 16, kSeen = 256, kProfiled = 32, kBins = 40;

/// Values as two hexadecimal digits each, the least as 00 and the largest as ff.
std::string hex_of(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double scale = *high > *low ? 255 / (*high - *low) : 0;
  std::string text;
  for (const double v : values)
    text += fmt::format("{:02x}", static_cast<int>(std::isfinite(v) ? (v - *low) * scale : 0));
  return text;
}

/// Pictures of 1 or 3 channels: {"height", "width", "channels", "pixels": [hex]}; null for what is none.
Json pictures(const Tensor& images) {
  if (images.rank() != 4 || images.size(2) > kSide || images.size(3) > kSide || images.size(2) * images.size(3) < 4)
    return nullptr;
  const std::int64_t channels = images.size(1) == 3 ? 3 : 1;
  Json all{{"height", images.size(2)}, {"width", images.size(3)}, {"channels", channels}, {"pixels", Json::array()}};
  for (std::int64_t i = 0; i < std::min(images.size(0), kImages); ++i)
    all["pixels"].push_back(hex_of(narrow(select(images, 0, i), 0, 0, channels).to_vector()));
  return all;
}

/// The weights of the first layer, as pictures of what each unit answers to.
Json first_weights(const nn::Sequential& net, const Shape& row) {
  for (const nn::NamedParameter& named : named_parameters(net)) {
    Tensor w = detach(named.parameter);
    if (w.rank() < 2) continue;
    // Of a linear layer on images: a row or a column of weights for each unit.
    if (w.rank() == 2 && row.rank() == 3 && w.size(1) == row.numel())
      w = reshape(w, {w.size(0), row[0], row[1], row[2]});
    else if (w.rank() == 2 && row.rank() == 3 && w.size(0) == row.numel())
      w = reshape(contiguous(transpose(w, 0, 1)), {w.size(1), row[0], row[1], row[2]});
    Json images = pictures(w);
    if (!images.is_null()) images["name"] = named.name;
    return images;
  }
  return nullptr;
}

/// The path of a layer within the model, as findings have it: without the name of the whole.
std::string within(const std::string& path) {
  const std::size_t dot = path.find('.');
  return dot == std::string::npos ? "" : path.substr(dot + 1);
}

Json graph_of(const graph::View& view, const nn::Sequential& net) {
  std::map<std::string, std::string> about;
  for (const nn::NamedModule& m : named_modules(net)) about[m.name] = m.module.describe();
  Json nodes = Json::array(), edges = Json::array(), layers = Json::object();
  for (const graph::NodeInfo& n : view.nodes()) {
    const std::string layer = within(n.path());
    if (about.contains(layer)) layers[layer] = about[layer];
    nodes.push_back({{"op", n.is_leaf && !n.label.empty() ? n.label : n.op},
                     {"leaf", n.is_leaf},
                     {"layer", layer},
                     {"shape", n.results.empty() ? "" : to_string(n.results[0].shape)},
                     {"saved", n.saved_bytes},
                     {"flops", n.flops}});
  }
  for (const graph::EdgeInfo& e : view.edges()) edges.push_back({e.from, e.to});
  return {{"nodes", nodes}, {"edges", edges}, {"layers", layers}};
}

Json profile_of(const graph::Profile& profile) {
  const auto table = [](const std::vector<graph::Profile::Row>& rows) {
    Json list = Json::array();
    for (const auto& row : rows)
      list.push_back({{"name", row.name},
                      {"calls", row.forward.calls},
                      {"forward", row.forward.seconds},
                      {"backward", row.backward.seconds},
                      {"flops", row.forward.flops + row.backward.flops},
                      {"bytes", row.forward.bytes}});
    return list;
  };
  return {{"rows", kProfiled}, {"ops", table(profile.by_op())}};
}

/// Graph and profile of a pass over a batch of zeros.
void add_graph(Json& run, nn::Sequential& net, const Shape& row) {
  const Tensor input = named_batch(net, row, kProfiled);
  const Tensor y = net(input);
  run["graph"] = graph_of(graph::View(y), net);
  backward(mean(y));  // memory and threads are there for the pass that is timed
  const graph::Profile profile;
  backward(mean(net(input)));
  run["profile"] = profile_of(profile);
}

/// How the rows fared: which class was taken for which, and those with the largest loss.
void add_rows(Json& run, SavedRun& saved, const data::Dataset& rows) {
  if (rows.targets.dtype() != int64) return;
  const NoGrad guard;
  const Tensor y = outputs_of(saved.net, rows.inputs, saved.transform);
  Json result{{"count", rows.size()}};
  try {
    result["confusion"] = confusion(y, rows.targets);
  } catch (const IndexError&) {
    return;  // of more classes: other rows than the run's
  }
  const auto truth = rows.targets.to_vector<std::int64_t>(), guess = argmax(y, 1).to_vector<std::int64_t>();
  const auto loss = cross_entropy(y, rows.targets, {.reduction = Reduction::none}).to_vector();
  result["names"] = rows.class_names;
  std::vector<std::size_t> order(loss.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return loss[a] > loss[b]; });
  order.resize(std::min<std::size_t>(order.size(), kWorst));
  std::vector<std::int64_t> worst(order.begin(), order.end());
  Json list = Json::array();
  for (const std::size_t i : order)
    list.push_back({{"row", i}, {"class", truth[i]}, {"taken_for", guess[i]}, {"loss", loss[i]}});
  result["worst"] = std::move(list);
  result["pictures"] =
      pictures(index_select(rows.inputs, 0, from_vector(worst, {static_cast<std::int64_t>(worst.size())})));
  run["rows"] = std::move(result);
}

/// Shares of the values of each layer's results that lie in equal parts of low … high; those beyond count at the ends.
std::vector<double> shares(const Tensor& x, double low, double high) {
  std::vector<double> counts(kBins);
  for (const double v : x.to_vector()) {
    const double place = std::clamp((v - low) / (high - low) * kBins, 0.0, kBins - 0.5);
    if (!std::isnan(v)) counts[static_cast<std::size_t>(place)] += 1.0 / static_cast<double>(x.numel());
  }
  return counts;
}

/// Histograms of each layer's results with the first weights, which the seed gives again, and the last.
Json activations_of(nn::Sequential& first, nn::Sequential& last, Tensor x) {
  const NoGrad guard;
  nn::eval(first), nn::eval(last);
  Tensor before = x, after = x;
  Json layers = Json::array();
  for (std::size_t i = 0; i < last.size(); ++i) {
    before = first[i](before), after = last[i](after);
    if (after.numel() == 0) break;
    double low = std::min(min(before).item(), min(after).item()),
           high = std::max(max(before).item(), max(after).item());
    if (!std::isfinite(low) || !std::isfinite(high)) break;
    if (!(low < high)) low -= 0.5, high += 0.5;
    layers.push_back({{"layer", std::to_string(i)},
                      {"low", low},
                      {"high", high},
                      {"first", shares(before, low, high)},
                      {"last", shares(after, low, high)}});
  }
  return layers;
}

}  // namespace

void add_model(Json& run, const std::string& folder, const Subjects& subjects) {
  const Json config = run["config"];  // a copy: members of `run` move as it grows
  const Json model = config.value("model", Json()), shape = config.value("input_shape", Json());
  const auto is_size = [](const Json& size) { return size.is_number_unsigned(); };
  if (!model.is_string() || !shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_size)) return;
  std::optional<SavedRun> saved;
  try {
    saved.emplace(folder);
  } catch (const ArgumentError&) {
    return;  // a model of a program's own, of which the folder has the name only
  }
  add_graph(run, saved->net, saved->given);
  if (!saved->has_weights) return;
  run["weights"] = first_weights(saved->net, saved->given);
  if (!subjects.rows || !saved->transform) return;
  const data::Dataset rows = subjects.rows(folder);
  if (rows.size() == 0 || rows.size() != config.value("test_rows", rows.size())) return;
  add_rows(run, *saved, rows);
  if (config.contains("init") || !config.contains("seed") || !config["seed"].is_number_integer()) return;
  Generator generator(config["seed"].get<std::uint64_t>());
  nn::Sequential first = nn::model_from_text(saved->model, saved->given, generator);
  run["activations"] = activations_of(
      first, saved->net, saved->transform(rows.slice(0, std::min(rows.size(), kSeen)).inputs, CallSite{}));
}

}  // namespace gradus::report
