#include "scores.h"

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

std::string confusion_text(const report::Confusion& counts, const std::vector<std::string>& names) {
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
