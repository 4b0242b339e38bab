#include "run_json.h"
#include "tensorboard.h"

#include "gradus/report/report.h"
#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;

/// Numbers of a line under "prefix/key"; null stands for NaN and is left out.
void add(EventWriter& to, const Json& line, const std::string& prefix, std::int64_t step, double time) {
  for (const auto& [key, value] : line.items()) {
    if (key == "epoch" || key == "step" || key == "activations") continue;
    if (value.is_number()) to.add_scalar(prefix + key, step, time, value.get<double>());
    if (value.is_object()) add(to, value, prefix + key + "/", step, time);
  }
}

void write(const Json& run, const fs::path& folder) {
  constexpr double kStart = 1.7e9;  // runs do not keep the hour; TensorBoard wants one
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  EventWriter events((folder / event_file_name(static_cast<std::int64_t>(kStart))).string(), kStart);
  double time = kStart;
  for (const Json& epoch : run["epochs"]) {
    time += epoch.value("seconds", 0.0);
    add(events, epoch, "epoch/", epoch.value("epoch", std::int64_t{0}), time);
  }
  for (const Json& step : run["steps"]) {
    const auto number = step.value("step", std::int64_t{0});
    add(events, step, "step/", number, kStart + static_cast<double>(number));
    for (const Json& a : step.value("activations", Json::array()))
      add(events,
          {{"mean", a.value("mean", Json())},
           {"std", a.value("std", Json())},
           {"dead", a.value("dead", Json())},
           {"saturated", a.value("saturated", Json())}},
          fmt::format("activations/{} {}/", a.value("layer", ""), a.value("op", "")),
          number,
          kStart + static_cast<double>(number));
  }
}

}  // namespace

void Report::write_tensorboard(const std::string& folder) const {
  for (const Json& run : impl_->runs) write(run, fs::path(folder) / run["name"].get<std::string>());
}

}  // namespace gradus::report
