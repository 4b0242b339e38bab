#pragma once

#include "gradus/report/report.h"

#include <nlohmann/json.hpp>

namespace gradus::report {

using Json = nlohmann::ordered_json;

/// What was read: an object for each run.
struct Report::Impl {
  Json runs = Json::array();
};

}  // namespace gradus::report
