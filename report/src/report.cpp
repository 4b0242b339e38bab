#include "gradus/report/report.h"

#include "assets.h"
#include "run_json.h"

#include "gradus/nn/save.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;

constexpr std::int64_t kFilters = 64;  // of the first layer, that are shown

[[noreturn]] void refuse(const fs::path& path, const std::string& why, CallSite site) {
  fail<IoError>("report", fmt::format("expected what a run has written, got '{}' ({})", path.string(), why), site);
}

std::optional<std::string> content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {};
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// A file's object; null if there is no such file.
Json object(const fs::path& path, CallSite site) {
  const auto text = content(path);
  if (!text) return nullptr;
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) refuse(path, "no JSON object", site);
  return json;
}

/// The objects that stand a line each; an unfinished line ends the file.
Json lines(const fs::path& path, CallSite site) {
  Json list = Json::array();
  const std::string text = content(path).value_or("");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    Json line = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(at),
                            text.begin() + static_cast<std::ptrdiff_t>(std::min(end, text.size())),
                            nullptr,
                            false);
    if (end == std::string::npos && !line.is_object()) break;
    if (!line.is_object()) refuse(path, fmt::format("line {} is no JSON object", list.size() + 1), site);
    list.push_back(std::move(line));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return list;
}

/// Values as whole numbers from 0 to 255, 0 in the middle: 127.
Json as_bytes(const double* values, std::int64_t count, double largest) {
  Json bytes = Json::array();
  for (std::int64_t i = 0; i < count; ++i)
    bytes.push_back(
        std::clamp<std::int64_t>(std::llround(127 + 127 * (largest > 0 ? values[i] / largest : 0)), 0, 255));
  return bytes;
}

/// The weights that take the inputs, where these are images, as pictures: kernels, or the rows of a matrix.
Json first_weights(const fs::path& file, const Json& config) {
  if (!fs::exists(file) || !config.is_object() || !config.contains("input_shape")) return nullptr;
  auto shape = config["input_shape"].get<std::vector<std::int64_t>>();
  if (shape.size() != 3) return nullptr;
  for (const auto& [name, tensor] : nn::load_tensors(file.string())) {
    const bool kernels = tensor.rank() == 4 && tensor.size(1) == shape[0];
    if (!kernels && (tensor.rank() != 2 || tensor.size(1) != shape[0] * shape[1] * shape[2])) continue;
    if (kernels) shape = {shape[0], tensor.size(2), tensor.size(3)};
    if (shape[0] != 3) shape[0] = 1;  // of several channels the first
    const Tensor weights = contiguous(cast(tensor, float64));
    const std::int64_t each = weights.numel() / weights.size(0), shown = shape[0] * shape[1] * shape[2];
    Json list = Json::array();
    for (std::int64_t f = 0; f < std::min(weights.size(0), kFilters); ++f) {
      const double* const w = weights.data<double>() + f * each;
      double largest = 0;
      for (std::int64_t i = 0; i < shown; ++i) largest = std::max(largest, std::abs(w[i]));
      list.push_back(as_bytes(w, shown, largest));
    }
    return {{"name", name}, {"shape", shape}, {"of", weights.size(0)}, {"images", std::move(list)}};
  }
  return nullptr;
}

Json to_json(const Evaluation::Row& row) {
  const auto [low, high] = std::minmax_element(row.values.begin(), row.values.end());
  Json bytes = Json::array();
  for (const double v : row.values) bytes.push_back(*high > *low ? std::llround(255 * (v - *low) / (*high - *low)) : 0);
  return {{"row", row.row},
          {"truth", row.truth},
          {"guess", row.guess},
          {"probability", row.probability},
          {"shape", row.shape},
          {"bytes", std::move(bytes)}};
}

/// Without what would end the element that it stands in.
std::string for_script(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  for (const char c : text) safe += c == '<' ? std::string_view("\\u003c") : std::string_view(&c, 1);
  return safe;
}

/// `text` with {{name}} replaced.
void fill(std::string& text, std::string_view name, std::string_view with) {
  const std::string mark = fmt::format("{{{{{}}}}}", name);
  if (const std::size_t at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), with);
}

}  // namespace

Report::Report() : impl_(std::make_unique<Impl>()) {}
Report::~Report() = default;
Report::Report(Report&&) noexcept = default;
Report& Report::operator=(Report&&) noexcept = default;

void Report::add_run(const std::string& folder, CallSite site) {
  const fs::path place(folder);
  Json run{{"name", fs::weakly_canonical(place).filename().string()}};
  run["config"] = object(place / "config.json", site);
  run["summary"] = object(place / "summary.json", site);
  run["epochs"] = lines(place / "metrics.jsonl", site);
  run["steps"] = lines(place / "steps.jsonl", site);
  run["findings"] = lines(place / "findings.jsonl", site);
  if (run["config"].is_null() && run["epochs"].empty() && run["steps"].empty())
    refuse(place, "no config.json, metrics.jsonl or steps.jsonl", site);
  run["weights"] = first_weights(place / "weights.safetensors", run["config"]);
  run["evaluation"] = nullptr;
  impl_->runs.push_back(std::move(run));
}

void Report::add_evaluation(const Evaluation& evaluation, CallSite site) {
  if (impl_->runs.empty()) fail<ArgumentError>("report", "expected add_run before add_evaluation, got none", site);
  Json& json = impl_->runs.back()["evaluation"];
  json = {{"part", evaluation.part}, {"classes", evaluation.classes}, {"confusion", evaluation.confusion}};
  json["worst"] = Json::array();
  for (const Evaluation::Row& row : evaluation.worst) json["worst"].push_back(to_json(row));
}

std::string Report::json() const {
  return Json{{"gradus_report", 1}, {"runs", impl_->runs}}.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Report::html() const {
  std::string page(page_html);
  fill(page, "style", style_css);
  fill(page, "data", for_script({{"gradus_report", 1}, {"runs", impl_->runs}}));
  fill(page, "chart", chart_min_js);
  fill(page, "app", app_js);
  return page;
}

}  // namespace gradus::report
