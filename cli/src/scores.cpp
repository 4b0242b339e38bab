#include "scores.h"

#include "gradus/graph/recording.h"
#include "gradus/nn/model.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus::cli {

void print_score(const char* name, const train::Score& score) {
  if (std::isnan(score.loss)) return;
  if (std::isnan(score.accuracy))
    fmt::print("{} R² {:.4f}, root mean squared error {:.6g}, loss {:.6g}\n",
               name,
               score.r2,
               std::sqrt(score.loss),
               score.loss);
  else
    fmt::print("{} accuracy {:.4f}, loss {:.4f}\n", name, score.accuracy, score.loss);
}

nlohmann::ordered_json score_json(const train::Score& score) {
  nlohmann::ordered_json json;  // NaN becomes null
  json["loss"] = score.loss;
  json["accuracy"] = score.accuracy;
  json["r2"] = score.r2;
  return json;
}

Tensor outputs_of(nn::Sequential& net, const Tensor& inputs, const data::Transform& transform) {
  constexpr std::int64_t kBatch = 256;
  nn::eval(net);
  const NoGrad guard;
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < inputs.size(0); i += kBatch) {
    const Tensor rows = slice(inputs, 0, i, std::min(i + kBatch, inputs.size(0)));
    parts.push_back(net(transform ? transform(rows, CallSite::here()) : rows));
  }
  return concat(parts, 0);
}

Confusion confusion(nn::Sequential& net,
                    const data::Dataset& rows,
                    const data::Transform& transform,
                    std::int64_t classes) {
  const Tensor guess = argmax(outputs_of(net, rows.inputs, transform), 1), truth = contiguous(rows.targets);
  Confusion counts(static_cast<std::size_t>(classes),
                   std::vector<std::int64_t>(static_cast<std::size_t>(guess.defined() ? classes : 0)));
  const auto *const g = guess.data<std::int64_t>(), *const t = truth.data<std::int64_t>();
  for (std::int64_t i = 0; i < rows.size(); ++i)
    if (g[i] < classes) ++counts[static_cast<std::size_t>(t[i])][static_cast<std::size_t>(g[i])];
  return counts;
}

std::string confusion_text(const Confusion& counts, const std::vector<std::string>& names) {
  const auto name = [&](std::size_t c) { return c < names.size() ? names[c] : std::to_string(c); };
  std::size_t width = 9;
  for (std::size_t c = 0; c < counts.size(); ++c) width = std::max(width, name(c).size() + 1);
  std::string text = fmt::format("{:>{}}", "class", width);
  for (std::size_t k = 0; k < counts.size(); ++k) text += fmt::format(" {:>5}", name(k).substr(0, 5));
  text += fmt::format(" {:>8} {:>10}\n", "recall", "precision");
  for (std::size_t c = 0; c < counts.size(); ++c) {
    std::int64_t taken = 0;
    for (const auto& row : counts) taken += row[c];
    const std::int64_t there = std::accumulate(counts[c].begin(), counts[c].end(), std::int64_t{0});
    const auto share = [&](std::int64_t of) {
      return of == 0 ? std::string("-")
                     : fmt::format("{:.4f}", static_cast<double>(counts[c][c]) / static_cast<double>(of));
    };
    text += fmt::format("{:>{}}", name(c), width);
    for (const std::int64_t n : counts[c]) text += fmt::format(" {:>5}", n);
    text += fmt::format(" {:>8} {:>10}\n", share(there), share(taken));
  }
  return text;
}

}  // namespace gradus::cli
