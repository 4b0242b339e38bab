#include "gradus/train/finding.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace gradus::train {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "";
}

std::string to_string(const Finding& finding) {
  std::string place;
  if (!finding.layer.empty()) place += " in " + finding.layer;
  if (finding.site.line != 0) place += " at " + gradus::to_string(finding.site);
  if (finding.step > 0) place += fmt::format(", epoch {}, step {}", finding.epoch, finding.step);
  return fmt::format("{}: {}{}: {}", to_string(finding.severity), finding.rule, place, finding.text);
}

std::string to_json(const Finding& finding) {
  const nlohmann::ordered_json json{{"severity", to_string(finding.severity)},
                                    {"rule", finding.rule},
                                    {"layer", finding.layer},
                                    {"site", gradus::to_string(finding.site)},
                                    {"epoch", finding.epoch},
                                    {"step", finding.step},
                                    {"value", finding.value},
                                    {"threshold", finding.threshold},
                                    {"text", finding.text}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace gradus::train
